"""Workers at verify jobs, who decide as the engine does, over the real scripts.

An answer is proof, what was sent and not answered is unknown, and no verdict of doubt
is given while a request can still arrive.
"""

from __future__ import annotations

from collections.abc import Sequence

from customer_sources.contract.states import State
from tests.integration.guess_machine import (
    QUIET_MS,
    Books,
    Flight,
    GuessJob,
    GuessRun,
)
from tests.integration.ledger_machine.world import World
from worker.guesses import Became
from worker.replies import Claimed, Ending, Word


class GuessWorkers:
    """What they are at, and what they know.

    Args:
        world: the ledger.
        books: what ought to be counted.
    """

    def __init__(self, world: World, books: Books) -> None:
        self.world, self.books = world, books
        self.runs: list[GuessRun] = []

    def claim(self, job: GuessJob, worker: int, *, twice: bool) -> GuessRun | None:
        """Take a job; None: it is not to be had. `twice`: the answer was lost."""
        token, ledger = f"run-{self.world.number()}", self.world.ledger(worker)
        for _ in range(1 + twice):
            claimed = self.world.call(lambda: ledger.claim(job.id, token, alone=True))
        if not isinstance(claimed, Claimed):
            return None
        record = claimed.record
        assert record.get("key", job.id) == job.key
        assert claimed.leave is not Word.GO, "nothing leaves that is not counted"
        unknown = record.get("unknown") == "1"
        quiet_ends = int(record.get("quiet_until", 0))
        run = GuessRun(job, token, unknown, quiet_ends, unknown)
        self.runs.append(run)
        if claimed.leave is not None:
            self._hold_back(run, claimed.leave)
        return run

    def go_on(self, run: GuessRun, tries: Sequence[str], then: str) -> None:
        """Let a worker send until it has an answer, and be done with its run."""
        for becomes in tries:
            if run in self.runs and not run.answer:
                self._send(run, becomes)
        if run in self.runs and then == "dies":
            self.runs.remove(run)
        elif run in self.runs and then != "lingers":
            gives_up = then == "gives up"
            self._settle(run, twice=then == "ends, twice", gives_up=gives_up)

    def beat(self, worker: int) -> None:
        held = [(run.job.id, run.token) for run in self.runs]
        self.world.call(lambda: self.world.ledger(worker).heartbeat(held))

    def _send(self, run: GuessRun, becomes: str) -> None:
        """Ask for leave, and have that become of the request."""
        job, ledger = run.job, self.world.ledger(0)
        leave = self.world.call(
            lambda: ledger.send(job.id, run.token, unknown=run.unknown, guess=job.guess)
        )
        if leave.word is not Word.GO:
            self._hold_back(run, leave.word)
            return
        run.has_guessed = True
        if becomes == "answered":
            run.answer = self.books.stripe.take(job, self.world.now)
        elif becomes != "turned away":
            run.unknown, run.quiet_ends = True, self.world.now + QUIET_MS
        if becomes == "answer lost":
            self.books.stripe.take(job, self.world.now)
        if becomes == "late":
            self.books.flights.append(Flight(job, self.world.now))

    def _settle(self, run: GuessRun, *, twice: bool, gives_up: bool) -> None:
        """End a run: its job, where there is an answer; else put it off, mostly."""
        if not run.answer and run.unknown and gives_up and self._is_quiet(run):
            self._commit(run, State.NEEDS_REVIEW, Became.OPEN)
        elif not run.answer:
            self._defer(run)
        elif run.answer in {"verified", "already"}:
            self._commit(run, State.SUCCEEDED, Became.VERIFIED, twice=twice)
        elif self.books.stripe.status == "verification_failed":
            self._commit(run, State.FAILED, Became.OVER, twice=twice)
        else:
            self._commit(run, State.FAILED, Became.MISSED, twice=twice)

    def _is_quiet(self, run: GuessRun) -> bool:
        """Whether no request of it can arrive any more."""
        return run.quiet_ends <= self.world.now

    def _hold_back(self, run: GuessRun, word: Word) -> None:
        """Decide about a run whose request may not leave."""
        status = self.books.stripe.status
        if word is Word.SUPERSEDED:
            self.runs.remove(run)
        elif word is Word.CANCEL:
            self._commit(run, State.CANCELLED, Became.FREE)
        elif not run.unknown:
            assert not run.has_guessed or word is Word.DEADLINE
            self._commit(run, State.FAILED, Became.FREE)
        elif not self._is_quiet(run):
            self._defer(run)
        elif status == "verified":
            self._commit(run, State.SUCCEEDED, Became.VERIFIED)
        elif status == "verification_failed":
            self._commit(run, State.FAILED, Became.OVER)
        else:
            self._commit(run, State.NEEDS_REVIEW, Became.OPEN)

    def _commit(
        self, run: GuessRun, state: State, became: Became, *, twice: bool = False
    ) -> None:
        self.runs.remove(run)
        job, unknown = run.job, state is State.NEEDS_REVIEW
        became = became if run.has_guessed else Became.OPEN
        ending = Ending(
            state=state,
            code=state.value,
            result=b"{}",
            event=f'{{"id":"{job.id}:terminal"}}'.encode(),
            unknown=unknown,
            review=unknown,
            guess=job.guess,
            became=became,
        )
        ledger = self.world.ledger(0)
        for _ in range(1 + twice):
            done = self.world.call(lambda: ledger.commit(job.id, run.token, ending))
        if done is not None:
            job.ended = state
            self.books.note(job, became)

    def _defer(self, run: GuessRun) -> None:
        self.runs.remove(run)
        self.world.call(
            lambda: self.world.ledger(0).defer(
                run.job.id,
                run.token,
                delay_ms=1_000,
                counts=True,
                unknown=run.unknown,
                quiet_ms=max(0, run.quiet_ends - self.world.now),
                guess=run.job.guess,
            )
        )
