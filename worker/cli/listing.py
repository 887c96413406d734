"""Finding jobs without reading the whole store.

Three places name them: wake-ups and the lanes behind them (live jobs), the review set,
and the tail of the event stream (jobs that ended). Each is read in bounded pages, so
that listing costs a store of ten million jobs no more than one of ten thousand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any, TypeVar

import msgspec
import redis

from customer_sources import Command, Event, State
from customer_sources.contract.events import TYPE_PREFIX, rfc3339
from customer_sources.contract.names import Class, Keys
from customer_sources.contract.states import TERMINAL

MOST_LOOKED_AT = 10_000
"""Entries of each place that are looked at before giving up on a filter."""
PAGE = 500

T = TypeVar("T")

_event = msgspec.json.Decoder(Event).decode
_command = msgspec.json.Decoder(Command).decode


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One job as the list shows it; empty where the store does not say."""

    job: str
    state: str
    operation: str
    customer: str
    at: str
    """RFC 3339: when it was submitted, or where it has ended, when it ended."""
    code: str = ""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What to list. Empty strings and None want everything."""

    state: State | None = None
    operation: str = ""
    customer: str = ""

    def takes(self, row: Row) -> bool:
        """Whether a row is wanted."""
        return (
            self.state in {None, row.state}
            and self.operation in {"", row.operation}
            and self.customer in {"", row.customer}
        )


def jobs(store: redis.Redis, keys: Keys, wanted: Wanted, limit: int) -> Iterator[Row]:
    """List jobs: live ones by what is due next, then review and ended, newest first.

    Args:
        store: with `decode_responses=True`.
        keys: the names.
        wanted: a filter; it also decides which places are looked at.
        limit: most rows.
    """
    places: list[Callable[[redis.Redis, Keys], Iterator[Row]]] = []
    if wanted.state is None or not wanted.state.is_terminal:
        places.append(_live)
    if wanted.state in {None, State.NEEDS_REVIEW}:
        places.append(_in_review)
    if wanted.state is None or wanted.state in ENDED:
        places.append(_ended)
    rows = chain.from_iterable(place(store, keys) for place in places)
    return islice(filter(wanted.takes, rows), limit)


ENDED = {State.SUCCEEDED, State.FAILED, State.CANCELLED}
"""Terminal states that only the event stream can list."""
_OF_NO_JOB = tuple(
    f"{TYPE_PREFIX}source_{what}." for what in ("account", "batch", "verification")
)
"""How types of events begin that tell of no job; a batch can be cancelled, too."""


def _live(store: redis.Redis, keys: Keys) -> Iterator[Row]:
    """List jobs that have a wake-up, each followed by those behind it in its lane."""
    seen: set[str] = set()
    heads = islice(_members(store, keys), MOST_LOOKED_AT)
    for ids in _pages(heads):
        lanes = _lanes(store, keys, ids)
        line = dict.fromkeys(chain.from_iterable(lanes))
        for some in _pages(one for one in line if one not in seen):
            seen.update(some)
            yield from _read(store, keys, some, live=True)


def _members(store: redis.Redis, keys: Keys) -> Iterator[str]:
    """Give the ids of all wake-ups, class by class, those due first in front."""
    for name in Class:
        for start in range(0, MOST_LOOKED_AT, PAGE):
            page = store.zrange(keys.wake(name), start, start + PAGE - 1)
            yield from (str(member).removeprefix("j:") for member in page)
            if len(page) < PAGE:
                break


def _lanes(store: redis.Redis, keys: Keys, ids: Sequence[str]) -> list[list[str]]:
    """Give for each head itself and the jobs behind it, in their order."""
    with store.pipeline(transaction=False) as pipe:
        for job_id in ids:
            pipe.hget(keys.job(job_id), "lane")
        lanes = pipe.execute()
        for lane in lanes:
            pipe.zrange(keys.lane(lane or ""), 0, MOST_LOOKED_AT)
        behind = pipe.execute()
    return [[one, *rest] for one, rest in zip(ids, behind, strict=True)]


def _in_review(store: redis.Redis, keys: Keys) -> Iterator[Row]:
    ids: Any = store.zrange(keys.review, 0, MOST_LOOKED_AT - 1, desc=True)
    for some in _pages(ids):
        yield from _read(store, keys, some, live=False)


def _read(
    store: redis.Redis, keys: Keys, ids: Sequence[str], *, live: bool
) -> Iterator[Row]:
    """Read records and commands. A job that moved on in the meantime is left out."""
    with store.pipeline(transaction=False) as pipe:
        for job_id in ids:
            pipe.hgetall(keys.job(job_id))
            pipe.get(keys.command(job_id))
        found = pipe.execute()
    for job_id, record, stored in zip(ids, found[::2], found[1::2], strict=True):
        if record and (record.get("state") in TERMINAL) is not live:
            yield _row(job_id, record, stored)


def _row(job_id: str, record: dict[str, Any], stored: str | None) -> Row:
    return Row(
        job=job_id,
        state=record.get("state", ""),
        operation=record.get("op", ""),
        customer=_customer(stored),
        at=rfc3339(int(record.get("ended") or record.get("at") or 0)),
        code=record.get("code", ""),
    )


def _customer(stored: str | None) -> str:
    try:
        return _command(stored).customer if stored else ""
    except msgspec.DecodeError:  # harms only this job, and its run will say so
        return ""


def _ended(store: redis.Redis, keys: Keys) -> Iterator[Row]:
    """List the ends that the tail of the event stream still tells, newest first."""
    newest, looked_at = "+", 0
    while looked_at < MOST_LOOKED_AT:
        page: Any = store.xrevrange(keys.events, max=newest, count=PAGE)
        for _, fields in page:
            event = _event(fields["event"])
            of_a_job = not event.type.startswith(_OF_NO_JOB)
            if of_a_job and event.data.get("state") in ENDED:
                yield _told(event)
        if len(page) < PAGE:
            return
        looked_at += len(page)
        newest = f"({page[-1][0]}"


def _told(event: Event) -> Row:
    return Row(
        job=event.correlationid,
        state=event.data["state"],
        operation=event.data.get("operation", ""),
        customer=event.partitionkey,
        at=event.time,
        code=event.data.get("error", {}).get("code", ""),
    )


def _pages(items: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(items)
    while page := list(islice(rest, PAGE)):
        yield page
