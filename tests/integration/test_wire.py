"""What a request comes to when its answer goes wrong, byte by byte."""

from __future__ import annotations

import gzip
import itertools
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.integration.wire_client import (
    EACH_KIND,
    EACH_METHOD,
    KINDS,
    REQUESTS,
    api_to,
)
from tests.integration.wire_server import (
    CHUNKED,
    OK,
    Peer,
    Script,
    after_request,
    answer,
    answers_all,
    endless,
    wire_server,
)
from worker.answers import Answered, MaybeSent
from worker.stripe_answer import MAX_BODY

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SOON = {"read_timeout": 0.2}
SOON_AT_ALL = {"total_timeout": 0.3}


class Fault(NamedTuple):
    script: Script
    reason: str
    timeouts: Mapping[str, float] = MappingProxyType({})


def stays(*parts: bytes) -> Script:
    """Say the parts and stay, ready to answer further requests as one should."""
    return after_request(*parts, then=answers_all)


FAULTS = {
    "closes after reading": Fault(after_request(), "disconnected"),
    "resets after reading": Fault(after_request(then=Peer.reset), "disconnected"),
    "closes in the status line": Fault(after_request(OK[:11]), "disconnected"),
    "closes in the headers": Fault(after_request(OK[:30]), "disconnected"),
    "resets in the headers": Fault(
        after_request(OK[:30], then=Peer.reset), "disconnected"
    ),
    "closes before the body": Fault(after_request(OK[:-12]), "disconnected"),
    "closes in the body": Fault(after_request(OK[:-1]), "disconnected"),
    "resets in the body": Fault(
        after_request(OK[:-1], then=Peer.reset), "disconnected"
    ),
    "closes in a chunk": Fault(after_request(CHUNKED, b'c\r\n{"id":'), "disconnected"),
    "closes before the last chunk": Fault(
        after_request(CHUNKED, b'c\r\n{"id":"x_1"}\r\n'), "disconnected"
    ),
    "closes in a body without length": Fault(
        after_request(b'HTTP/1.1 200 OK\r\n\r\n{"id":'), "bad_json_200"
    ),
    "never answers": Fault(stays(), "read_timeout", SOON),
    "stalls in the headers": Fault(stays(OK[:30]), "read_timeout", SOON),
    "stalls in the body": Fault(stays(OK[:-1]), "read_timeout", SOON),
    "never stops saying 100": Fault(
        endless(b"", itertools.repeat(b"HTTP/1.1 100 Continue\r\n\r\n")),
        "total_timeout",
        SOON_AT_ALL,
    ),
    "trickles its body": Fault(
        endless(OK[:-12].replace(b"12", b"4000000"), itertools.repeat(b" ")),
        "total_timeout",
        SOON_AT_ALL,
    ),
    "never ends its headers": Fault(
        endless(OK[:17] + b"X-Long: ", itertools.repeat(b"x" * 4096)), "bad_http"
    ),
    "never ends its body": Fault(
        endless(b"HTTP/1.1 200 OK\r\n\r\n", itertools.repeat(b" " * 65536)), "too_large"
    ),
    "never ends its chunks": Fault(
        endless(CHUNKED, itertools.repeat(b"10000\r\n" + b" " * 65536 + b"\r\n")),
        "too_large",
    ),
    "says 50 MB": Fault(
        endless(
            b"HTTP/1.1 200 OK\r\nContent-Length: 52428800\r\n\r\n",
            itertools.repeat(b"[" * 65536, 800),
        ),
        "too_large",
    ),
    "says a byte too much": Fault(
        stays(answer(b"{" + b" " * (MAX_BODY - 1) + b"}")), "too_large"
    ),
    "speaks no HTTP": Fault(stays(b"\x16\x03\x01 what?\r\n\r\n"), "bad_http"),
    "speaks HTTP/2": Fault(stays(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "bad_http"),
    "has no status": Fault(stays(b"HTTP/1.1 OK\r\n\r\n"), "bad_http"),
    "has an unheard-of status": Fault(
        stays(answer(b"{}", status=b"999 ?")), "bad_http"
    ),
    "has two lengths": Fault(stays(answer(b"{}", b"Content-Length: 1")), "bad_http"),
    "has a broken chunk": Fault(stays(CHUNKED, b"zz\r\n{}"), "bad_http"),
    "switches protocols": Fault(
        stays(b"HTTP/1.1 101 Sure\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n{}"),
        "bad_http",
    ),
    "says nothing": Fault(stays(answer(b"")), "bad_json_200"),
    "says 204": Fault(stays(b"HTTP/1.1 204 No Content\r\n\r\n"), "bad_json_204"),
    "says HTML": Fault(
        stays(answer(b"<html>", status=b"502 Bad Gateway")), "bad_json_502"
    ),
    "limits in plain text": Fault(
        stays(answer(b"slow down", status=b"429 Slow Down")), "bad_json_429"
    ),
    "says a list": Fault(stays(answer(b"[{}]")), "bad_json_200"),
    "says null": Fault(stays(answer(b"null")), "bad_json_200"),
    "says two objects": Fault(stays(answer(b"{}{}")), "bad_json_200"),
    "says NaN": Fault(stays(answer(b'{"amount":NaN}')), "bad_json_200"),
    "says half an emoji": Fault(stays(answer(b'{"a":"\\ud83d"}')), "bad_json_200"),
    "says no UTF-8": Fault(stays(answer(b'{"id":"\xff"}')), "bad_json_200"),
    "nests without end": Fault(stays(answer(b'{"a":' * 200_000)), "bad_json_200"),
    "nests and closes": Fault(
        stays(answer(b'{"a":' * 100_000 + b"1" + b"}" * 100_000)), "bad_json_200"
    ),
    "compresses unasked": Fault(
        stays(answer(gzip.compress(b"{}"), b"Content-Encoding: gzip")), "bad_json_200"
    ),
    "redirects to itself": Fault(
        stays(answer(b"{}", b"Location: /v1/other", status=b"307 Over There")),
        "redirect",
    ),
    "redirects nowhere": Fault(stays(answer(b"{}", status=b"302 Found")), "redirect"),
    "says not modified": Fault(stays(b"HTTP/1.1 304 Same\r\n\r\n"), "redirect"),
}
EACH_FAULT = pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)


@EACH_KIND
@EACH_METHOD
@EACH_FAULT
async def test_a_request_without_a_usable_answer_may_have_been_sent_and_was_sent_once(
    fault: Fault, method: str, kind: str
) -> None:
    async with wire_server(fault.script, answers_all) as server:
        options = {"max_connections": 1, **fault.timeouts}
        async with api_to(server.base, kind, **options) as api:
            first = await api.send(REQUESTS[method])
            again = await api.send(REQUESTS[method])
        await server.until_all_ended()

    assert first == MaybeSent(fault.reason)
    assert again == Answered(status=200, body={"id": "x_1"})
    assert len(server.requests) == 2
    assert server.requests[0] == server.requests[1]


@EACH_KIND
@EACH_METHOD
@pytest.mark.parametrize("end", [Peer.close, Peer.reset])
async def test_a_connection_that_ends_unread_may_have_carried_the_request(
    end: Callable[[Peer], None], method: str, kind: str
) -> None:
    async def ends(peer: Peer) -> None:
        end(peer)

    async with wire_server(ends) as server, api_to(server.base, kind) as api:
        result = await api.send(REQUESTS[method])

    assert result == MaybeSent("disconnected")
    assert server.connections == 1


@EACH_KIND
@EACH_METHOD
async def test_an_answer_cut_at_any_byte_is_no_answer(method: str, kind: str) -> None:
    cuts = [after_request(OK[:length]) for length in range(len(OK))]
    async with wire_server(*cuts) as server, api_to(server.base, kind) as api:
        results = [await api.send(REQUESTS[method]) for _ in cuts]

    assert results == [MaybeSent("disconnected")] * len(OK)
    assert len(server.requests) == len(OK)


@EACH_FAULT
async def test_both_transports_tell_the_same_of_the_same_fault(fault: Fault) -> None:
    async with wire_server(fault.script) as server:
        results = []
        for kind in KINDS:
            async with api_to(server.base, kind, **fault.timeouts) as api:
                results.append(await api.send(REQUESTS["POST"]))

    assert results[0] == results[1]
