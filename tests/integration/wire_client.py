"""The client's end of the wire tests: a `StripeApi`, and one request per method."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, get_args

import pytest

from worker.stripe_api import StripeApi, StripeRequest
from worker.transport import TransportKind

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

KEY = "sk_test_4eC39HqLyjWDarjtT1zdp7dc"

KINDS = get_args(TransportKind)
EACH_KIND = pytest.mark.parametrize("kind", KINDS)
EACH_METHOD = pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])

REQUESTS = {
    "GET": StripeRequest("GET", "/v1/customers/cus_1/sources?limit=3&expand[0]=data"),
    "POST": StripeRequest(
        "POST",
        "/v1/customers/cus_1/sources",
        b"source=tok_visa&metadata%5Bjob%5D=j_1",
        "key-of-j_1",
    ),
    "DELETE": StripeRequest("DELETE", "/v1/customers/cus_1/sources/card_1"),
}


@asynccontextmanager
async def api_to(base: str, kind: str, **options: Any) -> AsyncIterator[StripeApi]:
    options |= {"api_base": base, "key": KEY, "transport": kind}
    api = StripeApi(**options)
    try:
        yield api
    finally:
        await api.aclose()
