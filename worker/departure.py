"""The moment a request leaves, and a word for what went wrong around it.

"At most once" needs one fact about a request that failed: had its first byte left? No
exception tells that truthfully. httpx-aiohttp calls a lost answer `ConnectTimeout`, and
aiohttp sends a GET or DELETE by itself again when a kept-alive connection drops. So the
fact is taken where it happens: every request carries a `Departure`, and the transport
calls its `leave` directly before the first byte, once a connection is its own.
"""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING

import aiohttp
import httpx

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterator


class Stopped(Exception):
    """The request was kept from leaving."""


class Departure:
    """One request's way out: what may still stop it, and whether it has left.

    Attributes:
        target: Path and query, to be put on the wire exactly so.
        sent: Whether the first byte may have left.
        refusal: What `before_bytes` raised, if that is why nothing left.
    """

    __slots__ = ("_before_bytes", "_socket", "refusal", "sent", "target")

    def __init__(self, target: str, before_bytes: Callable[[], None]) -> None:
        self.target = target
        self.sent = False
        self.refusal: BaseException | None = None
        self._before_bytes = before_bytes
        self._socket: asyncio.Transport | None = None

    @property
    def decided(self) -> bool:
        """Whether `leave` was called, whatever came of it."""
        return self.sent or self.refusal is not None

    def leave(self) -> None:
        """Let the first byte go; transports call this directly before they write it.

        Raises:
            Stopped: If `before_bytes` refused, or if the request has left before: a
                library that tries again by itself ends here.
        """
        if self.decided:
            raise Stopped
        try:
            self._before_bytes()
        except BaseException as refusal:  # noqa: BLE001 - kept for the caller of `send`
            self.refusal = refusal
            raise Stopped from None
        self.sent = True

    def take(self, transport: asyncio.Transport | None) -> None:
        """Remember the socket that the request leaves on, to hang it up."""
        self._socket = transport

    def hang_up(self) -> None:
        """Abort the socket, unless the pool has it back in good order.

        aiohttp only closes a failed connection, and a close first waits for a stalled
        peer to take what is still unsent. Stock httpx aborts by itself.
        """
        if self._socket is not None and self._socket.is_closing():
            self._socket.abort()


_Words = tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], str], ...]

_BEFORE: _Words = (
    (socket.gaierror, "dns"),
    (ssl.SSLError, "tls"),
    (TimeoutError, "connect_timeout"),
    (ConnectionRefusedError, "connect_refused"),
)
_AFTER: _Words = (
    (Stopped, "sent_again"),
    (TimeoutError, "read_timeout"),
    (
        (httpx.NetworkError, aiohttp.ClientConnectionError, ConnectionError),
        "disconnected",
    ),
)
_ENDS = ("Server disconnected", "peer closed connection")
"""How httpcore and h11 begin to tell of an end, in the class of any broken answer."""


def why(error: Exception, *, sent: bool) -> str:
    """Find the log's word for a failure; nothing is decided by it.

    Args:
        error: What a transport raised. Its own class is often wrong, so the exceptions
            that led to it are looked through as well.
        sent: Whether the request had left.

    Returns:
        A short word, or the name of a class that no transport is known to raise.
    """
    for cause in _causes(error):
        for kinds, word in _AFTER if sent else _BEFORE:
            if isinstance(cause, kinds):
                return word
        if sent and str(cause).startswith(_ENDS):
            return "disconnected"
    if isinstance(error, httpx.HTTPError | aiohttp.ClientError | OSError):
        return "bad_http" if sent else "connect_failed"
    return type(error).__name__


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Walk from an exception to those that led to it, each once."""
    seen: set[int] = set()
    ahead: list[BaseException | None] = [error]
    while ahead:
        cause = ahead.pop(0)
        if cause is None or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        if isinstance(cause, BaseExceptionGroup):
            ahead.extend(cause.exceptions)
        # httpcore raises `from None`: that drops the cause and keeps the context.
        ahead.append(cause.__cause__ or cause.__context__)
