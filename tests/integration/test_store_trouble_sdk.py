"""Every call of the SDK while the store is in trouble: a clear error, or its answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
import redis

from customer_sources import (
    AsyncCustomerSources,
    CustomerSources,
    LedgerFull,
    LedgerUnavailable,
    ResultTimeout,
)
from customer_sources.store import ANSWER_SECONDS, CONNECT_SECONDS, RETRIES
from sandbox.store import Store
from tests.builders import KEPT
from tests.proxy import proxy_to

BOUND = 2 * (CONNECT_SECONDS + ANSWER_SECONDS) + (RETRIES + 1) * 0.5 + 1
"""Seconds that a call may take: it connects and is answered, or is not, at most twice
(a cancel reads and then writes), with pauses between tries; and one for the rest."""
NEW = {"operation": "create", "customer": "cus_1", "source": "tok_visa"}


class Caller:
    """Makes one call of a client of either kind, and says what came of it."""

    def __init__(self, url: str, *, waits: bool) -> None:
        self.client: Any = (AsyncCustomerSources if waits else CustomerSources)(url)
        self._waits = waits
        self.job: Any = None

    async def get(self, what: Callable[[Any], Any]) -> Any:
        """Make a call, in a thread where the client would block the loop."""
        if self._waits:
            return await what(self.client)
        return await asyncio.to_thread(what, self.client)

    async def outcome(self, call: str) -> Any:
        """What a call gave, or its error; it came within the bound."""
        started = time.monotonic()
        try:
            given = await (self._first(call) if call in READERS else self._made(call))
        except (LedgerUnavailable, ResultTimeout) as error:
            given = error
        assert time.monotonic() - started < BOUND
        return given

    async def _made(self, call: str) -> Any:
        given = await self.get(lambda client: CALLS[call](client, self.job))
        return given[0].error if call == "submit_many" else given

    async def _first(self, call: str) -> Any:
        reader = self.client.events(READERS[call], after="0", timeout=0.1)
        if self._waits:
            return [event async for event in reader]
        return await asyncio.to_thread(list, reader)


CALLS: dict[str, Callable[[Any, Any], Any]] = {
    "submit": lambda client, _: client.customer.source.create(
        customer="cus_1", source="tok_visa"
    ),
    "submit_many": lambda client, _: client.submit_many([NEW, NEW]),
    "job": lambda client, job: client.job(job.id),
    "refresh": lambda _, job: job.refresh(),
    "result": lambda _, job: job.result(timeout=0.1),
    "snapshot": lambda client, job: client.snapshot(job.id),
    "cancel": lambda client, job: client.cancel(job.id),
}
READERS = {"events": None, "events of a group": "billing"}
EVERY = [*CALLS, *READERS]
TAKES_ROOM = {"submit", "submit_many"}
WRITES = {*TAKES_ROOM, "cancel", "events of a group"}


@pytest.fixture(scope="module")
def own_store() -> Iterator[Store]:
    """A store for this module; each trouble leaves it as it was."""
    with Store.start(aof=True, config=KEPT) as running:
        yield running


@asynccontextmanager
async def callers(url: str) -> AsyncIterator[dict[tuple[str, str], Caller]]:
    """For each call and each kind of client one that is connected and has a job."""
    made = {}
    for call in EVERY:
        for kind in ("sync", "async"):
            caller = made[call, kind] = Caller(url, waits=kind == "async")
            caller.job = await caller.get(lambda one: CALLS["submit"](one, None))
    yield made
    for caller in made.values():
        await caller.get(lambda one: one.close())


async def all_at_once(made: dict[tuple[str, str], Caller]) -> dict[str, Any]:
    """Make every call, all in the same trouble; what came of each."""
    calls = (caller.outcome(call) for (call, _), caller in made.items())
    outcomes = await asyncio.gather(*calls)
    return {
        f"{call}, {kind}": outcome
        for (call, kind), outcome in zip(made, outcomes, strict=True)
    }


def unavailable(outcomes: dict[str, Any]) -> set[str]:
    return {
        call.rpartition(",")[0]
        for call, outcome in outcomes.items()
        if isinstance(outcome, LedgerUnavailable)
    }


def is_full(outcomes: dict[str, Any]) -> list[bool]:
    return [isinstance(outcome, LedgerFull) for outcome in outcomes.values()]


@contextmanager
def away(store: Store) -> Iterator[None]:
    store.kill()
    yield
    store.restart()


@contextmanager
def hung(store: Store) -> Iterator[None]:
    store.pause()
    yield
    store.resume()


@contextmanager
def full(store: Store) -> Iterator[None]:
    with redis.Redis.from_url(store.url) as admin:
        admin.config_set("maxmemory", "1mb")
        yield
        admin.config_set("maxmemory", "0")


@contextmanager
def read_only(store: Store) -> Iterator[None]:
    with redis.Redis.from_url(store.url) as admin:
        admin.replicaof("127.0.0.1", "1")
        yield
        admin.replicaof("NO", "ONE")


@pytest.mark.parametrize("trouble", [away, hung])
async def test_no_call_hangs_and_each_says_that_the_store_is_away(
    trouble: Callable[[Store], Any], own_store: Store
) -> None:
    async with callers(own_store.url) as made:
        with trouble(own_store):
            outcomes = await all_at_once(made)
        assert unavailable(outcomes) == set(EVERY)
        assert not any(is_full(outcomes))
        # Nobody has to care for a client whose store was away.
        assert unavailable(await all_at_once(made)) == set()


async def test_a_connection_that_silently_died_costs_one_call(
    own_store: Store,
) -> None:
    with proxy_to(own_store) as proxy:
        async with callers(proxy.url) as made:
            proxy.go_silent()
            await all_at_once(made)
            assert unavailable(await all_at_once(made)) == set()


async def test_a_connection_that_was_cut_costs_nothing(own_store: Store) -> None:
    async with callers(own_store.url) as made:
        with redis.Redis.from_url(own_store.url) as admin:
            admin.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        assert unavailable(await all_at_once(made)) == set()


async def test_a_full_store_takes_nothing_new_and_does_all_else(
    own_store: Store,
) -> None:
    async with callers(own_store.url) as made:
        with full(own_store):
            outcomes = await all_at_once(made)
        refused = {call: it for call, it in outcomes.items() if _takes_room(call)}
        assert all(is_full(refused))
        assert unavailable(outcomes) - {"events of a group"} == TAKES_ROOM


def _takes_room(call: str) -> bool:
    return call.rpartition(",")[0] in TAKES_ROOM


async def test_a_replica_can_be_read_and_says_of_writes_that_it_is_one(
    own_store: Store,
) -> None:
    async with callers(own_store.url) as made:
        with read_only(own_store):
            outcomes = await all_at_once(made)
        assert unavailable(outcomes) == WRITES
        assert not any(is_full(outcomes))
        said = {
            str(it) for it in outcomes.values() if isinstance(it, LedgerUnavailable)
        }
        assert all("read only" in one for one in said)
