"""The way to Stripe: two kinds of httpx transport that tell when a request leaves.

`aiohttp` is the default: the pool of stock httpx looks at all connections for every
request, which costs most of a processor with a hundred in flight. Stock `httpx` is one
setting away, and the wire tests hold both to the same answers.
"""

from __future__ import annotations

import functools
import select
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Literal

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport
from yarl import URL

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Mapping

    from aiohttp.client_reqrep import ConnectionKey
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace

    from worker.departure import Departure

TransportKind = Literal["aiohttp", "httpx"]

KEEP_ALIVE = 15.0
"""Seconds an idle connection is kept: well below the minute after which load balancers
drop one, since a request that meets the drop has an unknown outcome."""

HEADER_LINE = 64 * 1024
"""Bytes of one header line that aiohttp accepts. Its own 8 KiB would turn an answer
with a long policy header into an unknown outcome; stock httpx takes 100 KiB."""


def build_transport(
    kind: TransportKind, *, max_connections: int
) -> httpx.AsyncBaseTransport:
    """Make a transport that sends each request once, or not at all.

    Neither kind follows redirects, keeps cookies, tries again, or takes proxies and
    passwords from the environment.

    Args:
        kind: `aiohttp` or stock `httpx`.
        max_connections: How many connections may be open; all of them are kept alive.

    Returns:
        A transport whose requests carry a `Departure` as `extensions["departure"]`.
    """
    if kind == "aiohttp":
        return _AiohttpTransport(
            verify=_tls(), client=functools.partial(_session, max_connections)
        )
    return _HttpxTransport(
        verify=_tls(),
        limits=httpx.Limits(
            max_connections=max_connections,
            max_keepalive_connections=max_connections,
            keepalive_expiry=KEEP_ALIVE,
        ),
    )


@functools.cache
def _tls() -> ssl.SSLContext:
    """Load the certificate authorities once: it takes tens of milliseconds."""
    return httpx.create_ssl_context(trust_env=False)


class _AiohttpTransport(AiohttpTransport):
    """httpx over an aiohttp session of ours, whose `_Request` asks the departure."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        _departing.set(request.extensions["departure"])
        return await super().handle_async_request(request)


_departing: ContextVar[Departure] = ContextVar("departing")
"""Bridges httpx-aiohttp, which hands nothing of ours through. aiohttp makes the
`_Request` in the task that called the transport, so each finds its own."""


def _session(max_connections: int) -> aiohttp.ClientSession:
    """Make the session, inside the loop that will use it."""
    session = aiohttp.ClientSession(
        connector=_Connector(
            limit=max_connections, keepalive_timeout=KEEP_ALIVE, ssl=_tls()
        ),
        request_class=_Request,
        cookie_jar=aiohttp.DummyCookieJar(),
        max_field_size=HEADER_LINE,
        trust_env=False,
    )
    # As aiohttp's own test client does. `Departure.leave` would stop the second sending
    # too, but only once a second connection was made for it.
    session._retry_connection = False  # noqa: SLF001
    return session


class _Request(aiohttp.ClientRequest):
    """A request that asks its departure before it writes."""

    def __init__(self, method: str, url: URL, **kwargs: Any) -> None:
        self._departure = _departing.get()
        # A target that passes through httpx and yarl is spelled anew.
        exact = URL(f"{url.origin()}{self._departure.target}", encoded=True)
        super().__init__(method, exact, **kwargs)

    async def send(self, conn: Connection) -> aiohttp.ClientResponse:
        self._departure.take(conn.transport)
        self._departure.leave()
        return await super().send(conn)


class _Connector(aiohttp.TCPConnector):
    """A pool that lends no connection on which something already waits to be read.

    On an idle connection that is its end, or an answer nobody asked for (such as a load
    balancer's 408), which would be taken for the answer to the next request.
    """

    async def _get(self, key: ConnectionKey, traces: list[Trace]) -> Connection | None:
        while (connection := await super()._get(key, traces)) is not None:
            if _is_silent(connection):
                return connection
            connection.close()
        return None


def _is_silent(connection: Connection) -> bool:
    """Tell whether nothing arrived since the last answer."""
    protocol, transport = connection.protocol, connection.transport
    if protocol is None or transport is None or protocol.should_close:
        return False
    waiting = select.poll()
    waiting.register(transport.get_extra_info("socket"), select.POLLIN)
    return not waiting.poll(0)


class _HttpxTransport(httpx.AsyncHTTPTransport):
    """Stock httpx, whose trace asks the departure."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        departure: Departure = request.extensions["departure"]

        async def trace(event: str, _info: Mapping[str, Any]) -> None:
            # The first event that is not about the connection comes just before the
            # first byte. Should it get another name, it still counts.
            if not (departure.decided or event.startswith("connection.")):
                departure.leave()

        request.extensions["trace"] = trace
        request.extensions["target"] = departure.target.encode("ascii")
        response = await super().handle_async_request(request)
        response.stream = _TidyStream(response)
        return response


class _TidyStream(httpx.AsyncByteStream):
    """The body of an answer of stock httpx, behind which nothing may be left over.

    httpcore looks for unasked bytes in the socket, as `_Connector` does, but not among
    those it has read already: a second answer in one packet with the first would be
    taken for the answer to the next request.
    """

    def __init__(self, response: httpx.Response) -> None:
        self._stream: Any = response.stream
        self._network = response.extensions["network_stream"]

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._stream:
            yield chunk

    async def aclose(self) -> None:
        http11 = self._stream._httpcore_stream._stream._connection  # noqa: SLF001
        left_over, _ended = http11._h11_state.trailing_data  # noqa: SLF001
        if left_over:
            await self._network.aclose()
        await self._stream.aclose()
