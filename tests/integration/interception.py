"""Stepping in between the engine and Stripe, for what no sandbox would do by itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from worker.answers import TryResult
from worker.stripe_api import StripeApi, StripeRequest

GoOn = Callable[[], Awaitable[TryResult]]
"""Sends the request after all, and gives what it came back with."""
Meet = Callable[[StripeRequest, GoOn], Awaitable[TryResult]]
"""Gets each request in Stripe's place, and says what it came back with."""


@contextmanager
def intercepted(meet: Meet) -> Iterator[None]:
    """Let every request, of whichever account, be met by `meet` first."""
    real = StripeApi.send

    async def send(api: StripeApi, request: StripeRequest, **options: Any) -> TryResult:
        return await meet(request, lambda: real(api, request, **options))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StripeApi, "send", send)
        yield
