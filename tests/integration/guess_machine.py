"""Verify jobs of one bank account, a Stripe that counts, and what the store should."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from customer_sources.contract.states import State
from worker.guesses import Became, Guess

TARGET = "default:cus_1/ba_1"
PAIRS = {"right": [32, 45], "wrong": [1, 2], "other": [3, 4], "third": [5, 6]}
KEY_LIFE_MS = 24 * 3_600_000
QUIET_MS = 60_000
MOST = 3


@dataclass
class GuessJob:
    """A verify job as its producer knows it."""

    id: str
    key: str
    """What Stripe knows it by; of a replay, the key of the job before it."""
    pair: str
    use_reserve: bool
    ended: State | None = None
    replayed: bool = False

    @property
    def guess(self) -> Guess:
        return Guess(TARGET, MOST if self.use_reserve else MOST - 1, self.pair)

    @property
    def may_hold(self) -> bool:
        """Whether nobody may know what became of its guess."""
        return self.ended in {None, State.NEEDS_REVIEW} and not self.replayed


@dataclass
class GuessRun:
    """What a worker knows in one run."""

    job: GuessJob
    token: str
    unknown: bool
    quiet_ends: int
    has_guessed: bool
    answer: str = ""
    """What Stripe said: verified, already, missed or locked."""


class Saved(NamedTuple):
    answer: str
    at: int


@dataclass
class CountingStripe:
    """Looks at each guess, and holds it against what was promised."""

    status: str = "new"
    missed: set[str] = field(default_factory=set)
    """Keys of the guesses that have cost an attempt."""
    proved: set[str] = field(default_factory=set)
    """Pairs of which a job has ended with the word that they are wrong."""
    _saved: dict[str, Saved] = field(default_factory=dict)

    def take(self, job: GuessJob, now: int) -> str:
        """Answer a request: from memory, or by looking at its amounts."""
        saved = self._saved.get(job.key)
        if saved and now - saved.at < KEY_LIFE_MS:
            return saved.answer
        assert saved is None, "a guess is looked at twice, its key being forgotten"
        answer = self._look_at(job)
        self._saved[job.key] = Saved(answer, now)
        return answer

    def _look_at(self, job: GuessJob) -> str:
        if self.status == "verified":
            return "already"
        if self.status == "verification_failed":
            return "locked"
        if job.pair == "right":
            self.status = "verified"
            return "verified"
        assert job.pair not in self.proved, "a pair that was wrong is sent again"
        self.missed.add(job.key)
        if len(self.missed) == MOST:
            assert job.use_reserve, "the attempt that is kept for a person is used"
            self.status = "verification_failed"
        return "missed"


class Flight(NamedTuple):
    """A request that is late: it may arrive yet."""

    job: GuessJob
    left_at: int

    def can_arrive(self, now: int) -> bool:
        return now - self.left_at < QUIET_MS


@dataclass
class Books:
    """What ought to be counted."""

    stripe: CountingStripe
    jobs: list[GuessJob] = field(default_factory=list)
    flights: list[Flight] = field(default_factory=list)
    settled: set[str] = field(default_factory=set)
    """Keys of guesses that jobs have ended as missed, or as the last of all."""

    def note(self, job: GuessJob, became: Became) -> None:
        """Take down what a job has ended with."""
        if became is Became.VERIFIED:
            self.settled.clear()
        elif became in {Became.MISSED, Became.OVER}:
            self.settled.add(job.key)
            self.stripe.proved.add(job.pair)

    def broken(self, kept: dict[str, str], now: int) -> Iterator[str]:
        """Name what the store counts otherwise. `kept` is what it counts."""
        held = {name[5:] for name in kept if name.startswith("held:")}
        used = int(kept.get("used", 0))
        if used != len(self.settled):
            yield f"{used} are counted, {len(self.settled)} were proved"
        late = {one.job.key for one in self.flights if one.can_arrive(now)}
        out = late | self.stripe.missed
        if self.stripe.status == "verified":
            out = set()  # nothing is left to be guessed
        for key in out - held - self.settled:
            yield f"the guess of {key} may have been looked at and is not counted"
        for key in held - {job.key for job in self.jobs if job.may_hold}:
            yield f"{key} is held, and what became of it is known"
