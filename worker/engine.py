"""The engine: claim, send, decide, commit. The whole story of a run is `run`."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar, assert_never

import structlog
from redis.exceptions import RedisError
from tenacity import AsyncRetrying, RetryCallState, retry_if_result

from config.settings import Settings
from customer_sources.contract.ids import new_token
from customer_sources.contract.operations import Effect
from worker import delays, policy, reconcile
from worker.answers import Answered
from worker.leases import Lease, LeaseLost, Leases
from worker.ledger import Ledger
from worker.looking import Read
from worker.outcomes import (
    Cancel,
    Decision,
    Fail,
    Later,
    Outcome,
    Reconcile,
    Review,
    Succeed,
)
from worker.recording import Recorder
from worker.replies import Claimed, Refused, Unreadable, Word
from worker.run import Run
from worker.solitude import Solitude
from worker.stripe_api import StripeApi, StripeRequest
from worker.unreadable import lay_aside, read_command, unreadable

log = structlog.get_logger("worker")
T = TypeVar("T")

MOST_DEATHS = 3
"""A job whose holders died three times is taken for the cause."""
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
        self._recorder = Recorder(ledger, clock=clock, rng=rng)
        self._company = Solitude()
        self._slots = asyncio.Semaphore(settings.concurrency)
        self.draining = False
        """Set when the process is to stop: finish what is in flight, start nothing."""

    async def run_all(self, job_ids: Iterable[str]) -> None:
        """Run the jobs that one wake-up names, and what follows them in their lanes."""
        await asyncio.gather(*(self._run_lane(job_id) for job_id in job_ids))

    async def _run_lane(self, job_id: str) -> None:
        """Run a job, then the next of its lane, for a short slice."""
        async with self._slots:
            # The slice begins with the slot: a wait for one is not the lane's.
            ends_at = time.monotonic() + SLICE_SECONDS
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
        async with self._company.beside_others():
            done = await self._run_once(job_id)
        if done is Refused.ALONE:
            log.warning("run_alone", job_id=job_id)
            async with self._company.alone():
                if self.draining:
                    return job_id
                done = await self._run_once(job_id, alone=True)
        return "" if isinstance(done, Refused) else done

    async def _run_once(self, job_id: str, *, alone: bool = False) -> str | Refused:
        """Claim, resolve, record. Returns the next of the lane, or why it was not."""
        token, asked_at = new_token(), self._clock()
        claimed = await self._ledger.claim(job_id, token, alone=alone)
        if isinstance(claimed, Refused):
            log.debug("claim_refused", job_id=job_id, word=claimed.value)
            if claimed is not Refused.UNREADABLE:
                return claimed
            return await lay_aside(self._ledger, job_id) or ""
        with self._leases.held(job_id, token, asked_at) as lease:
            try:
                return await self._run_claimed(lease, claimed)
            except Unreadable:  # damaged since the claim
                return await lay_aside(self._ledger, job_id) or ""

    async def _run_claimed(self, lease: Lease, claimed: Claimed) -> str:
        """Resolve and record. Returns the next of the lane.

        Raises:
            Unreadable: there is no record any more in which to write.
        """
        try:
            run = Run(lease, claimed, self._settings.quiet_seconds)
        except Exception:  # a record that the ledger takes for sound, and is none
            log.exception("record_unreadable", job_id=lease.job_id)
            ending = unreadable(lease.job_id, read_command(claimed.command))
            return await self._ledger.commit(lease.job_id, lease.token, ending) or ""
        try:
            outcome = await self._resolve_or_wait(run)
            next_id = await self._recorder.record(run, outcome)
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
        decision: Decision = await self._retrying(self._try, run)
        while run.pages is not None and isinstance(decision, Succeed | Fail):
            following = run.pages.take(decision)
            if not isinstance(following, StripeRequest):
                return following
            if self.draining:  # all pages would take longer than a stop may
                return Later(code="stopping", unknown=False, counts=False)
            run.request = following
            decision = await self._retrying(self._try, run)
        if isinstance(decision, Reconcile):
            return await self._look(run, decision)
        return decision

    async def _look(self, run: Run, doubt: Reconcile) -> Outcome:
        """Read Stripe until the doubt is settled, or until that has to wait.

        Raises:
            LeaseLost: the job is somebody else's by now.
        """
        story = reconcile.look(run.case(doubt))
        try:
            read = next(story)
            while True:
                answer = await self._retrying(self._read, run, read)
                if isinstance(answer, Later):
                    outcome = policy.unread(run.facts, doubt, answer)
                    break
                read = story.send(answer)
        except StopIteration as end:
            outcome = end.value
        run.learn(outcome)
        if run.cancel_asked and isinstance(outcome, Review) and outcome.unapplied:
            return Cancel()  # nothing was done, and nobody wants it done any more
        return outcome

    async def _retrying(self, attempt: Callable[..., Awaitable[T]], *args: Any) -> T:
        """Repeat an attempt as long as it is a matter of seconds."""
        first = await attempt(*args)
        if not _is_worth_a_moment(first):
            return first  # nearly always; the machinery below costs a tenth of a run
        made = [first]

        async def again() -> T:
            return made.pop() if made else await attempt(*args)

        retrying = AsyncRetrying(
            retry=retry_if_result(_is_worth_a_moment),
            wait=lambda state: _pause(state, self._rng),
            stop=self._is_enough,
            retry_error_callback=_last_outcome,
        )
        return await retrying(again)

    def _is_enough(self, state: RetryCallState) -> bool:
        """Whether a run that has not decided anything gives way to a wake-up."""
        return (
            self.draining
            or state.attempt_number >= delays.QUICK_TRIES
            or (state.seconds_since_start or 0) >= delays.QUICK_SECONDS
        )

    async def _try(self, run: Run) -> Decision:
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
                return policy.out_of_time(run.facts, policy.DEADLINE_PASSED)
            case Word.HORIZON:
                return policy.out_of_time(run.facts, "key_expired")
            case Word.SUPERSEDED:
                raise LeaseLost(run.job_id)
            case _:
                assert_never(word)
        assert run.request is not None  # noqa: S101  made with the command
        result = await self._api.send(run.request, before_bytes=run.lease.check)
        run.note(result)
        decision = policy.decide(run.facts, result)
        run.learn(decision)
        return decision

    async def _read(self, run: Run, read: Read) -> Answered | Later:
        """Send one GET that a look asks for. Nothing is marked: it changes nothing."""
        if self.draining:
            return Later(code="draining", unknown=False, counts=False)
        if not await self._ledger.may_read(run.job_id, run.token):
            raise LeaseLost(run.job_id)
        request = StripeRequest(method="GET", path=read.path)
        result = await self._api.send(request, before_bytes=run.lease.check)
        run.note(result, read=True)
        return policy.of_read(read.kind, result)


def _is_worth_a_moment(outcome: object) -> bool:
    """Whether the next try belongs into this run."""
    if not isinstance(outcome, Later) or not outcome.soon:
        return False
    return outcome.delay is None or outcome.delay <= delays.LONGEST_QUICK


def _last_outcome(state: RetryCallState) -> Any:
    return state.outcome.result() if state.outcome else None


def _pause(state: RetryCallState, rng: random.Random) -> float:
    outcome = _last_outcome(state)
    asked = outcome.delay if isinstance(outcome, Later) and outcome.delay else 0.0
    return max(asked, delays.quick(state.attempt_number, rng))
