"""`client.review` on a ledger in memory: the same calls, answered without a store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from customer_sources.aio import AsyncJob
from customer_sources.aio_review import AsyncReview
from customer_sources.contract.names import Keys
from customer_sources.contract.states import State
from customer_sources.jobs import Job
from customer_sources.review import Found
from customer_sources.review_calls import Cursor
from customer_sources.reviewing import Review
from customer_sources.testing.ledger import MemoryLedger


class MemoryReview(Review):
    """Jobs in review of a stand-in. See `Review`."""

    def __init__(self, ledger: MemoryLedger, job: Callable[[str, State], Job]) -> None:
        # Not the real one's: there is no store to ask.
        self._ledger = ledger
        self._keys = Keys()
        self._job = job

    def _page(self, cursor: Cursor) -> Sequence[tuple[str, float]]:
        return _page(self._ledger, cursor)

    def _read(self, ids: Sequence[str]) -> Sequence[Found]:
        return [self._ledger.found(job_id) for job_id in ids]

    def _answer(self, script: str, arguments: Sequence[Any]) -> Sequence[str]:
        return _answer(self._ledger, script, arguments)


class AsyncMemoryReview(AsyncReview):
    """Jobs in review of a stand-in, for asyncio. See `Review`."""

    def __init__(
        self, ledger: MemoryLedger, job: Callable[[str, State], AsyncJob]
    ) -> None:
        # Not the real one's: there is no store to ask.
        self._ledger = ledger
        self._keys = Keys()
        self._job = job

    async def _page(self, cursor: Cursor) -> Sequence[tuple[str, float]]:
        return _page(self._ledger, cursor)

    async def _read(self, ids: Sequence[str]) -> Sequence[Found]:
        return [self._ledger.found(job_id) for job_id in ids]

    async def _answer(self, script: str, arguments: Sequence[Any]) -> Sequence[str]:
        return _answer(self._ledger, script, arguments)


def _page(ledger: MemoryLedger, cursor: Cursor) -> list[tuple[str, float]]:
    newest, oldest = cursor.newest.removeprefix("("), float(cursor.oldest)
    excluded = cursor.newest.startswith("(")
    return [
        (job_id, moment)
        for job_id, moment in ledger.in_review()
        if oldest <= moment <= float(newest)
        and not (excluded and moment == float(newest))
    ][: cursor.most]


def _answer(
    ledger: MemoryLedger, script: str, arguments: Sequence[Any]
) -> Sequence[str]:
    scripts = {"replay": ledger.replay, "discard": ledger.discard}
    return scripts[script](arguments)
