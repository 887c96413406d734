"""Batches: a loop in every worker that turns planned rows into jobs, bounded in flight.

No leader: any worker may look after any batch, and one that dies leaves nothing undone.
The cursor is in the store and moves with the rows that it passes, in one script.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import msgspec
import redis.exceptions
import structlog

from customer_sources.batches.commands import command_of
from customer_sources.batches.rows import Row, row_id
from customer_sources.batches.status import Batch, parse_batch
from customer_sources.contract.names import lane_name
from customer_sources.contract.notices import batch_event
from customer_sources.contract.operations import OPERATIONS
from worker.batch_ledger import PROGRESS_MS, BatchLedger, FedRow, Step

log = structlog.get_logger("worker")

FEED_ROWS = 100
"""Rows that one script makes jobs of: about a millisecond of the store's time."""
LOOK_SECONDS = 0.5
"""Between two looks for batches, where there is none."""
TROUBLE_SECONDS = 5.0
"""Until a batch that could not be looked after is looked at again: the store is full, a
chunk is gone, an operation is of a newer version."""


class Batches:
    """Looks after all batches, for one worker process.

    Args:
        ledger: the scripts.
        clock: seconds that only go forward.
    """

    def __init__(
        self, ledger: BatchLedger, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._chunk: tuple[str, int, Sequence[Row]] = ("", -1, ())
        """The chunk that was read last, which most likely is wanted again."""
        self._look_at: dict[str, float] = {}
        self._tell_at: dict[str, float] = {}
        self._active: list[str] = []
        self._list_at = 0.0

    async def one_pass(self) -> bool:
        """Do what is due for each batch. True: there is more to do at once."""
        now = self._clock()
        if now >= self._list_at:
            self._active = await self._ledger.active()
            self._list_at = now + LOOK_SECONDS
            self._forget()
        busy = False
        for batch_id in list(self._active):
            if now >= self._look_at.get(batch_id, 0):
                busy |= await self._look_after_one(batch_id)
        return busy

    async def _look_after_one(self, batch_id: str) -> bool:
        """Look after a batch; what is wrong with it is its own trouble.

        Raises:
            ConnectionError, TimeoutError: the store is away, from all of them.
        """
        try:
            return await self._look_after(batch_id)
        except (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError):
            raise
        except Exception:
            log.exception("batch_broke", batch_id=batch_id)
            self._look_at[batch_id] = self._clock() + TROUBLE_SECONDS
            return False

    def _forget(self) -> None:
        for times in (self._look_at, self._tell_at):
            for gone in set(times) - set(self._active):
                del times[gone]

    async def _look_after(self, batch_id: str) -> bool:
        step = await self._ledger.step(batch_id)
        if step is None:
            self._active.remove(batch_id)
            return False
        if step.whole is not None:
            await self._ledger.compress(batch_id, step.whole)
        if step.room:
            await self._feed(batch_id, step)
        await self._tell(batch_id, step)
        self._look_at[batch_id] = self._clock() + step.wait_ms / 1000
        return step.wait_ms == 0

    async def _feed(self, batch_id: str, step: Step) -> None:
        account = await self._ledger.account(batch_id)
        rows = await self._rows(batch_id, step.chunk)
        offset, end = step.offset, min(len(rows), step.offset + step.room)
        while offset < end:
            some = rows[offset : min(end, offset + FEED_ROWS)]
            fed = [fed_row(batch_id, account, row) for row in some]
            if not await self._ledger.feed(
                batch_id, step.chunk, offset, len(rows), fed
            ):
                return
            offset += len(some)

    async def _rows(self, batch_id: str, chunk: int) -> Sequence[Row]:
        if self._chunk[:2] != (batch_id, chunk):
            rows = await self._ledger.rows(batch_id, chunk)
            self._chunk = batch_id, chunk, rows
        return self._chunk[2]

    async def _tell(self, batch_id: str, step: Step) -> None:
        """Tell what became of a batch; now and then, how far it is."""
        if not step.tell and self._clock() < self._tell_at.get(batch_id, 0):
            return
        self._tell_at[batch_id] = self._clock() + PROGRESS_MS / 1000
        record = await self._ledger.record(batch_id)
        if not record:
            return
        batch = parse_batch(batch_id, record)
        event = _event(batch, step.tell)
        if await self._ledger.tell(batch_id, step.tell, event, batch.done):
            state = step.tell.partition(" ")[0] or "progress"
            log.info("batch", batch_id=batch_id, what=state, done=batch.done)


def fed_row(batch_id: str, account: str, row: Row) -> FedRow:
    """Write what the ledger needs of a row: its job, ready to be sent."""
    return FedRow(
        number=row.number,
        job_id=row_id(batch_id, row.number),
        operation=row.operation,
        effect=OPERATIONS[row.operation].effect.value,
        lane=lane_name(account, row.customer) if row.ordered else "",
        command=_ENCODER.encode(command_of(batch_id, account, row)),
        key=row.key,
        first_sent=row.first_sent,
    )


_ENCODER = msgspec.json.Encoder()
_WORDS = {"running": "resumed"}
"""What the event of a state is called, where not like the state."""


def _event(batch: Batch, tell: str) -> bytes:
    state, moment, why = (*tell.split(" ", 2), "", "")[:3] if tell else ("", "", "")
    now_ms = int(moment) if moment else time.time_ns() // 1_000_000
    what = why if state == "running" else state or "progress"
    return batch_event(batch, what, why=why, now_ms=now_ms).encode()
