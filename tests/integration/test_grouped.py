"""Calls that are sent together: each has its own answer, whatever befalls the rest."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import redis
import redis.asyncio
from redis.commands.core import AsyncScript

from sandbox.store import Store
from worker.grouped import MOST_AT_ONCE, MOST_TOGETHER, Grouped
from worker.store import connect

ECHO = "return ARGV[1]"
ADD = "redis.call('INCR', ARGV[1]) return ARGV[1]"
REFUSE = "return redis.error_reply('REFUSED ' .. ARGV[1])"


@pytest.fixture(scope="module")
def own_store() -> Iterator[Store]:
    """A server whose connections may be cut and whose scripts may be dropped."""
    with Store.start() as running:
        yield running


@pytest.fixture
def admin(own_store: Store) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(own_store.url, decode_responses=True) as admin:
        admin.flushall()
        yield admin
        admin.client_unpause()


@pytest.fixture
async def connection(
    own_store: Store, admin: redis.Redis
) -> AsyncIterator[redis.asyncio.Redis]:
    connection = connect(own_store.url)
    yield connection
    await connection.aclose()


@pytest.fixture
async def grouped(connection: redis.asyncio.Redis) -> AsyncIterator[Grouped]:
    grouped = Grouped(connection)
    yield grouped
    await grouped.ended()


@pytest.fixture
def echo(connection: redis.asyncio.Redis) -> AsyncScript:
    return connection.register_script(ECHO)


@pytest.fixture
def add(connection: redis.asyncio.Redis) -> AsyncScript:
    return connection.register_script(ADD)


def connections(admin: redis.Redis) -> list[dict[str, Any]]:
    """Return the worker's connections, as the store sees them."""
    everybody = admin.client_list()
    return [one for one in everybody if one["name"] == "customer-sources-worker"]


async def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)


async def blocked(admin: redis.Redis, count: int = 1) -> list[dict[str, Any]]:
    """Wait until so many groups are in the store and wait there for the pause's end."""

    def waiting() -> list[dict[str, Any]]:
        return [one for one in connections(admin) if "b" in one["flags"]]

    await wait_until(lambda: len(waiting()) == count)
    return waiting()


def begin(
    grouped: Grouped, script: AsyncScript, words: list[str]
) -> list[asyncio.Task[Any]]:
    return [asyncio.create_task(grouped.call(script, [word])) for word in words]


async def test_each_caller_has_its_own_answer(
    grouped: Grouped, echo: AsyncScript, admin: redis.Redis
) -> None:
    words = [f"word-{number}" for number in range(50)]

    assert await asyncio.gather(*begin(grouped, echo, words)) == words
    assert len(connections(admin)) == 1  # so they went together


async def test_more_calls_than_a_group_holds_share_few_connections(
    grouped: Grouped, echo: AsyncScript, admin: redis.Redis
) -> None:
    words = [f"word-{number}" for number in range(5 * MOST_TOGETHER + 1)]

    assert await asyncio.gather(*begin(grouped, echo, words)) == words
    assert len(connections(admin)) == MOST_AT_ONCE == 2


async def test_a_call_does_not_wait_for_the_group_before_it(
    grouped: Grouped, echo: AsyncScript, add: AsyncScript, admin: redis.Redis
) -> None:
    reading = connection_read_only(echo)
    await grouped.call(reading, [""])  # is known from here on
    admin.client_pause(10_000, all=False)
    held = begin(grouped, add, ["a"])
    await blocked(admin)

    assert await grouped.call(reading, ["past it"]) == "past it"
    admin.client_unpause()
    assert await held[0] == "a"


def connection_read_only(script: AsyncScript) -> AsyncScript:
    """Make a script that a pause of writes does not hold."""
    client = script.registered_client
    return client.register_script(f"#!lua flags=no-writes\n{ECHO}")


async def test_an_error_is_told_to_its_caller_alone(
    connection: redis.asyncio.Redis, grouped: Grouped, echo: AsyncScript
) -> None:
    refuse = connection.register_script(REFUSE)
    scripts = [echo, refuse, echo, refuse, echo]
    asked = [grouped.call(one, [str(n)]) for n, one in enumerate(scripts)]
    answers = await asyncio.gather(*asked, return_exceptions=True)

    assert answers[::2] == ["0", "2", "4"]
    for number, error in zip((1, 3), answers[1::2], strict=True):
        assert isinstance(error, redis.ResponseError)
        assert f"REFUSED {number}" in str(error)


async def test_what_cannot_be_sent_is_its_callers_trouble_alone(
    grouped: Grouped, echo: AsyncScript
) -> None:
    asked: list[Any] = [["a"], [None], ["b"]]
    answers = await asyncio.gather(
        *(grouped.call(echo, arguments) for arguments in asked),
        return_exceptions=True,
    )

    assert answers[::2] == ["a", "b"]
    assert isinstance(answers[1], redis.DataError)


async def test_scripts_that_the_store_forgot_are_loaded_and_only_theirs_repeated(
    connection: redis.asyncio.Redis,
    grouped: Grouped,
    echo: AsyncScript,
    add: AsyncScript,
    admin: redis.Redis,
) -> None:
    await asyncio.gather(*begin(grouped, echo, ["a"]), *begin(grouped, add, ["n"]))
    admin.script_flush()
    await connection.script_load(ADD)

    words = [f"word-{number}" for number in range(10)]
    known = begin(grouped, add, ["n"] * 10)
    answers = await asyncio.gather(*known, *begin(grouped, echo, words))
    assert answers == ["n"] * 10 + words
    assert admin.get("n") == "11"


async def test_a_script_that_the_store_cannot_read_is_told_to_its_callers(
    connection: redis.asyncio.Redis, grouped: Grouped, echo: AsyncScript
) -> None:
    await grouped.call(echo, ["a"])
    broken = connection.register_script("this is no Lua")
    answers = await asyncio.gather(
        grouped.call(echo, ["a"]), grouped.call(broken, []), return_exceptions=True
    )

    assert answers[0] == "a"
    assert isinstance(answers[1], redis.ResponseError)
    assert "compiling" in str(answers[1])  # why it was not loaded


async def test_a_group_whose_connection_is_cut_is_asked_again(
    grouped: Grouped, add: AsyncScript, admin: redis.Redis
) -> None:
    await grouped.call(add, ["n"])
    admin.client_pause(10_000, all=False)
    asked = begin(grouped, add, ["n", "m", "n"])
    (held,) = await blocked(admin)
    admin.client_kill_filter(_id=held["id"])
    admin.client_unpause()

    assert await asyncio.gather(*asked) == ["n", "m", "n"]


async def test_a_store_that_is_gone_is_told_to_every_caller_and_found_again(
    tmp_path: Any,
) -> None:
    with Store.start(aof=True, directory=tmp_path) as store:
        connection = connect(store.url)
        grouped, echo = Grouped(connection), connection.register_script(ECHO)
        assert await grouped.call(echo, ["before"]) == "before"
        store.stop()
        lost = await asyncio.gather(
            *begin(grouped, echo, ["a"] * (MOST_TOGETHER + 1)), return_exceptions=True
        )
        assert {type(one) for one in lost} == {redis.ConnectionError}
        store.restart()
        assert await grouped.call(echo, ["after"]) == "after"
        await connection.aclose()


async def test_a_store_that_hangs_is_waited_for_once_and_not_by_group_after_group(
    own_store: Store, admin: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    impatient = redis.asyncio.Redis.from_url(own_store.url, socket_timeout=0.2)
    grouped, echo = Grouped(impatient), impatient.register_script(ECHO)
    sent: list[int] = []
    answers = grouped._answers

    async def counted(calls: Any) -> Any:
        sent.append(len(calls))
        return await answers(calls)

    monkeypatch.setattr(grouped, "_answers", counted)
    own_store.pause()
    lost = await asyncio.gather(
        *begin(grouped, echo, ["a"] * (3 * MOST_TOGETHER)), return_exceptions=True
    )
    own_store.resume()
    assert {type(one) for one in lost} == {redis.TimeoutError}
    assert sent == [MOST_TOGETHER, MOST_TOGETHER]
    await impatient.aclose()


async def test_a_caller_that_is_cancelled_takes_nothing_from_the_others(
    grouped: Grouped, add: AsyncScript, admin: redis.Redis
) -> None:
    await grouped.call(add, ["n"])
    before = connections(admin)[0]["id"]
    admin.client_pause(10_000, all=False)
    first, doomed, last = begin(grouped, add, ["a", "b", "c"])
    await blocked(admin)
    doomed.cancel()
    await asyncio.wait([doomed])
    admin.client_unpause()

    assert [await first, await last] == ["a", "c"]
    assert doomed.cancelled()
    assert [one["id"] for one in connections(admin)] == [before]


async def test_a_call_whose_caller_is_cancelled_before_it_leaves_is_not_sent(
    grouped: Grouped, add: AsyncScript, admin: redis.Redis
) -> None:
    kept, doomed = begin(grouped, add, ["kept", "doomed"])
    await asyncio.sleep(0)  # both wait, and nothing has left
    doomed.cancel()

    assert await kept == "kept"
    assert admin.exists("doomed") == 0


async def test_what_is_under_way_ends_although_nobody_waits_for_it(
    grouped: Grouped, add: AsyncScript, admin: redis.Redis
) -> None:
    await grouped.call(add, ["n"])
    admin.client_pause(10_000, all=False)
    asked = begin(grouped, add, [f"key-{n}" for n in range(3)])
    await blocked(admin)
    for one in asked:
        one.cancel()
    await asyncio.wait(asked)
    ending = asyncio.create_task(grouped.ended())
    await asyncio.sleep(0)
    assert not ending.done()
    admin.client_unpause()
    await ending

    assert admin.exists("key-0", "key-1", "key-2") == 3
