"""Stripe over HTTP: one request out, one of three truths back.

`StripeApi.send` answers `Answered`, `NotSent` or `MaybeSent` and never raises for what
the network does. Whether a failed request counts as sent is read from its `Departure`,
never from an exception; exceptions only give the log a word.
"""

from __future__ import annotations

import asyncio
import copy
import re
from importlib import metadata
from typing import TYPE_CHECKING, Literal, Self

import httpx
import msgspec

from config.keys import is_connected_account
from worker.answers import Answered, MaybeSent, NotSent, TryResult
from worker.departure import Departure, why
from worker.stripe_answer import NoAnswer, read_answer
from worker.transport import TransportKind, build_transport

if TYPE_CHECKING:
    from collections.abc import Callable

USER_AGENT = f"customer-sources/{metadata.version('customer-sources-worker')}"

_TOKEN = re.compile(r"(/v1/tokens/).+")
_VISIBLE = re.compile(r"[!-~]*")
_TARGET = re.compile(r"/[!\"$-~]*")  # all of them but the #, which never leaves


class StripeRequest(msgspec.Struct, frozen=True):
    """One request, ready for the wire; every try of a job sends the same bytes.

    Raises:
        ValueError: If the path or the key could not go out as it is.
    """

    method: Literal["GET", "POST", "DELETE"]
    path: str
    """`/v1/customers/cus_1/sources`, percent-encoded already; may carry a query."""
    body: bytes = b""
    """Form-encoded."""
    idempotency_key: str = ""
    """Sent on POST only: elsewhere Stripe ignores it."""

    def __post_init__(self) -> None:
        if not _TARGET.fullmatch(self.path):
            raise ValueError("the path must start with / and be percent-encoded")
        if not _VISIBLE.fullmatch(self.idempotency_key):
            raise ValueError("the idempotency key must be printable ASCII, no spaces")

    def __repr__(self) -> str:
        # The body may hold what no log may: tokens, amounts, account numbers.
        path = _TOKEN.sub(r"\1***", self.path)
        return f"<StripeRequest {self.method} {path}, {len(self.body)} bytes>"


def _nothing() -> None:
    """Let every request leave."""


class StripeApi:
    """Sends requests to Stripe with one key; belongs to one event loop.

    Args:
        api_base: `https://api.stripe.com`, or where a fake of it listens.
        key: The secret key; nothing ever shows it, `repr` included.
        transport: `aiohttp`, or stock `httpx`: slower with many requests in flight.
        connect_timeout: Seconds to wait for a free connection, and to make a new one.
        read_timeout: Seconds without a byte of the answer.
        total_timeout: Seconds for all of it.
        max_connections: How many requests are in flight at once; more of them wait.
        api_version: `Stripe-Version`; empty leaves it to the account's default.

    Raises:
        ValueError: If the base is not an `http` or `https` address, or the key or the
            version could not go into a header.
    """

    def __init__(
        self,
        *,
        api_base: str,
        key: str,
        transport: TransportKind = "aiohttp",
        connect_timeout: float = 5.0,
        read_timeout: float = 20.0,
        total_timeout: float = 30.0,
        max_connections: int = 128,
        api_version: str = "",
    ) -> None:
        self._base = _checked_base(api_base)
        self._prefix = self._base.raw_path.decode("ascii").rstrip("/")
        self._version = api_version
        self._headers = _checked_headers(key, api_version)
        self._kind = transport
        self._transport = build_transport(transport, max_connections=max_connections)
        # A free connection is waited for here, alike for both transports, which then
        # have one at once; so "pool" bounds the making of one, name lookup included.
        self._slots = asyncio.Semaphore(max_connections)
        self._timeouts = {
            "connect": connect_timeout,
            "read": read_timeout,
            "write": None,
            "pool": connect_timeout,
        }
        self._connect_timeout = connect_timeout
        self._total_timeout = total_timeout
        self._closed = asyncio.Event()

    def __repr__(self) -> str:
        return f"<StripeApi {self._base} over {self._kind}, key ***>"

    def acting_for(self, key: str, stripe_account: str = "") -> Self:
        """Make one that sends with another key over the same connections.

        Slots, timeouts and the end are shared, too: closing any of them closes all.

        Args:
            key: The secret key.
            stripe_account: `Stripe-Account`, a connected account under a platform's
                key; empty is the account of the key.

        Raises:
            ValueError: If the key or the account could not go into a header.
        """
        other = copy.copy(self)
        other._headers = _checked_headers(key, self._version, stripe_account)  # noqa: SLF001  it is one of us
        return other

    async def send(
        self, request: StripeRequest, *, before_bytes: Callable[[], None] = _nothing
    ) -> TryResult:
        """Send a request once; whatever the network does becomes a result.

        Args:
            request: What to send.
            before_bytes: Called once a connection is there, directly before the first
                byte is written; if it raises, nothing is sent.

        Returns:
            `Answered`, `NotSent` or `MaybeSent`; the reasons of the last two are short
            stable words and hold nothing secret.

        Raises:
            Exception: What `before_bytes` raised.
            asyncio.CancelledError: When cancelled; the socket is aborted. Whether the
                request had left is known to whoever passed `before_bytes`.
        """
        departure = Departure(self._prefix + request.path, before_bytes)
        deadline = asyncio.timeout(self._total_timeout)
        try:
            async with deadline:
                return await self._exchange(request, departure)
        except NoAnswer as no_answer:
            reason = str(no_answer)
        except Exception as error:  # noqa: BLE001 - the departure says what is true
            sent = departure.sent
            reason = "total_timeout" if deadline.expired() else why(error, sent=sent)
        if departure.refusal is not None:
            raise departure.refusal
        return MaybeSent(reason) if departure.sent else NotSent(reason)

    async def aclose(self) -> None:
        """Close every connection; requests under way and later ones get no answer."""
        self._closed.set()
        await self._transport.aclose()

    async def _exchange(self, request: StripeRequest, departure: Departure) -> Answered:
        """Wait for a slot, send, read the answer, and leave nothing open behind."""
        await self._take_slot()
        try:
            if self._closed.is_set():
                raise NoAnswer("closed")
            response = await self._transport.handle_async_request(
                self._http_request(request, departure)
            )
            try:
                return await read_answer(response)
            finally:
                await response.aclose()
        finally:
            departure.hang_up()
            self._slots.release()

    async def _take_slot(self) -> None:
        try:
            async with asyncio.timeout(self._connect_timeout):
                await self._slots.acquire()
        except TimeoutError:
            raise NoAnswer("pool_timeout") from None

    def _http_request(
        self, request: StripeRequest, departure: Departure
    ) -> httpx.Request:
        headers = list(self._headers)
        if request.body or request.method == "POST":
            headers.append(("Content-Type", "application/x-www-form-urlencoded"))
        if request.idempotency_key and request.method == "POST":
            headers.append(("Idempotency-Key", request.idempotency_key))
        return httpx.Request(
            request.method,
            self._base,
            headers=headers,
            content=request.body,
            extensions={"departure": departure, "timeout": self._timeouts},
        )


def _checked_base(api_base: str) -> httpx.URL:
    try:
        base = httpx.URL(api_base)
    except httpx.InvalidURL as error:
        raise ValueError("the API base is not an address") from error
    if base.scheme not in {"http", "https"} or not base.host:
        raise ValueError("the API base must be an http or https address")
    if base.userinfo or base.query or base.fragment:
        raise ValueError("the API base must be an address and nothing more")
    return base


def _checked_headers(
    key: str, api_version: str, stripe_account: str = ""
) -> list[tuple[str, str]]:
    """Build what every request says; a key that was read with its newline ends here."""
    if not key or not _VISIBLE.fullmatch(key):
        raise ValueError("the Stripe key must be printable ASCII without spaces")
    if not _VISIBLE.fullmatch(api_version):
        raise ValueError("the API version must be printable ASCII without spaces")
    if stripe_account and not is_connected_account(stripe_account):
        raise ValueError("the connected account must be an id, acct_...")
    headers = [
        ("Authorization", f"Bearer {key}"),
        ("Accept", "application/json"),
        # A compressed answer could unpack to any size.
        ("Accept-Encoding", "identity"),
        ("User-Agent", USER_AGENT),
    ]
    if api_version:
        headers.append(("Stripe-Version", api_version))
    if stripe_account:
        headers.append(("Stripe-Account", stripe_account))
    return headers
