"""What is read of an answer, in every form that HTTP has for one."""

from __future__ import annotations

import pytest

from tests.integration.wire_client import EACH_KIND, REQUESTS, api_to
from tests.integration.wire_server import (
    CHUNKED,
    OK,
    after_request,
    answer,
    wire_server,
)
from worker.answers import Answered
from worker.stripe_answer import MAX_BODY


@EACH_KIND
async def test_the_headers_that_matter_are_read(kind: str) -> None:
    script = after_request(
        answer(
            b'{"error":{"code":"rate_limit"}}',
            b"Request-Id: req_1",
            b"idempotent-replayed: true",
            b"Stripe-Should-Retry: false",
            b"Retry-After: 2.5",
            b"Stripe-Rate-Limited-Reason: endpoint-rate",
            status=b"429 Too Many Requests",
        )
    )
    async with wire_server(script) as server, api_to(server.base, kind) as api:
        result = await api.send(REQUESTS["POST"])

    assert result == Answered(
        status=429,
        body={"error": {"code": "rate_limit"}},
        request_id="req_1",
        replayed=True,
        should_retry=False,
        retry_after=2.5,
        limited_by="endpoint-rate",
    )


@pytest.mark.parametrize(
    ("header", "field", "value"),
    [
        (b"Stripe-Should-Retry: true", "should_retry", True),
        (b"Stripe-Should-Retry: maybe", "should_retry", None),
        (b"Idempotent-Replayed: false", "replayed", False),
        (b"Retry-After: 0", "retry_after", 0.0),
        (b"Retry-After: 120", "retry_after", 120.0),
        (b"Retry-After: -1", "retry_after", None),
        (b"Retry-After: nan", "retry_after", None),
        (b"Retry-After: inf", "retry_after", None),
        (b"Retry-After: 1e999", "retry_after", None),
        (b"Retry-After: Fri, 31 Dec 1999 23:59:59 GMT", "retry_after", None),
        (b"Retry-After:", "retry_after", None),
    ],
)
async def test_a_header_says_what_it_says_or_nothing(
    header: bytes, field: str, value: object
) -> None:
    script = after_request(answer(b"{}", header))
    async with wire_server(script) as server, api_to(server.base, "aiohttp") as api:
        result = await api.send(REQUESTS["POST"])

    assert getattr(result, field) == value


@EACH_KIND
@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nX: y\r\n\r\n" + OK,
        CHUNKED + b'4\r\n{"id\r\n8\r\n":"x_1"}\r\n0\r\n\r\n',
        b'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{"id":"x_1"}',
        b'HTTP/1.0 200 OK\r\n\r\n{"id":"x_1"}',
        answer(b'{"id":"x_1"}', b"X-Policy: " + b"a" * 40_000),
        answer(b'{"id":"x_1"}' + b" " * (MAX_BODY - 12)),
    ],
    ids=["after 1xx", "chunked", "until close", "HTTP/1.0", "long header", "longest"],
)
async def test_an_answer_is_read_in_every_form_that_http_has(
    said: bytes, kind: str
) -> None:
    async with (
        wire_server(after_request(said)) as server,
        api_to(server.base, kind) as api,
    ):
        assert await api.send(REQUESTS["POST"]) == Answered(
            status=200, body={"id": "x_1"}
        )
