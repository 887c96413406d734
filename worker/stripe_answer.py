"""Reading what Stripe answered: bounded, complete, a JSON object, or no answer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import msgspec

from worker.answers import Answered

if TYPE_CHECKING:
    import httpx

MAX_BODY = 4 * 1024 * 1024
"""Bytes of an answer that are read. The largest page of sources (100 of them, each with
full metadata) is below 3 MiB; what is longer than this is not from Stripe."""

_JSON_OBJECT = msgspec.json.Decoder(dict[str, Any])


class NoAnswer(Exception):
    """Why there is no usable answer, in a word for the log."""


async def read_answer(response: httpx.Response) -> Answered:
    """Read a response to its end.

    Raises:
        NoAnswer: If it is a redirect (followed, it would be a second request), longer
            than `MAX_BODY`, or its body is not a JSON object: that is not from Stripe
            and tells nothing about what Stripe did, whatever its status.
    """
    status = response.status_code
    match status // 100:
        case 2 | 4 | 5:
            body = await _read_body(response)
        case 3:
            raise NoAnswer("redirect")
        case _:
            raise NoAnswer("bad_http")
    try:
        content = _JSON_OBJECT.decode(body)
    except (ValueError, RecursionError):
        raise NoAnswer(f"bad_json_{status}") from None
    headers = response.headers
    return Answered(
        status=status,
        body=content,
        request_id=headers.get("Request-Id", ""),
        replayed=headers.get("Idempotent-Replayed") == "true",
        should_retry=_flag(headers.get("Stripe-Should-Retry")),
        retry_after=_seconds(headers.get("Retry-After", "")),
        limited_by=headers.get("Stripe-Rate-Limited-Reason", ""),
    )


async def _read_body(response: httpx.Response) -> bytearray:
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > MAX_BODY:
            raise NoAnswer("too_large")
    return body


def _flag(value: str | None) -> bool | None:
    match value:
        case "true":
            return True
        case "false":
            return False
        case _:
            return None


def _seconds(value: str) -> float | None:
    try:
        seconds = float(value)
    except ValueError:
        return None  # absent, or a date, by a clock that is not ours
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
