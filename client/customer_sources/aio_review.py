"""`client.review` for asyncio: every call of `Review`, with `await`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import redis.asyncio

from customer_sources import review, review_calls, scripts
from customer_sources.contract.names import Keys
from customer_sources.contract.states import State
from customer_sources.durability import AsyncWriter
from customer_sources.review import Found, ReviewItem, ReviewPlan
from customer_sources.review_calls import Cursor, Wanted
from customer_sources.store import in_our_words

if TYPE_CHECKING:
    from customer_sources.aio import AsyncJob


class AsyncReview:
    """Jobs that wait for a person, for asyncio. See `Review`."""

    def __init__(
        self,
        store: redis.asyncio.Redis,
        keys: Keys,
        write: AsyncWriter,
        job: Callable[[str, State], AsyncJob],
    ) -> None:
        self._store = store
        self._keys = keys
        self._write = write
        self._job = job

    def list(
        self,
        *,
        code: str = "",
        operation: str = "",
        customer: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int | None = None,
        account: str = "",
    ) -> AsyncIterator[ReviewItem]:
        """Iterate with `async for` over the jobs in review. See `Review.list`."""
        given = Wanted(code, operation, customer, since, until, limit, account)
        return self._items(given.checked())

    async def show(self, job_id: str) -> ReviewItem:
        """Look at one job in review. See `Review.show`."""
        return review.item((await self._read([job_id]))[0])

    async def plan(self, job_id: str) -> ReviewPlan:
        """Say what replaying a job would do now. See `Review.plan`."""
        return review.unsettled(await self.show(job_id))

    async def replay(self, job_id: str, *, reason: str, actor: str = "") -> AsyncJob:
        """Run a job's command again, as a new job. See `Review.replay`."""
        words = review_calls.said(reason, actor)
        (found,) = await self._read([job_id])
        arguments = review_calls.replay_arguments(self._keys, found, words)
        reply = await self._answer("replay", arguments)
        return self._job(*review_calls.replayed(job_id, reply))

    async def discard(self, job_id: str, *, reason: str, actor: str = "") -> None:
        """Take a job out of review that was settled elsewhere. See `Review.discard`."""
        words = review_calls.said(reason, actor)
        (found,) = await self._read([job_id])
        arguments = review_calls.discard_arguments(self._keys, found, words)
        review_calls.discarded(job_id, await self._answer("discard", arguments))

    async def _items(self, wanted: Wanted) -> AsyncIterator[ReviewItem]:
        cursor, left = Cursor(wanted), wanted.limit
        while left != 0 and (ids := cursor.take(await self._page(cursor))):
            for item in review_calls.wanted_items(wanted, await self._read(ids))[:left]:
                yield item
                left = None if left is None else left - 1

    async def _page(self, cursor: Cursor) -> Sequence[tuple[str, float]]:
        """Read the index from where the cursor is."""
        with in_our_words():
            page: Any = await self._store.zrange(
                self._keys.review,
                cursor.newest,
                cursor.oldest,
                desc=True,
                byscore=True,
                withscores=True,
                offset=0,
                num=cursor.most,
            )
        return list(page)

    async def _read(self, ids: Sequence[str]) -> Sequence[Found]:
        """Read all that the store holds of some jobs, in one round trip."""
        with in_our_words():
            async with self._store.pipeline(transaction=True) as pipe:
                review_calls.ask(pipe, self._keys, ids)
                return review_calls.found(ids, await pipe.execute())

    async def _answer(self, script: str, arguments: Sequence[Any]) -> Sequence[str]:
        """Run a script of review and return its answer."""
        with in_our_words():
            run = self._store.register_script(scripts.load(script))
            reply: Sequence[str] = await self._write.one(run, arguments)
        return reply
