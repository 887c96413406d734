"""`CustomerSources` and `AsyncCustomerSources`, on a ledger in memory."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, cast

import redis

from customer_sources import calls, submission
from customer_sources.ahead import Ahead
from customer_sources.aio import AsyncCustomerSources, AsyncJob
from customer_sources.aio_consumer import AsyncConsumer
from customer_sources.calls import Submitted, Tally
from customer_sources.client import CustomerSources
from customer_sources.consumer import Consumer
from customer_sources.contract.commands import Command
from customer_sources.contract.errors import JobNotFound, ResultTimeout
from customer_sources.contract.names import Keys
from customer_sources.contract.states import State
from customer_sources.history import Line
from customer_sources.jobs import Job, Snapshot, parse_snapshot
from customer_sources.membership import TAKE_OVER_AFTER, reading
from customer_sources.reading import Command as StreamCommand
from customer_sources.reading import Reading
from customer_sources.sources import Customer
from customer_sources.submission import Options, Submission
from customer_sources.testing.ledger import MemoryLedger, Runs
from customer_sources.testing.review import AsyncMemoryReview, MemoryReview
from customer_sources.testing.script import Scripted
from customer_sources.testing.stream import Stream
from customer_sources.testing.watches import (
    AsyncMemoryVerifications,
    MemoryVerifications,
)


class InMemorySources(Scripted, CustomerSources):
    """A `CustomerSources` for tests: jobs end as the test says, without any waiting.

    Waiting makes jobs run: `Job.result()` and reading events run what is due. A
    timeout of 0 does not wait, here as there. A wait for what cannot come ends at
    once: a result with `ResultTimeout`, events with the end of the loop.

    It knows every account, and has test keys for them: a command that states
    `livemode=True` fails as `livemode_mismatch`.

    Args:
        runs: `on_result`: when somebody waits, or on `run()`; `at_once`: before the
            submitting call returns; `by_hand`: on `run()` only.
    """

    def __init__(self, *, runs: str = Runs.ON_RESULT) -> None:
        # Not the real client's: there is no store to connect to.
        self._ledger = MemoryLedger(Runs(runs))
        self._keys = Keys()
        self.customer: Customer[Job] = Customer(self.submit)
        self.review = MemoryReview(self._ledger, partial(Job, self))
        watches = self._ledger.watches
        self.verifications = MemoryVerifications(watches, self._ledger.now_ms)

    def close(self) -> None:
        """Do nothing: nothing is open. Jobs stay."""

    def submit(
        self,
        operation: str,
        params: Mapping[str, Any],
        options: Options,
        *,
        customer: object,
        source_id: object = "",
    ) -> Job:
        """Submit a command by its operation's name. See `CustomerSources.submit`."""
        one = submission.build(
            self._keys,
            operation,
            params,
            options,
            customer=customer,
            source_id=source_id,
        )
        return Job(self, one.job_id, _submitted(self._ledger, one))

    def snapshot(self, job_id: str) -> Snapshot:
        """Read all that is known of a job."""
        return parse_snapshot(job_id, *self._ledger.read(job_id), None)

    def command(self, job_id: str) -> Command | None:
        """Read the command of a job that is live or in review; None otherwise."""
        return self._ledger.command(job_id)

    def history(self, job_id: str) -> list[Line]:  # noqa: ARG002  none has one
        """Tell no story: every job of a test ends in one run."""
        return []

    def workers(self) -> list[str]:
        """Name the one worker there is."""
        return ["in-memory"]

    def wait(self, job_id: str, timeout: float | None = None) -> Snapshot:
        """Run what is due, unless `timeout` is 0, and look."""
        return _waited(self._ledger, job_id, timeout)

    def cancel(self, job_id: str) -> Job:
        """Cancel a job that has not run. See `CustomerSources.cancel`."""
        return Job(self, job_id, _cancelled(self._ledger, self._keys, job_id))

    def events(
        self,
        group: str | None = None,
        *,
        consumer: str | None = None,
        after: str | None = None,
        since: datetime | None = None,
        take_over_after: float = TAKE_OVER_AFTER,
        timeout: float | None = None,
    ) -> Consumer:
        """Iterate over events until there are no more. See `CustomerSources.events`."""
        place = reading(
            self._keys.events,
            group,
            consumer=consumer,
            after=after,
            since=since,
            take_over_after=take_over_after,
            timeout=0 if timeout is None else min(timeout, 0),
        )
        return _MemoryConsumer(self._ledger.stream, place, only_look=timeout == 0)

    def _submit_chunk(self, tally: Tally, _ahead: Ahead) -> list[Submitted]:
        return tally.results([self._ledger.submit(o.arguments) for o in tally.valid])


class AsyncInMemorySources(Scripted, AsyncCustomerSources):
    """`InMemorySources` for asyncio. What a test says to it needs no `await`."""

    def __init__(self, *, runs: str = Runs.ON_RESULT) -> None:
        # Not the real client's: there is no store to connect to.
        self._ledger = MemoryLedger(Runs(runs))
        self._keys = Keys()
        self.customer: Customer[Coroutine[Any, Any, AsyncJob]] = Customer(self.submit)
        self.review = AsyncMemoryReview(self._ledger, partial(AsyncJob, self))
        watches = self._ledger.watches
        self.verifications = AsyncMemoryVerifications(watches, self._ledger.now_ms)

    async def close(self) -> None:
        """Do nothing: nothing is open. Jobs stay."""

    async def submit(
        self,
        operation: str,
        params: Mapping[str, Any],
        options: Options,
        *,
        customer: object,
        source_id: object = "",
    ) -> AsyncJob:
        """Submit a command by its operation's name. See `CustomerSources.submit`."""
        one = submission.build(
            self._keys,
            operation,
            params,
            options,
            customer=customer,
            source_id=source_id,
        )
        return AsyncJob(self, one.job_id, _submitted(self._ledger, one))

    async def snapshot(self, job_id: str) -> Snapshot:
        """Read all that is known of a job."""
        return parse_snapshot(job_id, *self._ledger.read(job_id), None)

    async def command(self, job_id: str) -> Command | None:
        """Read the command of a job that is live or in review; None otherwise."""
        return self._ledger.command(job_id)

    async def workers(self) -> list[str]:
        """Name the one worker there is."""
        return ["in-memory"]

    async def history(self, job_id: str) -> list[Line]:  # noqa: ARG002  none has one
        """Tell no story: every job of a test ends in one run."""
        return []

    async def wait(self, job_id: str, timeout: float | None = None) -> Snapshot:  # noqa: ASYNC109  the same surface as the real client's
        """Run what is due, unless `timeout` is 0, and look."""
        return _waited(self._ledger, job_id, timeout)

    async def cancel(self, job_id: str) -> AsyncJob:
        """Cancel a job that has not run. See `CustomerSources.cancel`."""
        return AsyncJob(self, job_id, _cancelled(self._ledger, self._keys, job_id))

    def events(
        self,
        group: str | None = None,
        *,
        consumer: str | None = None,
        after: str | None = None,
        since: datetime | None = None,
        take_over_after: float = TAKE_OVER_AFTER,
        timeout: float | None = None,
    ) -> AsyncConsumer:
        """Iterate over events until there are no more. See `CustomerSources.events`."""
        place = reading(
            self._keys.events,
            group,
            consumer=consumer,
            after=after,
            since=since,
            take_over_after=take_over_after,
            timeout=0 if timeout is None else min(timeout, 0),
        )
        return _AsyncMemoryConsumer(self._ledger.stream, place, only_look=timeout == 0)

    async def _submit_chunk(self, tally: Tally, _ahead: Ahead) -> list[Submitted]:
        return tally.results([self._ledger.submit(o.arguments) for o in tally.valid])


class _NoStore:
    """Stands where a reader wants a connection, and has none."""

    connection_pool = None

    def get_retry(self) -> None:
        """Say that nothing is tried twice."""


class _MemoryConsumer(Consumer):
    """A reader whose commands the stream in memory answers."""

    def __init__(self, stream: Stream, place: Reading, *, only_look: bool) -> None:
        super().__init__(cast("redis.Redis", _NoStore()), place)
        self._stream = stream
        self._only_look = only_look

    def _send(self, commands: Sequence[StreamCommand]) -> list[Any]:
        wait = not self._only_look
        return [self._stream.answer(command, wait=wait) for command in commands]


class _AsyncMemoryConsumer(AsyncConsumer):
    """The same for asyncio."""

    def __init__(self, stream: Stream, place: Reading, *, only_look: bool) -> None:
        super().__init__(cast("redis.asyncio.Redis", _NoStore()), place)
        self._stream = stream
        self._only_look = only_look

    async def _send(self, commands: Sequence[StreamCommand]) -> list[Any]:
        wait = not self._only_look
        return [self._stream.answer(command, wait=wait) for command in commands]


def _submitted(ledger: MemoryLedger, one: Submission) -> State:
    return submission.accepted(one, ledger.submit(one.arguments)).state


def _cancelled(ledger: MemoryLedger, keys: Keys, job_id: str) -> State:
    arguments = calls.cancel_arguments(keys, job_id, ledger.command(job_id))
    word, state = ledger.cancel(arguments)
    if word == "MISSING":
        raise JobNotFound(job_id)
    return State(state)


def _waited(ledger: MemoryLedger, job_id: str, timeout: float | None) -> Snapshot:
    if timeout is None or timeout > 0:
        ledger.somebody_waits()
    snapshot = parse_snapshot(job_id, *ledger.read(job_id), None)
    if not snapshot.state.is_terminal:
        raise ResultTimeout(job_id, snapshot.state)
    return snapshot
