"""The same client for asyncio: every call of `CustomerSources`, with `await`."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Coroutine, Iterable, Mapping
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import Any, Self

import msgspec
import redis.asyncio

from customer_sources import calls, scripts, submission
from customer_sources.ahead import Ahead, AsyncPipeline
from customer_sources.aio_consumer import AsyncConsumer
from customer_sources.aio_review import AsyncReview
from customer_sources.batches.aio import AsyncBatches
from customer_sources.calls import DEFAULT_URL, LOOK_AGAIN_SECONDS, Submitted, Tally
from customer_sources.contract.commands import Command
from customer_sources.contract.errors import (
    JobNotFound,
    LedgerUnavailable,
    ResultTimeout,
)
from customer_sources.contract.names import PREFIX, Keys
from customer_sources.contract.states import State
from customer_sources.durability import AsyncWriter, Durability
from customer_sources.history import Line, parse_history
from customer_sources.jobs import Snapshot, parse_snapshot
from customer_sources.membership import TAKE_OVER_AFTER, reading
from customer_sources.sources import Customer
from customer_sources.store import ANSWER_SECONDS, connect_async, in_our_words
from customer_sources.submission import Options
from customer_sources.verifications.aio import AsyncVerifications


class AsyncJob:
    """A durable job, for asyncio. See `Job`."""

    def __init__(
        self,
        client: AsyncCustomerSources,
        job_id: str,
        state: State,
        *,
        served: bool = True,
    ) -> None:
        self._client = client
        self.id = job_id
        self.state = state
        self.outcome = ""
        self.served = served

    def __repr__(self) -> str:
        return f"<AsyncJob {self.id} {self.state}>"

    async def refresh(self) -> AsyncJob:
        """Read the state again; returns the job itself. See `Job.refresh`."""
        self.state = (await self._client.snapshot(self.id)).state
        return self

    async def result(self, timeout: float | None = None) -> dict[str, Any]:  # noqa: ASYNC109  the same surface as Job's
        """Wait for the end and return the Stripe object. See `Job.result`."""
        snapshot = await self._client.wait(self.id, timeout)
        self.state, self.outcome = snapshot.state, snapshot.outcome
        return snapshot.result(self.id)


class AsyncCustomerSources:
    """`CustomerSources` for asyncio; one for each event loop.

    >>> async with AsyncCustomerSources() as client:
    ...     job = await client.customer.source.get(customer="cus_1", id="card_1")
    ...     card = await job.result(timeout=30)
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        prefix: str = PREFIX,
        durability: Durability = "store",
    ) -> None:
        address = url or os.environ.get("SOURCES_REDIS_URL", DEFAULT_URL)
        self._redis = connect_async(address)
        self._keys = Keys(prefix)
        self._write = AsyncWriter(self._redis, durability, prefix)
        self._submit = self._redis.register_script(scripts.load("submit"))
        self._cancel = self._redis.register_script(scripts.load("cancel"))
        self.customer: Customer[Coroutine[Any, Any, AsyncJob]] = Customer(self.submit)
        self.batches = AsyncBatches(self._redis, self._keys, self._write)
        self.verifications = AsyncVerifications(self._redis, self._keys, self._write)
        self.review = AsyncReview(
            self._redis, self._keys, self._write, partial(AsyncJob, self)
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Give the connections back. Jobs go on."""
        await self._redis.aclose()

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
        with in_our_words(one.job_id):
            reply = await self._write.one(self._submit, one.arguments, one.job_id)
        taken = submission.accepted(one, reply)
        served = taken.last_upkeep_ms > 0
        return AsyncJob(self, one.job_id, taken.state, served=served)

    async def submit_many(
        self, commands: Iterable[Mapping[str, Any]]
    ) -> list[Submitted]:
        """Submit many commands at once. See `CustomerSources.submit_many`."""
        results: list[Submitted] = []
        ahead = Ahead(self._keys, commands)
        while tally := ahead.take():
            results += await self._submit_chunk(tally, ahead)
        return results

    async def _submit_chunk(self, tally: Tally, ahead: Ahead) -> list[Submitted]:
        try:
            with in_our_words():
                async with AsyncPipeline(self._redis, ahead) as pipe:
                    for one in tally.valid:
                        await self._submit(args=one.arguments, client=pipe)
                    replies = await self._write.all(pipe)
                results = tally.results(replies)
                async with self._redis.pipeline(transaction=False) as pipe:
                    for queue, message in tally.messages(self._keys):
                        pipe.lpush(queue, message)
                    await pipe.execute()
        except LedgerUnavailable as failure:
            return tally.results((), failure)
        return results

    async def job(self, job_id: str) -> AsyncJob:
        """Find a job by its id. See `CustomerSources.job`."""
        return AsyncJob(self, job_id, (await self.snapshot(job_id)).state)

    async def snapshot(self, job_id: str) -> Snapshot:
        """Read all that the ledger holds of a job, in one round trip."""
        with in_our_words(job_id):
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.hgetall(self._keys.job(job_id))
                pipe.get(self._keys.result(job_id))
                pipe.get(self._keys.tombstone(job_id))
                record, details, stone = await pipe.execute()
        return parse_snapshot(job_id, record, details, stone)

    async def command(self, job_id: str) -> Command | None:
        """Read the command of a job that is live or in review; None otherwise."""
        with in_our_words(job_id):
            stored = await self._redis.get(self._keys.command(job_id))
        return msgspec.json.decode(stored, type=Command) if stored else None

    async def history(self, job_id: str) -> list[Line]:
        """Read the story of a job, oldest line first, the latest hundred.

        A job that succeeded at once has none: its record says all there is.

        Raises:
            LedgerUnavailable: the store did not answer.
        """
        with in_our_words(job_id):
            stored = await self._redis.lrange(self._keys.log(job_id), 0, -1)
        return parse_history(stored)

    async def workers(self) -> list[str]:
        """Name the worker processes that are alive, by their boot ids."""
        with in_our_words():
            async with self._redis.pipeline(transaction=False) as pipe:
                pipe.time()
                pipe.zrange(self._keys.workers, 0, -1, withscores=True)
                (seconds, _), workers = await pipe.execute()
        return [boot for boot, until in workers if until > seconds * 1000]

    async def wait(self, job_id: str, timeout: float | None = None) -> Snapshot:  # noqa: ASYNC109  the same surface as the sync client's
        """Wait until a job has ended. See `Job.result` for the errors."""
        ends_at = None if timeout is None else time.monotonic() + timeout
        pubsub = self._redis.pubsub()
        with in_our_words(job_id):
            async with pubsub:
                await pubsub.subscribe(self._keys.done_channel(job_id))
                await pubsub.get_message(timeout=ANSWER_SECONDS)  # confirmation
                while True:
                    # Read only now, so that no end falls between the two.
                    snapshot = await self.snapshot(job_id)
                    if snapshot.state.is_terminal:
                        return snapshot
                    left = LOOK_AGAIN_SECONDS
                    if ends_at is not None:
                        left = min(left, ends_at - time.monotonic())
                    if left <= 0:
                        raise ResultTimeout(job_id, snapshot.state)
                    await _next_news(pubsub, left)

    async def cancel(self, job_id: str) -> AsyncJob:
        """Cancel a job, or ask for it. See `CustomerSources.cancel`."""
        command = await self.command(job_id)
        arguments = calls.cancel_arguments(self._keys, job_id, command)
        with in_our_words(job_id):
            word, state = await self._write.one(self._cancel, arguments, job_id)
        if word == "MISSING":
            raise JobNotFound(job_id)
        return AsyncJob(self, job_id, State(state))

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
        """Iterate over events with `async for`. See `CustomerSources.events`."""
        place = reading(
            self._keys.events,
            group,
            consumer=consumer,
            after=after,
            since=since,
            take_over_after=take_over_after,
            timeout=timeout,
        )
        return AsyncConsumer(self._redis, place)


async def _next_news(pubsub: redis.asyncio.client.PubSub, seconds: float) -> None:
    """Sleep on the socket until something is published, or the time is up."""
    try:
        async with asyncio.timeout(seconds):
            while await pubsub.get_message(timeout=seconds) is None:
                pass
    except TimeoutError:
        return
