"""What a worker knows in one run of a job, and what it truthfully decides from that.

The engine's decisions, in few words: an answer is proof or it is not; what was sent
and not answered is unknown; no verdict of doubt while a request can still arrive.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from customer_sources.contract.states import State
from tests.integration.ledger_machine.stripe import Answer, Request
from worker.replies import Claimed, Word

MOST_DEATHS = 3
QUIET_MS = 60_000
SEND_MS = 8_000
"""How long after the ledger's leave a worker that was paused may still send."""


TIE_MS = 10
"""By so much a moment of the store's may lie after ours, for one call."""


@dataclass(frozen=True)
class Job:
    """A job as its producer knows it."""

    id: str
    kind: str
    """create, delete or get."""
    customer: str
    lane: str
    """Empty: it stands in none."""
    keyed: str = ""
    """The producer's idempotency key."""
    key: str = ""
    """The key that Stripe sees; of a replay, that of the job before it."""
    source: str = ""
    later: bool = False
    """Accepted for a date; it joins its lane then."""
    replay_of: tuple[str, ...] = ()

    def named(self, job_id: str) -> Job:
        """The same job, under the id that it got."""
        return replace(self, id=job_id)

    @property
    def ids(self) -> tuple[str, ...]:
        """Under which ids its requests may have left."""
        return (self.id, *self.replay_of)

    @property
    def effect(self) -> str:
        return {"create": "keyed", "delete": "plain", "get": "none"}[self.kind]

    @property
    def subject(self) -> str:
        """By what its effect is counted at Stripe."""
        return self.key or self.id if self.kind == "create" else self.source


class Commit(NamedTuple):
    """The run ends the job."""

    state: State
    unknown: bool = False
    review: bool = False


class Defer(NamedTuple):
    """The run ends, the job does not."""

    unknown: bool
    delay_ms: int
    counts: bool = True


Decision = Commit | Defer


@dataclass
class Run:
    """One claim of a job by a worker."""

    job: Job
    token: str
    boot: str
    unknown: bool
    quiet_ends: int
    lease_until: int
    leave: Word | None
    given_at: int
    """When the ledger gave its word."""
    crashes: int = 0
    out: Request | None = None
    decision: Decision | None = None

    @classmethod
    def of(cls, job: Job, token: str, boot: str, claimed: Claimed, now: int) -> Run:
        record = claimed.record
        run = cls(
            job=job,
            token=token,
            boot=boot,
            unknown=record.get("unknown") == "1",
            quiet_ends=int(record.get("quiet_until", 0)),
            lease_until=now + 8_000,
            leave=None,
            given_at=now,
            crashes=int(record.get("crashes", 0)),
        )
        run.hear(claimed.leave, now)
        return run

    @property
    def may_send(self) -> bool:
        """Whether it has the ledger's leave, and has not used it."""
        return self.leave is Word.GO and self.decision is None

    def is_late(self, now: int) -> bool:
        """Whether its own clock forbids that bytes leave now."""
        return now >= min(self.lease_until, self.given_at + SEND_MS)

    def quiet_for(self, now: int) -> int:
        """How long something of it can still arrive; 0: not any more."""
        return max(0, self.quiet_ends - now - TIE_MS)

    def hear(self, word: Word | None, now: int) -> None:
        """Take the ledger's word for the next request."""
        self.leave, self.given_at = word, now
        if self.crashes >= MOST_DEATHS:
            self.leave, self.decision = None, self._in_doubt(now, ends_anyway=True)
        elif word is Word.WAIT:
            self.give_up()
        elif word is Word.CANCEL:
            self.decision = Commit(State.CANCELLED, unknown=self.unknown)
        elif word in {Word.HORIZON, Word.DEADLINE}:
            self.decision = self._in_doubt(now)

    def lose(self, now: int) -> None:
        """Its request was sent, and no answer will be read."""
        self.out = None
        if self.job.effect != "none":
            self.unknown, self.quiet_ends = True, now + QUIET_MS

    def give_up(self) -> None:
        """End the run on what it knows, without a word from Stripe."""
        self.leave, self.decision = None, self._wait()

    def read(self, now: int) -> None:
        """Read the answer to its request, and decide."""
        assert self.out is not None
        answer, self.out = self.out.answer, None
        changes = self.job.effect != "none"
        if answer is Answer.BUSY:
            self.decision = self._wait()
        elif answer is Answer.BROKEN:
            if changes:
                self.unknown, self.quiet_ends = True, now + QUIET_MS
            self.decision = self._wait()
        elif answer is Answer.OK or (answer is Answer.GONE and self.unknown):
            self._prove(State.SUCCEEDED)
        elif self.unknown and self.job.effect == "plain":
            # Another request of it may have been executed: this answer says nothing.
            self.decision = self._in_doubt(now)
        else:
            self._prove(State.FAILED)

    def look(self, *, done: bool, now: int) -> None:
        """Read Stripe instead of sending: nothing can arrive any more."""
        assert not self.quiet_for(now)
        self.leave = None
        self._prove(State.SUCCEEDED if done else State.FAILED)

    def _prove(self, state: State) -> None:
        self.unknown = False
        self.decision = Commit(state)

    def _wait(self) -> Defer:
        return Defer(self.unknown, 2_000)

    def _in_doubt(self, now: int, *, ends_anyway: bool = False) -> Decision:
        quiet_for = self.quiet_for(now)
        if self.unknown and quiet_for:
            return Defer(unknown=True, delay_ms=quiet_for, counts=False)
        if self.unknown or ends_anyway:
            return Commit(State.NEEDS_REVIEW, unknown=self.unknown, review=True)
        return Commit(State.FAILED, review=True)
