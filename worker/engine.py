"""The engine: claim, send, decide, commit. The whole story of a run is `run`."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterable

import structlog
from redis.exceptions import RedisError

from config.settings import Settings
from customer_sources.contract.ids import new_token
from customer_sources.contract.operations import Effect
from worker import policy, reconcile
from worker.answers import Answered
from worker.banking import calendar
from worker.deposits import wait_for_deposits
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
from worker.replies import Claimed, Leave, Refused, Unreadable
from worker.retrying import Retrying
from worker.run import Run
from worker.sending import Sender
from worker.solitude import Solitude
from worker.stripe_api import StripeRequest
from worker.unreadable import lay_aside, read_command, unreadable

log = structlog.get_logger("worker")

MOST_DEATHS = 3
"""A job whose holders died three times is taken for the cause."""
SLICE_SECONDS = 5.0
"""How long one wake-up goes on with the next jobs of a lane."""


class Engine:
    """Runs jobs. One for each worker process, on its event loop.

    Args:
        ledger: where jobs are.
        sender: sends requests.
        leases: what this process holds.
        settings: limits and times.
        clock: the lease clock.
        rng: the chance in delays.
    """

    def __init__(
        self,
        ledger: Ledger,
        sender: Sender,
        leases: Leases,
        settings: Settings,
        *,
        clock: Callable[[], float],
        rng: random.Random,
    ) -> None:
        self._ledger = ledger
        self._sender = sender
        self._leases = leases
        self._settings = settings
        self._calendar = calendar(settings)
        self._clock = clock
        self._recorder = Recorder(ledger, clock=clock, rng=rng)
        self._retrying = Retrying(rng, lambda: self.draining)
        self._company = Solitude()
        self._slots = asyncio.Semaphore(settings.concurrency)
        self.taken = 0
        """How many jobs are run, or wait for a place."""
        self.knock: Callable[[], None] = _nobody
        """Called when a place becomes free."""
        self.queued: Callable[[], None] = _nobody
        """Called when a job was put in line for a permit."""
        self.draining = False
        """Set when the process is to stop: finish what is in flight, start nothing."""

    async def run_all(self, job_ids: Iterable[str]) -> None:
        """Run the jobs that one wake-up names, and what follows them in their lanes."""
        await asyncio.gather(*(self._run_lane(job_id) for job_id in job_ids))

    async def _run_lane(self, job_id: str) -> None:
        """Run a job, then the next of its lane, for a short slice."""
        self.taken += 1
        try:
            await self._run_in_place(job_id)
        finally:
            self.taken -= 1
            self.knock()

    async def _run_in_place(self, job_id: str) -> None:
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
            if claimed is Refused.QUEUED:
                self.queued()
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
        if unfit := await self._unfit(run):
            return unfit
        decision: Decision = await self._retrying.run(self._try, run)
        while run.pages is not None and isinstance(decision, Succeed | Fail):
            following = run.pages.take(decision)
            if not isinstance(following, StripeRequest):
                return following
            if self.draining:  # all pages would take longer than a stop may
                return Later(code="stopping", unknown=False, counts=False)
            run.request = following
            decision = await self._retrying.run(self._try, run)
        if isinstance(decision, Reconcile):
            return await self._look(run, decision)
        return decision

    async def _unfit(self, run: Run) -> Outcome | None:
        """Say what becomes of a job of which nothing may be sent; None: it may."""
        if run.crashes >= MOST_DEATHS:
            return policy.unrunnable("worker_died", run.doubt)
        if not run.read_command():
            return policy.unrunnable("command_unreadable", run.doubt)
        if run.is_to_plan and run.command is not None:
            return wait_for_deposits(run.command, run.deadline_ms, self._calendar)
        if run.is_over:
            return None
        account = self._sender.account(run)
        if account is None:
            await self._sender.ask_for_account(run)
            return policy.no_account(run.facts)
        refusal = run.refused_by(account)
        return policy.wrong_mode(run.facts, refusal) if refusal else None

    async def _look(self, run: Run, doubt: Reconcile) -> Outcome:
        """Read Stripe until the doubt is settled, or until that has to wait.

        Raises:
            LeaseLost: the job is somebody else's by now.
        """
        story = reconcile.look(run.case(doubt))
        try:
            read = next(story)
            while True:
                answer = await self._retrying.run(self._read, run, read)
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

    async def _try(self, run: Run) -> Decision:
        """Send one request, if the ledger lets it go, and decide what came of it."""
        assert run.request is not None  # noqa: S101  made with the command
        result = await self._sender.send(run, run.request)
        if isinstance(result, Leave):
            return policy.held_back(run.facts, result, tried=run.was_run)
        run.note(result)
        decision = policy.decide(run.facts, result)
        run.was_run |= not isinstance(decision, Later) or decision.counts
        run.learn(decision)
        return decision

    async def _read(self, run: Run, read: Read) -> Answered | Later:
        """Send one GET that a look asks for. Nothing is marked: it changes nothing."""
        if self.draining:
            return Later(code="draining", unknown=False, counts=False)
        request = StripeRequest(method="GET", path=read.path)
        result = await self._sender.send(run, request, read=read.operation)
        if isinstance(result, Leave):
            return policy.no_permit(run.facts, result, tried=run.was_run)
        run.note(result, read=True)
        return policy.of_read(read.kind, result)


def _nobody() -> None:
    """Be called where nobody listens."""
