"""Reading what the store knows of accounts: few round trips, and nothing is scanned."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import redis
from redis.exceptions import ResponseError

from customer_sources.contract.names import Class, Keys
from worker.limits import LIMITED, Line, Reading, num

PAGE = 50
"""Accounts that are read at once: some 2,500 small commands, so that others are served
in between."""
MOST_GATES = 10_000
"""Lines that are looked through for accounts that nobody announced."""


def read_accounts(store: redis.Redis, keys: Keys, only: str = "") -> list[Reading]:
    """Read accounts, by name: those that are known, and those that somebody waits for.

    Args:
        store: with `decode_responses=True`.
        keys: the names.
        only: the one account to read; "" reads all.

    Raises:
        RedisError: the store did not answer, or not as it should.
    """
    known, gates, ahead_ms, now_ms = _names(store, keys)
    names = sorted(known | {gate.partition("|")[0] for gate in gates})
    names = [name for name in names if only in {"", name}]
    found: list[Reading] = []
    for start in range(0, len(names), PAGE):
        page = names[start : start + PAGE]
        with store.pipeline(transaction=False) as pipe:
            pipe.time()
            for name in page:
                _ask(pipe, keys, name, now_ms)
            moment, *replies = _execute(pipe)
        now_ms = _ms(moment) + ahead_ms
        rest = iter(replies)
        found += (_reading(name, now_ms, rest) for name in page)
    return found


def _names(store: redis.Redis, keys: Keys) -> tuple[set[str], list[str], int, int]:
    """Read the accounts, the gates, and how far the ledger's clock is ahead, in ms."""
    with store.pipeline(transaction=False) as pipe:
        pipe.time()
        pipe.hmget(keys.meta, "clock", "offset")
        pipe.smembers(keys.accounts)
        pipe.zrange(keys.gates, 0, MOST_GATES - 1)
        moment, (mark, offset), known, gates = pipe.execute()
    store_ms = _ms(moment)
    ahead_ms = int(max(num(offset), num(mark) - store_ms))
    return set(known), gates, ahead_ms, store_ms + ahead_ms


def _ask(pipe: Any, keys: Keys, name: str, now_ms: int) -> None:
    """Put the questions on one account on a pipeline, in the order of `_reading`."""
    pipe.hgetall(keys.account(name))
    for operation in ("", *LIMITED):
        pipe.zcount(keys.flight(name, operation), f"({now_ms}", "+inf")
    for operation in LIMITED:
        for job_class in Class:
            line = keys.line(name, operation, job_class)
            pipe.zcard(line)
            pipe.zrange(line, 0, 0, withscores=True)


def _reading(name: str, now_ms: int, replies: Iterator[Any]) -> Reading:
    record = next(replies) or {}
    flights = {operation: next(replies) or 0 for operation in ("", *LIMITED)}
    lines = {
        (operation, job_class): _line(next(replies), next(replies))
        for operation in LIMITED
        for job_class in Class
    }
    return Reading(
        account=name, now_ms=now_ms, record=record, flights=flights, lines=lines
    )


def _line(waiting: int | None, first: list[tuple[str, float]] | None) -> Line:
    return Line(waiting or 0, first[0][1] if first else None)


def _execute(pipe: Any) -> list[Any]:
    """Execute; what is of another type than it should be is read as if not there."""
    replies = pipe.execute(raise_on_error=False)
    for place, reply in enumerate(replies):
        if isinstance(reply, ResponseError) and "WRONGTYPE" in str(reply):
            replies[place] = None
        elif isinstance(reply, Exception):
            raise reply
    return list(replies)


def _ms(moment: tuple[int, int]) -> int:
    seconds, microseconds = moment
    return seconds * 1000 + microseconds // 1000
