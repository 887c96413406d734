"""Reading the batches of a ledger: will each be looked after, and go, and add up?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import redis

from customer_sources.batches.status import Batch, BatchState, parse_batch
from customer_sources.contract.names import Keys

STAY = {"batches"}
_OF_LIVE_ROWS = {"live", "whole", "tell"}
"""Parts of a batch that are gone when it is over and that was told."""


class Batches:
    """The batches of one ledger, as they are read.

    Args:
        db: with `decode_responses=True`.
        keys: the names.
        found: all keys, without the prefix.
    """

    def __init__(self, db: redis.Redis, keys: Keys, found: set[str]) -> None:
        self._db, self._keys = db, keys
        self.active = {str(one) for one in db.smembers(keys.active_batches)}
        ids = (name.removeprefix("batch:") for name in found if _is_record(name))
        self._batches = dict(_read(db, keys, ids))

    def problems(self) -> Iterator[str]:
        """Name what nobody would look after, and what does not add up."""
        for batch_id in self.active - self._batches.keys():
            yield f"{batch_id} is active, and there is none"
        for batch in self._batches.values():
            idle = batch.state is BatchState.UPLOADING or batch.state.is_ended
            if not idle and batch.id not in self.active:
                yield f"{batch.id} is {batch.state} and nobody looks after it"
            live = self._db.zcard(self._keys.batch_live(batch.id))
            if batch.fed != _begun(batch) + live:
                yield f"{batch.id}: {batch.fed} rows begun, {_begun(batch)} ended"
            if batch.state is BatchState.COMPLETED and batch.done != batch.rows:
                yield f"{batch.id} is completed, with {batch.done} rows done"

    def owns(self, name: str) -> bool:
        """Whether a key belongs to a batch that is not over, or about to be told so."""
        kind, _, rest = name.partition(":")
        batch_id, _, part = rest.partition(":")
        if name in STAY or (name == "batches:active" and self.active):
            return True
        batch = self._batches.get(batch_id)
        if kind != "batch" or batch is None:
            return False
        over = batch.state.is_ended and batch_id not in self.active
        return not over and (part not in _OF_LIVE_ROWS or batch_id in self.active)

    def keeps(self, job_id: str, record: Mapping[str, str]) -> bool:
        """Whether a row waits for its batch, which is looked after."""
        batch_id = record.get("batch", "")
        if record.get("parked") != "1" or batch_id not in self.active:
            return False
        member = f"{record['chunk']}:{job_id}"
        return self._db.zscore(self._keys.batch_live(batch_id), member) is not None


def _read(
    db: redis.Redis, keys: Keys, ids: Iterable[str]
) -> Iterator[tuple[str, Batch]]:
    for one in ids:
        record: Any = db.hgetall(keys.batch(one))
        if record:  # it has not just expired
            yield one, parse_batch(one, record)


def _is_record(name: str) -> bool:
    return name.startswith("batch:") and name.count(":") == 1


def _begun(batch: Batch) -> int:
    """Count the rows that were begun and have ended."""
    never = batch.rows - batch.fed if batch.state is BatchState.CANCELLED else 0
    return batch.done - never
