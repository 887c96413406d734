"""A loop goes on through trouble, says so once, and ends when it is asked to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import redis
from structlog.testing import capture_logs

from worker.background import repeat

MORE, DONE = "more", ""


def passes(*results: object) -> tuple[Callable[[], object], Callable[[], bool]]:
    """Make a pass that gives (or raises) these in turn, and a loop's end after them."""
    left: Iterator[object] = iter(results)
    done = 0

    async def one_pass() -> object:
        nonlocal done
        done += 1
        result = next(left)
        if isinstance(result, BaseException):
            raise result
        return result

    return one_pass, lambda: done == len(results)


async def run(*results: object) -> list[str]:
    one_pass, stopping = passes(*results)
    with capture_logs() as lines:
        await asyncio.wait_for(
            repeat("loop", 0.0, one_pass, stopping),  # type: ignore[arg-type]
            timeout=5,
        )
    return [line["event"] for line in lines]


async def test_a_loop_ends_when_it_is_asked_to_even_if_nobody_cancels_it() -> None:
    assert await run(DONE, MORE, DONE) == []


async def test_a_store_that_is_away_is_told_once_and_its_return_too() -> None:
    away = redis.ConnectionError()

    assert await run(away, away, DONE, DONE) == ["ledger_unavailable", "ledger_back"]


async def test_a_bug_in_a_pass_is_told_and_the_next_is_made() -> None:
    assert await run(ZeroDivisionError(), DONE) == ["pass_broke"]


async def test_a_pass_that_says_there_is_more_is_followed_at_once() -> None:
    one_pass, stopping = passes(*[MORE] * 4)
    loop = repeat("loop", 3600, one_pass, stopping)  # type: ignore[arg-type]

    await asyncio.wait_for(loop, timeout=5)  # far less than one pause
