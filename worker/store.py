"""The worker's connections to the store."""

from __future__ import annotations

import redis
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff

CONNECTIONS = 16
"""Redis connections of a process; scripts take microseconds, so few serve many."""


def connect(url: str, connections: int = CONNECTIONS) -> redis.asyncio.Redis:
    """Connect lazily, through a pool that makes coroutines wait for a connection."""
    pool = redis.asyncio.BlockingConnectionPool.from_url(
        url,
        max_connections=connections,
        timeout=None,
        decode_responses=True,
        # A record that is not text is bad for its own job, not for the connection.
        encoding_errors="replace",
        socket_connect_timeout=2,
        socket_timeout=5,
        socket_keepalive=True,
        health_check_interval=30,
        client_name="customer-sources-worker",
        # Safe: every script answers a repeated call the same way. A store that hangs
        # is not asked again: one time limit is wait enough.
        retry=Retry(
            ExponentialBackoff(cap=0.5, base=0.05),
            3,
            supported_errors=(redis.ConnectionError,),
        ),
    )
    return redis.asyncio.Redis.from_pool(pool)
