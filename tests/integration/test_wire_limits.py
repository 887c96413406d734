"""Sends that are cancelled, out of time, closed under or too many at once."""

from __future__ import annotations

import asyncio

import pytest

from tests.integration.wire_client import EACH_KIND, EACH_METHOD, REQUESTS, api_to
from tests.integration.wire_server import (
    OK,
    Peer,
    after_request,
    answers_all,
    wire_server,
)
from worker.answers import Answered, MaybeSent
from worker.stripe_api import StripeRequest

GOOD = Answered(status=200, body={"id": "x_1"})


@EACH_KIND
@EACH_METHOD
@pytest.mark.parametrize("said", [b"", OK[:20], OK[:-1]], ids=["mute", "head", "body"])
async def test_a_cancelled_send_aborts_its_socket(
    said: bytes, method: str, kind: str
) -> None:
    scripts = after_request(said, then=Peer.hear_out), answers_all
    async with (
        wire_server(*scripts) as server,
        api_to(server.base, kind, max_connections=1) as api,
    ):
        sending = asyncio.ensure_future(api.send(REQUESTS[method]))
        await server.until(lambda: len(server.requests) == 1)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending

        await server.until_all_ended()
        assert await api.send(REQUESTS[method]) == GOOD


@EACH_KIND
@pytest.mark.parametrize("limit", ["read_timeout", "total_timeout"])
async def test_a_send_out_of_time_aborts_its_socket(limit: str, kind: str) -> None:
    hangs = after_request(then=Peer.hear_out)
    async with (
        wire_server(hangs) as server,
        api_to(server.base, kind, **{limit: 0.1}) as api,
    ):
        result = await api.send(REQUESTS["POST"])
        await server.until_all_ended()

    assert result == MaybeSent(limit)


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
@EACH_KIND
async def test_what_is_unsent_when_time_is_out_stays_unsent(kind: str) -> None:
    out_of_time = asyncio.Event()
    heard: list[bytes] = []

    async def stalls(peer: Peer) -> None:
        await out_of_time.wait()
        heard.append(await peer.hear_out())

    request = StripeRequest("POST", "/v1/x", b"x" * 32_000_000)
    async with (
        wire_server(stalls) as server,
        api_to(server.base, kind, total_timeout=0.2) as api,
    ):
        result = await api.send(request)
        out_of_time.set()
        await server.until_all_ended()

    assert result == MaybeSent("total_timeout")
    assert [len(part) < len(request.body) for part in heard] == [True]


@EACH_KIND
@pytest.mark.parametrize(("allowed", "asked"), [(2, 20), (128, 128)])
async def test_as_many_connections_are_made_as_allowed_and_no_more(
    allowed: int, asked: int, kind: str
) -> None:
    waiting: list[Peer] = []
    most = 0

    async def answers_once_all_are_there(peer: Peer) -> None:
        nonlocal most
        while True:
            await peer.hear()
            waiting.append(peer)
            most = max(most, len(waiting))
            if len(waiting) == allowed:
                while waiting:
                    await waiting.pop().say(OK)

    async with (
        wire_server(answers_once_all_are_there) as server,
        api_to(server.base, kind, max_connections=allowed) as api,
    ):
        sends = [api.send(REQUESTS["POST"]) for _ in range(asked)]
        results = await asyncio.gather(*sends)

    assert results == [GOOD] * asked
    assert most == server.connections == allowed


@EACH_KIND
async def test_a_send_cancelled_in_line_takes_no_slot_with_it(kind: str) -> None:
    hangs = after_request(then=Peer.hear_out)
    async with (
        wire_server(hangs, answers_all) as server,
        api_to(server.base, kind, max_connections=1) as api,
    ):
        sends = [asyncio.ensure_future(api.send(REQUESTS["POST"])) for _ in "abc"]
        await server.until(lambda: len(server.requests) == 1)
        for sending in sends:
            sending.cancel()
        await asyncio.wait(sends)

        assert await api.send(REQUESTS["POST"]) == GOOD


@EACH_KIND
async def test_closing_leaves_a_request_under_way_as_maybe_sent(kind: str) -> None:
    async with (
        wire_server(after_request(then=Peer.hear_out)) as server,
        api_to(server.base, kind) as api,
    ):
        sending = asyncio.ensure_future(api.send(REQUESTS["POST"]))
        await server.until(lambda: len(server.requests) == 1)
        await api.aclose()

        assert await sending == MaybeSent("disconnected")
