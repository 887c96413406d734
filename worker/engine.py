"""The engine: claim, send, decide, commit. The whole story of a run is `run`."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import Any, TypeVar, assert_never

import msgspec
import structlog
from redis.exceptions import RedisError
from tenacity import AsyncRetrying, RetryCallState, retry_if_result

from config.settings import Settings
from customer_sources.contract.events import terminal_event
from customer_sources.contract.ids import new_token
from customer_sources.contract.operations import Effect
from customer_sources.contract.states import State
from worker import delays, policy
from worker.leases import LeaseLost, Leases
from worker.ledger import Ending, Ledger, Refused, Word
from worker.outcomes import Cancel, Fail, Later, Outcome, Review, Succeed
from worker.run import Run
from worker.stripe_api import StripeApi, StripeRequest

log = structlog.get_logger("worker")
T = TypeVar("T")

MOST_DEATHS = 3
"""A job whose holders died three times is taken for the cause."""
LONGEST_CODE = 64
"""Of a code in the record, whose fields must stay short; the error has it whole."""
REWRITE_SECONDS = 0.25
SLICE_SECONDS = 5.0
"""How long one wake-up goes on with the next jobs of a lane."""


class Engine:
    """Runs jobs. One for each worker process, on its event loop.

    Args:
        ledger: where jobs are.
        api: where requests go.
        leases: what this process holds.
        settings: limits and times.
        clock: the lease clock.
        rng: the chance in delays.
    """

    def __init__(
        self,
        ledger: Ledger,
        api: StripeApi,
        leases: Leases,
        settings: Settings,
        *,
        clock: Callable[[], float],
        rng: random.Random,
    ) -> None:
        self._ledger = ledger
        self._api = api
        self._leases = leases
        self._settings = settings
        self._clock = clock
        self._rng = rng
        self._slots = asyncio.Semaphore(settings.concurrency)
        self.draining = False
        """Set when the process is to stop: finish what is in flight, start nothing."""

    async def run_all(self, job_ids: Iterable[str]) -> None:
        """Run the jobs that one wake-up names, and what follows them in their lanes."""
        await asyncio.gather(*(self._run_lane(job_id) for job_id in job_ids))

    async def _run_lane(self, job_id: str) -> None:
        """Run a job, then the next of its lane, for a short slice."""
        ends_at = time.monotonic() + SLICE_SECONDS
        async with self._slots:
            try:
                while job_id and not self.draining:
                    job_id = await self.run(job_id)
                    if time.monotonic() > ends_at:
                        break
                if job_id:  # rung for, and not claimed: somebody else's turn, now
                    await self._ledger.hand_back([job_id])
            # Neither loses anything: the wake-up is in the store, or the lease is.
            except RedisError as error:
                log.warning("ledger_unavailable", job_id=job_id, error=str(error))
            except Exception:
                log.exception("lane_broke", job_id=job_id)

    async def run(self, job_id: str) -> str:
        """Run one job once.

        Returns:
            The id of the next job of its lane; "" where there is none, or where this
            job was not ours to run.
        """
        token, asked_at = new_token(), self._clock()
        claimed = await self._ledger.claim(job_id, token)
        if isinstance(claimed, Refused):
            log.debug("claim_refused", job_id=job_id, word=claimed.value)
            return ""
        with self._leases.held(job_id, token, asked_at) as lease:
            run = Run(lease, claimed, self._settings.quiet_seconds)
            try:
                outcome = await self._resolve_or_wait(run)
                next_id = await self._record(run, outcome)
            except LeaseLost:
                log.warning("run", outcome="superseded", **run.line())
                return ""
            tell = type(outcome).__name__.lower()
            log.info("run", outcome=tell, code=outcome.code, **run.line())
            return next_id

    async def _resolve_or_wait(self, run: Run) -> Outcome:
        """Resolve; a bug of ours is told loudly and costs the job time, no truth."""
        try:
            return await self._resolve(run)
        except (LeaseLost, RedisError):
            raise
        except Exception:
            log.exception("run_broke", **run.line())
            changes = run.effect is not Effect.NONE
            return Later(code="internal_error", unknown=run.unknown or changes)

    async def _resolve(self, run: Run) -> Outcome:
        """Try until something is decided, or until it is no longer a matter of seconds.

        Raises:
            LeaseLost: the job is somebody else's by now.
        """
        if run.crashes >= MOST_DEATHS:
            return policy.unrunnable("worker_died", run.doubt)
        if not run.read_command():
            return policy.unrunnable("command_unreadable", run.doubt)
        retrying = AsyncRetrying(
            retry=retry_if_result(_is_worth_a_moment),
            wait=lambda state: _pause(state, self._rng),
            stop=self._is_enough,
            retry_error_callback=_last_outcome,
        )
        outcome: Outcome = await retrying(self._try, run)
        while run.pages is not None and isinstance(outcome, Succeed):
            following = run.pages.take(outcome)
            if not isinstance(following, StripeRequest):
                return following
            run.request = following
            outcome = await retrying(self._try, run)
        return outcome

    def _is_enough(self, state: RetryCallState) -> bool:
        """Whether a run that has not decided anything gives way to a wake-up."""
        return (
            self.draining
            or state.attempt_number >= delays.QUICK_TRIES
            or (state.seconds_since_start or 0) >= delays.QUICK_SECONDS
        )

    async def _try(self, run: Run) -> Outcome:
        """Send one request, if the ledger lets it go, and decide what came of it."""
        word, run.leave = run.leave, None  # the claim's leave is for one request
        if word is None:
            word = await self._ledger.send(run.job_id, run.token, unknown=run.unknown)
        match word:
            case Word.GO:
                pass
            case Word.CANCEL:
                return Cancel()
            case Word.DEADLINE:
                return policy.out_of_time(run.facts, "deadline_passed")
            case Word.HORIZON:
                return policy.out_of_time(run.facts, "key_expired")
            case Word.SUPERSEDED:
                raise LeaseLost(run.job_id)
            case _:
                assert_never(word)
        assert run.request is not None  # noqa: S101  made with the command
        result = await self._api.send(run.request, before_bytes=run.lease.check)
        run.note(result)
        outcome = policy.decide(run.facts, result)
        run.learn(outcome)
        return outcome

    async def _record(self, run: Run, outcome: Outcome) -> str:
        """Write the outcome down: the one place where it becomes a state.

        Raises:
            LeaseLost: superseded, nothing was written.
        """
        match outcome:
            case Later():
                delay = delays.back_off(run.number + run.waits, self._rng)
                deferred = await self._written(
                    run,
                    partial(
                        self._ledger.defer,
                        run.job_id,
                        run.token,
                        delay_ms=round(max(outcome.delay or 0, delay) * 1000),
                        counts=outcome.counts,
                        unknown=outcome.unknown,
                        quiet_ms=round(run.quiet_for * 1000),
                    ),
                )
                if not deferred:
                    raise LeaseLost(run.job_id)
                return ""
            case Succeed(stripe_object, code):
                ending = _ending(run, State.SUCCEEDED, code, stripe_object)
            case Fail(code, error):
                ending = _ending(run, State.FAILED, code, {"code": code, **error})
            case Review(code, error):
                error = {"code": code, **error}
                ending = _ending(run, State.NEEDS_REVIEW, code, error)
            case Cancel(code):
                message = "cancelled before anything was sent"
                error = {"code": code, "message": message}
                ending = _ending(run, State.CANCELLED, code, error)
            case _:
                assert_never(outcome)
        commit = partial(self._ledger.commit, run.job_id, run.token, ending)
        next_id = await self._written(run, commit)
        if next_id is None:
            raise LeaseLost(run.job_id)
        return next_id

    async def _written(self, run: Run, write: Callable[[], Awaitable[T]]) -> T:
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


def _ending(run: Run, state: State, code: str, details: Mapping[str, Any]) -> Ending:
    """Write what the commit needs: the result for the producer, the event for all."""
    event = terminal_event(
        run.job_id,
        run.command,
        state,
        now_ms=time.time_ns() // 1_000_000,
        details=details,
    )
    return Ending(
        state=state,
        code=code[:LONGEST_CODE],
        result=msgspec.json.encode(details),
        event=event.encode(),
        unknown=run.unknown,
    )


def _is_worth_a_moment(outcome: Outcome) -> bool:
    """Whether the next try belongs into this run."""
    if not isinstance(outcome, Later) or not outcome.soon:
        return False
    return outcome.delay is None or outcome.delay <= delays.LONGEST_QUICK


def _last_outcome(state: RetryCallState) -> Outcome | None:
    return state.outcome.result() if state.outcome else None


def _pause(state: RetryCallState, rng: random.Random) -> float:
    outcome = _last_outcome(state)
    asked = outcome.delay if isinstance(outcome, Later) and outcome.delay else 0.0
    return max(asked, delays.quick(state.attempt_number, rng))
