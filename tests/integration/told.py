"""Events put on a stream by hand: consumers do not care what job told them."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import redis

from customer_sources import Event
from customer_sources.contract.names import Keys
from customer_sources.reading import entries_of


def tell(db: redis.Redis, keys: Keys, *names: str, at: str = "*") -> list[str]:
    """Write an event for each name, which becomes its id; return the stream's ids."""
    return [
        str(db.xadd(keys.events, {"event": event(name).encode()}, id=at))
        for name in names
    ]


def event(name: str, **attributes: Any) -> Event:
    return Event(
        id=name,
        type="dev.customersources.customer.source.created",
        source="/customer-sources/default",
        time="2026-01-31T12:00:00.000Z",
        **attributes,
    )


def names(events: Iterable[Event]) -> list[str]:
    return [one.id for one in events]


def pending(db: redis.Redis, keys: Keys, group: str = "billing") -> dict[str, int]:
    """How many events each consumer of a group has not acknowledged."""
    found = db.xpending(keys.events, group)["consumers"]
    return {one["name"]: one["pending"] for one in found}


class Stream:
    """The event stream, filled and read faster than jobs and consumers could."""

    def __init__(self, db: redis.Redis, keys: Keys) -> None:
        self._db = db
        self.name = keys.events

    def __len__(self) -> int:
        return int(self._db.xlen(self.name))

    def fill(self, count: int, *, age_ms: int = 0) -> None:
        at = int(time.time() * 1000) - age_ms
        with self._db.pipeline(transaction=False) as pipe:
            for _ in range(count):
                pipe.xadd(self.name, {"event": "{}"}, id=f"{at}-*")
            pipe.execute()

    def join(self, group: str = "billing") -> None:
        self._db.xgroup_create(self.name, group, id="0", mkstream=True)

    def read(self, group: str, count: int, *, leave: int = 0) -> list[str]:
        """Take so many events, acknowledge all but the first few, and return those."""
        reply = self._db.xreadgroup(group, "c", {self.name: ">"}, count=count)
        ids = [entry_id for entry_id, _ in entries_of(reply)]
        self._db.xack(self.name, group, *ids[leave:])
        return ids[:leave]

    def members(self) -> set[str]:
        found = self._db.xinfo_consumers(self.name, "billing")
        return {one["name"] for one in found}
