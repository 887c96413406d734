"""What a request comes to that never had a connection: it was not sent."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, NoReturn

import pytest

from tests.integration.wire_client import EACH_KIND, EACH_METHOD, REQUESTS, api_to
from tests.integration.wire_server import (
    OK,
    PATIENCE,
    Peer,
    answers_all,
    kept_alive,
    wire_server,
)
from worker.answers import Answered, MaybeSent, NotSent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.answers import TryResult
    from worker.stripe_api import StripeApi


async def send_asking(api: StripeApi, method: str) -> tuple[TryResult, int]:
    """Send, and count how often the request was about to leave."""
    asked: list[None] = []
    result = await api.send(REQUESTS[method], before_bytes=lambda: asked.append(None))
    return result, len(asked)


def base_of(bound: socket.socket, scheme: str = "http") -> str:
    return f"{scheme}://127.0.0.1:{bound.getsockname()[1]}"


@contextmanager
def listener_too_busy_to_accept() -> Iterator[socket.socket]:
    """Fill a listener's backlog, so that the next connection is never made."""
    with ExitStack() as sockets:
        listener = sockets.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = sockets.enter_context(socket.socket())
            waiting.setblocking(False)  # noqa: FBT003 - the socket's own signature
            waiting.connect_ex(listener.getsockname())
        yield listener


@EACH_KIND
@EACH_METHOD
async def test_a_refused_connection_sends_nothing(method: str, kind: str) -> None:
    with socket.socket() as bound:  # bound, but not listening
        bound.bind(("127.0.0.1", 0))
        async with api_to(base_of(bound), kind) as api:
            assert await send_asking(api, method) == (NotSent("connect_refused"), 0)


@EACH_KIND
async def test_a_name_whose_every_address_refuses_sends_nothing(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        address = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [address] * 2)
        async with api_to(f"http://api.stripe.test:{port}", kind) as api:
            assert await send_asking(api, "POST") == (NotSent("connect_refused"), 0)


@EACH_KIND
@EACH_METHOD
@pytest.mark.parametrize("limit", ["connect_timeout", "total_timeout"])
async def test_a_connection_that_is_not_made_in_time_sends_nothing(
    limit: str, method: str, kind: str
) -> None:
    with listener_too_busy_to_accept() as listener:
        async with api_to(base_of(listener), kind, **{limit: 0.1}) as api:
            assert await send_asking(api, method) == (NotSent(limit), 0)


@EACH_KIND
async def test_an_unknown_name_sends_nothing(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(*_: object, **__: object) -> NoReturn:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    async with api_to("http://api.stripe.test", kind) as api:
        assert await send_asking(api, "POST") == (NotSent("dns"), 0)


@EACH_KIND
async def test_a_name_that_is_looked_up_for_too_long_sends_nothing(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = threading.Event()

    def slow(*_: object, **__: object) -> list[object]:
        answered.wait(PATIENCE)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    async with api_to("http://api.stripe.test", kind, connect_timeout=0.1) as api:
        try:
            assert await send_asking(api, "POST") == (NotSent("connect_timeout"), 0)
        finally:
            answered.set()


@EACH_KIND
async def test_a_server_without_tls_is_sent_nothing(kind: str) -> None:
    async def plain(peer: Peer) -> None:
        await peer.say(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await peer.hear_out()

    async with wire_server(plain) as server, api_to(server.tls_base, kind) as api:
        assert await send_asking(api, "POST") == (NotSent("tls"), 0)


@EACH_KIND
async def test_a_tls_handshake_that_hangs_sends_nothing(kind: str) -> None:
    async with (
        wire_server(Peer.hear_out) as server,
        api_to(server.tls_base, kind, connect_timeout=0.1) as api,
    ):
        assert await send_asking(api, "POST") == (NotSent("connect_timeout"), 0)


@EACH_KIND
async def test_a_tls_handshake_that_breaks_off_sends_nothing(kind: str) -> None:
    async def closes(_: Peer) -> None:
        """Close at once."""

    async with wire_server(closes) as server, api_to(server.tls_base, kind) as api:
        result, asked = await send_asking(api, "POST")

    assert isinstance(result, NotSent)
    assert not asked


@EACH_KIND
async def test_a_request_that_gets_no_slot_in_time_sends_nothing(kind: str) -> None:
    async with wire_server(Peer.hear_out) as server:
        options = {"max_connections": 1, "connect_timeout": 0.1}
        async with api_to(server.base, kind, **options) as api:
            holder = asyncio.ensure_future(api.send(REQUESTS["POST"]))
            await server.until(lambda: server.connections == 1)

            assert await send_asking(api, "POST") == (NotSent("pool_timeout"), 0)

            holder.cancel()
            with pytest.raises(asyncio.CancelledError):
                await holder
    assert server.connections == 1


@EACH_KIND
async def test_a_closed_api_sends_nothing(kind: str) -> None:
    async with wire_server(answers_all) as server, api_to(server.base, kind) as api:
        await api.send(REQUESTS["POST"])
        await api.aclose()

        assert await send_asking(api, "POST") == (NotSent("closed"), 0)
        await server.until_all_ended()


def anonymous_tls(protocol: int) -> ssl.SSLContext:
    """Make a context for TLS without any certificate, which tests need not keep."""
    context = ssl.SSLContext(protocol)
    if protocol == ssl.PROTOCOL_TLS_CLIENT:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("AECDH-AES128-SHA:@SECLEVEL=0")
    return context


@EACH_KIND
@EACH_METHOD
async def test_tls_changes_nothing_about_what_was_sent(
    method: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = anonymous_tls(ssl.PROTOCOL_TLS_CLIENT)
    monkeypatch.setattr("worker.transport._tls", lambda: client)
    tls = anonymous_tls(ssl.PROTOCOL_TLS_SERVER)
    scripts = kept_alive(OK, OK), answers_all
    async with wire_server(*scripts, tls=tls) as server:
        async with api_to(server.tls_base, kind) as api:
            results = [await api.send(REQUESTS[method]) for _ in range(4)]
        await server.until_all_ended()

    good = Answered(status=200, body={"id": "x_1"})
    assert results == [good, good, MaybeSent("disconnected"), good]
    assert len(server.requests) == 4
    assert server.connections == 2
