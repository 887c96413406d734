"""The endpoints under `/_sandbox/`, to look in and to steer; they need no key."""

from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp

from sandbox.auth import DEFAULT_ACCOUNT
from sandbox.core import Sandbox
from sandbox.faults import FaultRule
from sandbox.limits import Limits

CONTROL = "/_sandbox/"
"""What the paths of these endpoints begin with, and no path of Stripe's does."""

PAGE = 1000
"""Entries of the journal on one page, where the request does not say."""

MAX_PAGE = 10_000

T = TypeVar("T")


class Leap(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far the clock should leap ahead."""

    advance: float
    """Seconds."""


class Bounce(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose deposits come back."""

    customer: str
    source: str
    """A bank account that is not verified."""


def control_app(sandbox: Sandbox) -> ASGIApp:
    """Return the ASGI application of these endpoints."""
    control = Control(sandbox)
    endpoints = [
        ("GET", "health", control.health),
        ("GET", "journal", control.journal),
        ("POST", "reset", control.reset),
        ("POST", "sources", control.seed),
        ("POST", "bounces", control.bounce),
        ("GET", "faults", control.faults),
        ("POST", "faults", control.set_faults),
        ("DELETE", "faults", control.clear_faults),
        ("GET", "limits", control.limits),
        ("POST", "limits", control.set_limits),
        ("GET", "clock", control.clock),
        ("POST", "clock", control.advance),
    ]
    return Router(
        [
            Route(CONTROL + name, endpoint, methods=[method])
            for method, name, endpoint in endpoints
        ],
        redirect_slashes=False,
    )


class Control:
    """What the endpoints do. What they cannot make sense of is a 400 that says why."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    async def health(self, _: Request) -> Response:
        """Tell that the sandbox is up."""
        return _json({"status": "ok"})

    async def journal(self, request: Request) -> Response:
        """Return a page of `?kind=effects|requests`, after the entry `?after=SEQ`."""
        query = request.query_params
        try:
            after, limit = int(query.get("after", 0)), int(query.get("limit", PAGE))
            limit = min(max(limit, 1), MAX_PAGE)
            entries = self._sandbox.journal.page(
                query.get("kind", "effects"), max(after, 0), limit
            )
        except ValueError as error:
            return _refused(error)
        return _json({"data": entries, "has_more": len(entries) == limit})

    async def seed(self, request: Request) -> Response:
        """Put customers into `?account=`, each with sources of given ids."""
        account = request.query_params.get("account", DEFAULT_ACCOUNT)
        try:
            wanted = await _body(request, dict[str, list[str]])
        except ValueError as error:
            return _refused(error)
        self._sandbox.seed(wanted, account)
        return _json(wanted)

    async def bounce(self, request: Request) -> Response:
        """Let the deposits of a bank account in `?account=` come back."""
        account = request.query_params.get("account", DEFAULT_ACCOUNT)
        try:
            bounce = await _body(request, Bounce)
            self._sandbox.bounce(bounce.customer, bounce.source, account)
        except ValueError as error:
            return _refused(error)
        return _json(bounce)

    async def faults(self, _: Request) -> Response:
        """Return the fault rules in force, with what is left of their counts."""
        return _json(self._sandbox.faults.rules)

    async def set_faults(self, request: Request) -> Response:
        """Put a list of fault rules in force instead of those before."""
        try:
            rules = await _body(request, list[FaultRule])
        except ValueError as error:
            return _refused(error)
        self._sandbox.faults.replace(rules)
        return _json(rules)

    async def clear_faults(self, _: Request) -> Response:
        """Let nothing go wrong any more."""
        self._sandbox.faults.replace([])
        return _json([])

    async def limits(self, _: Request) -> Response:
        """Return the limits in force."""
        return _json(self._sandbox.limiter.limits)

    async def set_limits(self, request: Request) -> Response:
        """Put limits in force instead of those before."""
        try:
            limits = await _body(request, Limits)
        except ValueError as error:
            return _refused(error)
        self._sandbox.limiter.replace(limits)
        return _json(limits)

    async def clock(self, _: Request) -> Response:
        """Return the time, in seconds since 1970."""
        return _json({"now": self._sandbox.now()})

    async def advance(self, request: Request) -> Response:
        """Let the clock leap ahead, and return the time that it is then."""
        try:
            leap = await _body(request, Leap)
            self._sandbox.advance(leap.advance)
        except ValueError as error:
            return _refused(error)
        return _json({"now": self._sandbox.now()})

    async def reset(self, _: Request) -> Response:
        """Forget everything."""
        self._sandbox.reset()
        return _json({"status": "ok"})


async def _body(request: Request, kind: type[T]) -> T:
    """Return what was sent; msgspec's errors are ValueErrors."""
    return msgspec.json.decode(await request.body(), type=kind)


def _refused(error: ValueError) -> Response:
    return _json({"error": str(error)}, status=400)


def _json(value: Any, status: int = 200) -> Response:
    return Response(
        msgspec.json.encode(value), status_code=status, media_type="application/json"
    )
