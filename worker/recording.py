"""Writing down what a run decided: the one place where an outcome becomes a state."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, TypeVar, assert_never

import msgspec
from redis.exceptions import RedisError

from customer_sources.batches.outcomes import LONGEST_MESSAGE, Ended
from customer_sources.batches.outcomes import Outcome as RowOutcome
from customer_sources.contract.events import terminal_event
from customer_sources.contract.states import State
from worker import delays, policy, watching
from worker.attempts import became_of
from worker.guesses import Became
from worker.leases import LeaseLost
from worker.ledger import Ledger
from worker.outcomes import (
    Cancel,
    Fail,
    Later,
    Outcome,
    Postpone,
    Review,
    Succeed,
)
from worker.replies import Ending
from worker.run import Run

T = TypeVar("T")
Final = Succeed | Fail | Review | Cancel

LONGEST_CODE = 64
"""Of a code in the record, whose fields must stay short; the error has it whole."""
REWRITE_SECONDS = 0.25


class Recorder:
    """Commits and defers for the engine.

    Args:
        ledger: where jobs are.
        clock: the lease clock.
        rng: the chance in delays.
    """

    def __init__(
        self, ledger: Ledger, *, clock: Callable[[], float], rng: random.Random
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._rng = rng

    async def record(self, run: Run, outcome: Outcome) -> str:
        """Write the outcome down.

        Returns:
            The id of the next job of the lane; "" where there is none, or where the
            job has not ended.

        Raises:
            LeaseLost: superseded, nothing was written.
        """
        match outcome:
            case Later():
                delay = self._delay(run, outcome)
                deferred = await self._insisted(
                    run,
                    partial(
                        self._ledger.defer,
                        run.job_id,
                        run.token,
                        delay_ms=round(delay * 1000),
                        counts=outcome.counts,
                        unknown=outcome.unknown,
                        quiet_ms=round(run.quiet_for * 1000),
                        story=run.story.line(run.number, outcome, delay),
                        spent=outcome.spent,
                        guess=run.guessing.guess,
                    ),
                )
                if not deferred:
                    raise LeaseLost(run.job_id)
                return ""
            case Postpone():
                return await self._postpone(run, outcome)
            case Succeed(stripe_object):
                ending = _ending(run, outcome, State.SUCCEEDED, stripe_object)
            case Fail(code, error):
                ending = _ending(run, outcome, State.FAILED, {"code": code, **error})
            case Review(code, error):
                told = {"code": code, **error}
                ending = _ending(run, outcome, State.NEEDS_REVIEW, told)
            case Cancel(code):
                told = {"code": code, "message": "cancelled before anything was sent"}
                ending = _ending(run, outcome, State.CANCELLED, told)
            case _:
                assert_never(outcome)
        commit = partial(self._ledger.commit, run.job_id, run.token, ending)
        next_id = await self._insisted(run, commit)
        if next_id is None:
            raise LeaseLost(run.job_id)
        return next_id

    async def _postpone(self, run: Run, outcome: Postpone) -> str:
        postpone = partial(
            self._ledger.postpone,
            run.job_id,
            run.token,
            until_ms=outcome.until_ms,
            story=run.story.line(run.number, outcome),
        )
        next_id = await self._insisted(run, postpone)
        if next_id is None:
            raise LeaseLost(run.job_id)
        return next_id

    def _delay(self, run: Run, outcome: Later) -> float:
        """Say in how many seconds a job is to be looked at again."""
        if outcome.exact and outcome.delay is not None:
            return outcome.delay
        if outcome.code == policy.RATE_LIMITED:  # it is held back in line, not here
            return max(outcome.delay or 0, delays.LIMITED)
        ladder = delays.back_off(run.number + run.waits, self._rng)
        if run.in_storm:  # the account's rate holds it back, and knows when it is over
            ladder = min(ladder, delays.IN_STORM)
        return max(outcome.delay or 0, ladder)

    async def _insisted(self, run: Run, write: Callable[[], Awaitable[T]]) -> T:
        """Write; while the lease lasts, again. A hitch must not lose what was read.

        Raises:
            RedisError: the store stayed away; the lease will run out.
        """
        while True:
            try:
                return await write()
            except RedisError:
                if self._clock() >= run.lease.until:
                    raise
                await asyncio.sleep(REWRITE_SECONDS)


def _ending(
    run: Run, outcome: Final, state: State, details: Mapping[str, Any]
) -> Ending:
    """Write what the commit needs: the result for the producer, the event for all."""
    now_ms = time.time_ns() // 1_000_000
    became = became_of(outcome) if run.guessing.made else Became.OPEN
    attempts, event = run.attempts(outcome), b""
    if run.is_told:
        event = terminal_event(
            run.job_id,
            run.command,
            state,
            now_ms=now_ms,
            details=details,
            outcome=outcome.code,
            attempts=attempts,
        ).encode()
    if attempts and state is not State.SUCCEEDED:
        details = {**details, "attempts": attempts}
    # The record itself tells of a job that succeeded at once. A million of them need
    # no second key each.
    at_once = outcome.code == "succeeded" and run.number == 1 and run.waits == 0
    short = at_once and run.story.is_short
    retryable = isinstance(outcome, Fail) and outcome.retryable
    return Ending(
        state=state,
        code=outcome.code[:LONGEST_CODE],
        result=_row_outcome(run, outcome, state, details, now_ms)
        if run.is_row
        else msgspec.json.encode(details),
        event=event,
        unknown=run.unknown,
        review=state is State.NEEDS_REVIEW or retryable,
        story=b"" if short else run.story.line(run.number, outcome),
        request_id=run.request_ids[-1][:LONGEST_CODE] if run.request_ids else "",
        guess=run.guessing.guess,
        became=became,
        watch=watching.note(run.command, outcome, became, now_ms),
    )


def _row_outcome(
    run: Run, outcome: Final, state: State, details: Mapping[str, Any], now_ms: int
) -> bytes:
    """Write how a row of a batch ended: what its results tell, and a retry needs."""
    succeeded = state is State.SUCCEEDED
    known = details.get("id") if succeeded else details.get("existing")
    named = run.command.id if run.command else ""
    retryable = isinstance(outcome, Review | Cancel) or (
        isinstance(outcome, Fail) and outcome.retryable
    )
    return RowOutcome(
        state=_OF_ROW[state],
        code=outcome.code[:LONGEST_CODE],
        source=str(known or named),
        request=run.request_ids[-1][:LONGEST_CODE] if run.request_ids else "",
        runs=run.number,
        ended=now_ms,
        retryable=retryable,
        unknown=run.unknown,
        key="" if run.key == run.job_id else run.key,
        first_sent=run.first_sent if run.unknown else 0,
        message="" if succeeded else str(details.get("message", ""))[:LONGEST_MESSAGE],
    ).encode()


_OF_ROW: Mapping[State, Ended] = {
    State.SUCCEEDED: "succeeded",
    State.FAILED: "failed",
    State.NEEDS_REVIEW: "needs_review",
    State.CANCELLED: "unprocessed",
}
