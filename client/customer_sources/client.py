"""The client: submits commands, reads jobs, consumes events."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import Any, Self

import msgspec
import redis

from customer_sources import calls, scripts, submission
from customer_sources.ahead import Ahead, Pipeline
from customer_sources.batches.client import Batches
from customer_sources.calls import DEFAULT_URL, LOOK_AGAIN_SECONDS, Submitted, Tally
from customer_sources.consumer import Consumer
from customer_sources.contract.commands import Command
from customer_sources.contract.errors import (
    JobNotFound,
    LedgerUnavailable,
    ResultTimeout,
)
from customer_sources.contract.names import PREFIX, Keys
from customer_sources.contract.states import State
from customer_sources.durability import Durability, Writer
from customer_sources.history import Line, parse_history
from customer_sources.jobs import Job, Snapshot, parse_snapshot
from customer_sources.membership import TAKE_OVER_AFTER, reading
from customer_sources.reviewing import Review
from customer_sources.sources import Customer
from customer_sources.store import ANSWER_SECONDS, connect, in_our_words
from customer_sources.submission import Options
from customer_sources.verifications.client import Verifications


class CustomerSources:
    """Runs Stripe customer-source operations as durable jobs.

    Args:
        url: the store, `redis://` or `rediss://`; default `SOURCES_REDIS_URL`, then
            `redis://127.0.0.1:6379/0`. It must be the workers' store.
        prefix: prefix of every key; must be the workers' too.
        durability: `store`: what a call wrote is as safe as the store is configured to
            keep it. `fsync`: it is on the store's disk before `create` and the others,
            `submit_many` and `cancel` return. See docs/guarantees.md.

    Raises:
        SettingInvalid: the address or the prefix is none.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        prefix: str = PREFIX,
        durability: Durability = "store",
    ) -> None:
        self._redis = connect(url or os.environ.get("SOURCES_REDIS_URL", DEFAULT_URL))
        self._keys = Keys(prefix)
        self._write = Writer(self._redis, durability, prefix)
        self._submit = self._redis.register_script(scripts.load("submit"))
        self._cancel = self._redis.register_script(scripts.load("cancel"))
        self.customer: Customer[Job] = Customer(self.submit)
        self.batches = Batches(self._redis, self._keys, self._write)
        self.verifications = Verifications(self._redis, self._keys, self._write)
        self.review = Review(self._redis, self._keys, self._write, partial(Job, self))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back. Jobs go on."""
        self._redis.close()

    def submit(
        self,
        operation: str,
        params: Mapping[str, Any],
        options: Options,
        *,
        customer: object,
        source_id: object = "",
    ) -> Job:
        """Submit a command by its operation's name.

        Raises:
            CommandInvalid: it cannot be accepted; nothing was written.
            JobConflict: its idempotency key belongs to another command.
            LedgerUnavailable: carries the job id with which to repeat the call.
        """
        one = submission.build(
            self._keys,
            operation,
            params,
            options,
            customer=customer,
            source_id=source_id,
        )
        with in_our_words(one.job_id):
            reply = self._write.one(self._submit, one.arguments, one.job_id)
        taken = submission.accepted(one, reply)
        served = taken.last_upkeep_ms > 0
        return Job(self, one.job_id, taken.state, served=served)

    def submit_many(self, commands: Iterable[Mapping[str, Any]]) -> list[Submitted]:
        """Submit many commands in few round trips; one bad one harms no other.

        Args:
            commands: each a mapping as for the inbox: `operation`, `customer`, `id`,
                Stripe's parameters and the options, side by side. Moments may be
                Python's, and `job_id` repeats a command.

        Returns:
            For each command, in order, its job or its error. Where the store failed
            on the way, the error is a `LedgerUnavailable` and the id repeats it:
            `{**command, "job_id": result.job_id}`.
        """
        results: list[Submitted] = []
        ahead = Ahead(self._keys, commands)
        while tally := ahead.take():
            results += self._submit_chunk(tally, ahead)
        return results

    def _submit_chunk(self, tally: Tally, ahead: Ahead) -> list[Submitted]:
        try:
            with in_our_words(), Pipeline(self._redis, ahead) as pipe:
                for one in tally.valid:
                    self._submit(args=one.arguments, client=pipe)
                replies = self._write.all(pipe)
            results = tally.results(replies)
            with in_our_words(), self._redis.pipeline(transaction=False) as pipe:
                for queue, message in tally.messages(self._keys):
                    pipe.lpush(queue, message)
                pipe.execute()
        except LedgerUnavailable as failure:
            return tally.results((), failure)
        return results

    def job(self, job_id: str) -> Job:
        """Find a job by its id.

        Raises:
            JobNotFound: never accepted, or past its retention.
            LedgerUnavailable: the store did not answer.
        """
        return Job(self, job_id, self.snapshot(job_id).state)

    def snapshot(self, job_id: str) -> Snapshot:
        """Read all that the ledger holds of a job, in one round trip.

        Raises:
            JobNotFound, LedgerUnavailable: as for `job`.
        """
        with in_our_words(job_id), self._redis.pipeline(transaction=True) as pipe:
            pipe.hgetall(self._keys.job(job_id))
            pipe.get(self._keys.result(job_id))
            pipe.get(self._keys.tombstone(job_id))
            record, details, stone = pipe.execute()
        return parse_snapshot(job_id, record, details, stone)

    def command(self, job_id: str) -> Command | None:
        """Read the command of a job that is live or in review; None otherwise."""
        with in_our_words(job_id):
            stored = self._redis.get(self._keys.command(job_id))
        return msgspec.json.decode(stored, type=Command) if stored else None

    def history(self, job_id: str) -> list[Line]:
        """Read the story of a job, oldest line first, the latest hundred.

        A job that succeeded at once has none: its record says all there is.

        Raises:
            LedgerUnavailable: the store did not answer.
        """
        with in_our_words(job_id):
            stored = self._redis.lrange(self._keys.log(job_id), 0, -1)
        return parse_history(stored)

    def workers(self) -> list[str]:
        """Name the worker processes that are alive, by their boot ids."""
        with in_our_words(), self._redis.pipeline(transaction=False) as pipe:
            pipe.time()
            pipe.zrange(self._keys.workers, 0, -1, withscores=True)
            (seconds, _), workers = pipe.execute()
        return [boot for boot, until in workers if until > seconds * 1000]

    def wait(self, job_id: str, timeout: float | None = None) -> Snapshot:
        """Wait until a job has ended. See `Job.result` for the errors."""
        ends_at = None if timeout is None else time.monotonic() + timeout
        pubsub = self._redis.pubsub()  # type: ignore[no-untyped-call]
        with in_our_words(job_id), pubsub:
            pubsub.subscribe(self._keys.done_channel(job_id))
            pubsub.get_message(timeout=ANSWER_SECONDS)  # the store's confirmation
            while True:
                # Read only now, so that no end falls between the two.
                snapshot = self.snapshot(job_id)
                if snapshot.state.is_terminal:
                    return snapshot
                left = LOOK_AGAIN_SECONDS
                if ends_at is not None:
                    left = min(left, ends_at - time.monotonic())
                if left <= 0:
                    raise ResultTimeout(job_id, snapshot.state)
                _next_news(pubsub, left)

    def cancel(self, job_id: str) -> Job:
        """Cancel a job that has not reached Stripe; ask for it where it may have.

        A job that is running, or whose outcome is unknown, is resolved first. The
        returned job's state is `cancelled` only where it was ended here; otherwise
        its event tells what became of it.

        Raises:
            JobNotFound, LedgerUnavailable: as for `job`.
        """
        command = self.command(job_id)
        arguments = calls.cancel_arguments(self._keys, job_id, command)
        with in_our_words(job_id):
            word, state = self._write.one(self._cancel, arguments, job_id)
        if word == "MISSING":
            raise JobNotFound(job_id)
        return Job(self, job_id, State(state))

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
        """Iterate over events as they come.

        With a `group`, each event goes to one consumer of the group and is
        acknowledged when the next one is asked for; the last one, when a `with` block
        around it is left without an exception. What is not acknowledged comes again.
        An event that this version cannot read is passed over: see `Consumer.skipped`.

        Args:
            group: the consumer group; None reads along, and acknowledges nothing.
            consumer: a name in the group that this consumer alone uses, and that it
                had before. Default: one that nobody else has.
            after: stream id to start after. Default: now without a group, the
                oldest event for a new group. `"0"` is the oldest. A group that is
                there already goes on where it was.
            since: start with the first event from this moment on, instead.
            take_over_after: seconds after which an event that another consumer has
                not acknowledged is taken for left behind. Not shorter than handling
                one event can take.
            timeout: stop after so many seconds without an event; None never stops.

        Raises:
            ValueError: the arguments do not go together.
            LedgerUnavailable: while iterating: the store did not answer. Iterating
                again goes on where it was.
        """
        place = reading(
            self._keys.events,
            group,
            consumer=consumer,
            after=after,
            since=since,
            take_over_after=take_over_after,
            timeout=timeout,
        )
        return Consumer(self._redis, place)


def _next_news(pubsub: redis.client.PubSub, seconds: float) -> None:
    """Sleep on the socket until something is published, or the time is up."""
    ends_at = time.monotonic() + seconds
    while (left := ends_at - time.monotonic()) > 0:
        message = pubsub.get_message(timeout=left)
        # A subscription renewed counts as news: an end may have been missed.
        if message is not None:
            return
