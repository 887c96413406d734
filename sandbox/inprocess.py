"""The sandbox without a socket, behind an httpx client, for tests of client code."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import httpx

from sandbox.core import ConnectionCutError, Sandbox
from sandbox.wire import Answer, Request


class Body(httpx.SyncByteStream, httpx.AsyncByteStream):
    """The body of an answer, which comes as late as a fault says."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        time.sleep(self._answer.body_delay)
        yield self._answer.body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        await asyncio.sleep(self._answer.body_delay)
        yield self._answer.body


def transport(sandbox: Sandbox) -> httpx.MockTransport:
    """Return a transport, for a sync or an async client, that leads to `sandbox`.

    A connection that a fault cuts raises `httpx.RemoteProtocolError`, as it does over
    a socket. Latency sleeps, and so holds up an event loop; neither it nor a slow body
    knows of the client's timeouts: run a server for that.
    """

    def handle(request: httpx.Request) -> httpx.Response:
        try:
            answer = sandbox.handle(_read(request))
        except ConnectionCutError as error:
            raise httpx.RemoteProtocolError(
                "cut by a fault", request=request
            ) from error
        return httpx.Response(
            answer.status, headers=list(answer.headers), stream=Body(answer)
        )

    return httpx.MockTransport(handle)


def _read(request: httpx.Request) -> Request:
    path, _, query = request.url.raw_path.decode("latin-1").partition("?")
    return Request(
        method=request.method,
        path=path,
        query=query,
        headers={name.lower(): value for name, value in request.headers.items()},
        body=request.content,
    )
