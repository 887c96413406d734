"""One send is one request at most, on the connection it was meant for."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.integration.wire_client import EACH_KIND, EACH_METHOD, REQUESTS, api_to
from tests.integration.wire_server import (
    OK,
    Peer,
    after_request,
    answer,
    answers_all,
    kept_alive,
    wire_server,
)
from worker.answers import Answered, MaybeSent

GOOD = Answered(status=200, body={"id": "x_1"})


class LeaseLostError(Exception):
    """What a worker's check raises."""


# Dropped connections


@EACH_KIND
@EACH_METHOD
async def test_a_kept_connection_that_drops_under_a_request_is_not_tried_again(
    method: str, kind: str
) -> None:
    scripts = kept_alive(OK), answers_all
    async with wire_server(*scripts) as server, api_to(server.base, kind) as api:
        results = [await api.send(REQUESTS[method]) for _ in range(2)]

    assert results == [GOOD, MaybeSent("disconnected")]
    assert len(server.requests) == 2
    assert server.connections == 1


@EACH_METHOD
async def test_a_library_that_tries_again_by_itself_is_stopped(method: str) -> None:
    scripts = kept_alive(OK), answers_all
    async with wire_server(*scripts) as server, api_to(server.base, "aiohttp") as api:
        first = await api.send(REQUESTS[method])
        transport: Any = api._transport
        transport.client._retry_connection = True
        second = await api.send(REQUESTS[method])

    reason = "disconnected" if method == "POST" else "sent_again"
    assert [first, second] == [GOOD, MaybeSent(reason)]
    assert len(server.requests) == 2


@EACH_KIND
@EACH_METHOD
async def test_a_connection_that_was_dropped_while_idle_is_not_used(
    method: str, kind: str
) -> None:
    async with (
        wire_server(after_request(OK)) as server,
        api_to(server.base, kind) as api,
    ):
        for _ in range(3):
            assert await api.send(REQUESTS[method]) == GOOD
            await server.until_all_ended()

    assert len(server.requests) == server.connections == 3


# Answers nobody asked for


@EACH_KIND
async def test_an_answer_too_many_is_not_taken_for_the_next_one(kind: str) -> None:
    stray = answer(b'{"id":"stray"}', status=b"408 Request Timeout")
    async with (
        wire_server(after_request(OK + stray, then=answers_all)) as server,
        api_to(server.base, kind) as api,
    ):
        results = [await api.send(REQUESTS["POST"]) for _ in range(3)]

    assert results == [GOOD] * 3
    assert server.connections == 3


@EACH_KIND
@pytest.mark.parametrize("turns", [0, 5], ids=["unread", "read by then"])
async def test_an_answer_that_came_while_idle_is_not_taken_for_the_next_one(
    turns: int, kind: str
) -> None:
    strays: list[Peer] = []

    async def script(peer: Peer) -> None:
        await peer.hear()
        await peer.say(OK)
        strays.append(peer)
        await answers_all(peer)

    async with wire_server(script) as server, api_to(server.base, kind) as api:
        for _ in range(3):
            assert await api.send(REQUESTS["POST"]) == GOOD
            await strays.pop().say(answer(b'{"id":"stray"}'))
            for _ in range(turns):  # of the loop, in which aiohttp reads it
                await asyncio.sleep(0)

    assert server.connections == 3


# The check before the first byte


@EACH_KIND
@EACH_METHOD
@pytest.mark.parametrize(
    "error", [LeaseLostError, TimeoutError, ConnectionResetError, KeyboardInterrupt]
)
async def test_a_refusal_at_the_last_moment_sends_nothing(
    error: type[BaseException], method: str, kind: str
) -> None:
    heard: list[bytes] = []

    async def listens(peer: Peer) -> None:
        heard.append(await peer.hear_out())

    def refuse() -> None:
        raise error("no")

    async with (
        wire_server(listens, answers_all) as server,
        api_to(server.base, kind, max_connections=1) as api,
    ):
        with pytest.raises(error, match="no"):
            await api.send(REQUESTS[method], before_bytes=refuse)
        await server.until_all_ended()
        assert await api.send(REQUESTS[method]) == GOOD

    assert heard == [b""]
    assert len(server.requests) == 1


@EACH_KIND
async def test_a_refusal_on_a_kept_connection_harms_no_later_request(
    kind: str,
) -> None:
    def refuse() -> None:
        raise LeaseLostError

    async with wire_server(answers_all) as server, api_to(server.base, kind) as api:
        assert await api.send(REQUESTS["POST"]) == GOOD
        with pytest.raises(LeaseLostError) as refused:
            await api.send(REQUESTS["POST"], before_bytes=refuse)
        assert await api.send(REQUESTS["POST"]) == GOOD

    assert len(server.requests) == 2
    # Nothing of the libraries, and so no header, hangs on to what the caller may log.
    assert refused.value.__context__ is None


@EACH_KIND
@EACH_METHOD
async def test_the_check_is_made_once_and_before_any_byte(
    method: str, kind: str
) -> None:
    asked: list[int] = []
    async with wire_server(answers_all) as server, api_to(server.base, kind) as api:
        for _ in range(2):
            await api.send(
                REQUESTS[method],
                before_bytes=lambda: asked.append(len(server.requests)),
            )

    assert asked == [0, 1]
