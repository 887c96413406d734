"""The connection to the store, and its errors in our words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import ExponentialBackoff
from redis.exceptions import OutOfMemoryError, RedisError, ResponseError
from redis.retry import Retry

from customer_sources.contract.errors import (
    LedgerFull,
    LedgerUnavailable,
    SettingInvalid,
)

CONNECT_SECONDS = 2.0
"""A store in the same network answers in milliseconds; a caller must not hang."""
ANSWER_SECONDS = 5.0
RETRIES = 2
"""Safe, because every script answers a repeated call the same way."""


_OPTIONS: dict[str, Any] = {
    "decode_responses": True,
    "encoding_errors": "replace",  # a record that is not text harms only its job
    "socket_timeout": ANSWER_SECONDS,
    "health_check_interval": 30,
    "client_name": "customer-sources",
}
_OVER_TCP = {"socket_connect_timeout": CONNECT_SECONDS, "socket_keepalive": True}
_BACK_OFF = ExponentialBackoff(cap=0.5, base=0.05)
_WORTH_A_REPEAT = (redis.ConnectionError,)
"""A store that hangs is not asked again: one time limit is wait enough."""


def connect(url: str) -> redis.Redis:
    """Connect lazily; bounded in every wait, so that no call can hang.

    Raises:
        SettingInvalid: this is no address.
    """
    retry = Retry(_BACK_OFF, RETRIES, supported_errors=_WORTH_A_REPEAT)
    with _addresses():
        client = redis.Redis.from_url(url, retry=retry, **_options(url))
        _try_options(client)
    return client


def connect_async(url: str) -> redis.asyncio.Redis:
    """Connect lazily, for asyncio; bounded and refused likewise."""
    retry = AsyncRetry(_BACK_OFF, RETRIES, supported_errors=_WORTH_A_REPEAT)
    with _addresses():
        client = redis.asyncio.Redis.from_url(url, retry=retry, **_options(url))
        _try_options(client)
    return client


@contextmanager
def _addresses() -> Iterator[None]:
    """Refuse what is no address, without the driver's words: they quote passwords."""
    try:
        yield
    except (ValueError, TypeError, AttributeError):
        raise SettingInvalid(
            "the store's address is none; expected redis://[:password@]host:port/0 "
            "(rediss:// for TLS, unix:// for a socket), where '/', '?', '#', '@' and "
            "'%' in a password are written %2F, %3F, %23, %40 and %25"
        ) from None


def _options(url: str) -> dict[str, Any]:
    return _OPTIONS if url.startswith("unix:") else _OPTIONS | _OVER_TCP


def _try_options(client: redis.Redis | redis.asyncio.Redis) -> None:
    """Make a connection without connecting: else an unknown option fails at a call."""
    pool = client.connection_pool
    pool.connection_class(**pool.connection_kwargs)


@contextmanager
def in_our_words(job_id: str = "") -> Iterator[None]:
    """Translate the driver's errors. `job_id` is what a repeated call needs."""
    try:
        yield
    except OutOfMemoryError as error:
        raise LedgerFull("its memory is full", job_id=job_id) from error
    except ResponseError as error:
        # READONLY (a replica), LOADING (starting), MISCONF (its disk is full):
        # the store is there and cannot take the call now.
        raise LedgerUnavailable(str(error), job_id=job_id) from error
    except RedisError as error:
        reason = f"{type(error).__name__}: {error}"
        raise LedgerUnavailable(reason, job_id=job_id) from error
