"""`client.review`: look at jobs in review, run them again or settle them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

import redis

from customer_sources import review, review_calls, scripts
from customer_sources.contract.names import Keys
from customer_sources.contract.states import State
from customer_sources.durability import Writer
from customer_sources.jobs import Job
from customer_sources.review import Found, ReviewItem, ReviewPlan
from customer_sources.review_calls import Cursor, Wanted
from customer_sources.store import in_our_words


class Review:
    """Jobs that wait for a person: nobody knows what Stripe did, or another may do.

    A client has one, as `client.review`. Every call may raise `LedgerUnavailable`.

    Args:
        store: the client's connection.
        keys: the names of the ledger.
        write: calls the scripts, as durably as the client does.
        job: makes the client's job of an id and a state.
    """

    def __init__(
        self,
        store: redis.Redis,
        keys: Keys,
        write: Writer,
        job: Callable[[str, State], Job],
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
    ) -> Iterator[ReviewItem]:
        """Iterate over the jobs in review, newest first. What is empty wants all.

        Those that are replayed or discarded meanwhile are not given again.

        Args:
            code: the code that they ended with.
            operation: the operation's name.
            customer: the customer's id.
            since: those that ended at this moment or later.
            until: those that ended before this moment.
            limit: most of them.
            account: the account's name.

        Raises:
            CommandInvalid: an argument that can match nothing.
        """
        given = Wanted(code, operation, customer, since, until, limit, account)
        return self._items(given.checked())

    def show(self, job_id: str) -> ReviewItem:
        """Look at one job that is in review, or was until somebody settled it.

        Raises:
            JobNotFound: never accepted, or past its retention.
            NotInReview: it is not, and never was.
        """
        return review.item(self._read([job_id])[0])

    def plan(self, job_id: str) -> ReviewPlan:
        """Say what replaying a job would do now. Nothing is changed.

        Raises:
            JobNotFound, NotInReview: as for `replay`.
        """
        return review.unsettled(self.show(job_id))

    def replay(self, job_id: str, *, reason: str, actor: str = "") -> Job:
        """Run a job's command again, as a new job at the end of the customer's lane.

        Where Stripe may have done it already, the new job sends under the same key,
        or, once that is too old, reads Stripe and compares: there is no second effect.
        Doing it twice gives the same job. An event tells it.

        Args:
            job_id: the job in review.
            reason: why; 1 to 500 characters, told in the event.
            actor: who; up to 100 characters, told in the event.

        Raises:
            CommandInvalid: the reason or the actor must not be stored.
            JobNotFound: no such job, or past its retention; where it was replayed
                before, it names the new job, which is past its own.
            NotInReview: it is not, or was discarded.
        """
        words = review_calls.said(reason, actor)
        (found,) = self._read([job_id])
        arguments = review_calls.replay_arguments(self._keys, found, words)
        return self._job(
            *review_calls.replayed(job_id, self._answer("replay", arguments))
        )

    def discard(self, job_id: str, *, reason: str, actor: str = "") -> None:
        """Take a job out of review that was settled elsewhere. Its end stays.

        Doing it twice is doing it once. An event tells it.

        Args:
            job_id: the job in review.
            reason: as for `replay`.
            actor: as for `replay`.

        Raises:
            CommandInvalid, JobNotFound: as for `replay`.
            NotInReview: it is not, or was replayed.
        """
        words = review_calls.said(reason, actor)
        (found,) = self._read([job_id])
        arguments = review_calls.discard_arguments(self._keys, found, words)
        review_calls.discarded(job_id, self._answer("discard", arguments))

    def _items(self, wanted: Wanted) -> Iterator[ReviewItem]:
        cursor, left = Cursor(wanted), wanted.limit
        while left != 0 and (ids := cursor.take(self._page(cursor))):
            for item in review_calls.wanted_items(wanted, self._read(ids))[:left]:
                yield item
                left = None if left is None else left - 1

    def _page(self, cursor: Cursor) -> Sequence[tuple[str, float]]:
        """Read the index from where the cursor is."""
        with in_our_words():
            page: Any = self._store.zrange(
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

    def _read(self, ids: Sequence[str]) -> Sequence[Found]:
        """Read all that the store holds of some jobs, in one round trip."""
        with in_our_words(), self._store.pipeline(transaction=True) as pipe:
            review_calls.ask(pipe, self._keys, ids)
            return review_calls.found(ids, pipe.execute())

    def _answer(self, script: str, arguments: Sequence[Any]) -> Sequence[str]:
        """Run a script of review and return its answer."""
        with in_our_words():
            run = self._store.register_script(scripts.load(script))
            reply: Sequence[str] = self._write.one(run, arguments)
        return reply
