"""Which rows of a batch are worth another try, and under which key. Pure.

A retried row keeps the number that it has in its file: row 17 is row 17 in the results
of every retry. It also has one Idempotency-Key in all retries of its batch, so that two
plans that hold the same row make one effect.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from hashlib import blake2b
from urllib.parse import parse_qsl

import msgspec

from customer_sources.batches.outcomes import Outcome
from customer_sources.batches.rows import Row, row_id
from customer_sources.contract.ids import derived_id
from worker.batches.ends import End

SINCE_NOBODY_KNOWS = 1
"""Milliseconds since the epoch: a key of that age is sent no more, Stripe is read."""
_SHOWN = 10


class Only(StrEnum):
    """Which rows to retry."""

    FAILED = "failed"
    """Those that failed, or are in review, and may succeed another time."""
    UNPROCESSED = "unprocessed"


class Left(StrEnum):
    """Why a row is not retried. The words follow a number of rows."""

    DONE = "succeeded"
    NOT_ASKED = "not asked for (--only)"
    FINAL = "refused for good: the same row would be refused again"
    DAMAGED = "of unknown outcome, and their records are lost: look at Stripe"
    PERSON = "to be looked at first: a retry would be a new request to Stripe"
    OVERTAKEN = "overtaken: a later row has set the same since, or deleted the source"


class Selection:
    """Decides row by row, in file order, and counts what is left out.

    Args:
        batch_id: the batch that is over.
        only: None takes both.
        overtaken: see `find_overtaken`.
    """

    def __init__(
        self, batch_id: str, only: Only | None, overtaken: Mapping[int, int]
    ) -> None:
        self._batch_id = batch_id
        self._only = only
        self._overtaken = overtaken
        self.taken = 0
        self.carried = 0
        """Rows whose outcome nobody knows; they have the key that Stripe may have."""
        self.left: Counter[Left] = Counter()
        self.codes: Counter[str] = Counter()
        """Of rows that are refused for good."""
        self.shown: dict[Left, list[int]] = {}
        """The first few rows that a person has to look after."""

    def rows(self, ends: Iterable[End]) -> Iterator[Row]:
        """Give the rows of the retry."""
        for row, outcome in ends:
            if outcome is None:
                continue
            why = self._why_not(row, outcome)
            if why is None:
                self.taken += 1
                again = retried(self._batch_id, row, outcome)
                self.carried += bool(again.first_sent)
                yield again
            else:
                self._leave(row, outcome, why)

    def _why_not(self, row: Row, outcome: Outcome) -> Left | None:
        why = left(outcome, row, self._only)
        if why is None and is_overtaken(row, self._overtaken):
            return Left.OVERTAKEN
        return why

    def _leave(self, row: Row, outcome: Outcome, why: Left) -> None:
        self.left[why] += 1
        if why is Left.FINAL:
            self.codes[outcome.code] += 1
        if why not in {Left.DONE, Left.NOT_ASKED, Left.FINAL}:
            rows = self.shown.setdefault(why, [])
            if len(rows) < _SHOWN:
                rows.append(row.number)


def left(outcome: Outcome, row: Row, only: Only | None = None) -> Left | None:
    """Say why a row is not retried; None: it is."""
    if outcome.state == "succeeded":
        return Left.DONE
    kind = Only.UNPROCESSED if outcome.state == "unprocessed" else Only.FAILED
    if only not in {None, kind}:
        return Left.NOT_ASKED
    if not outcome.retryable:
        return Left.DAMAGED if outcome.unknown else Left.FINAL
    certain = outcome.state == "needs_review" and not outcome.unknown
    if certain and (row.operation == "verify" or outcome.code == "idempotency_error"):
        return Left.PERSON
    return None


def retried(batch_id: str, row: Row, outcome: Outcome) -> Row:
    """Write a row for another batch.

    Where Stripe may have done it, with the key that it was sent with, which settles it;
    a row that was never begun keeps its key, too. Only where Stripe is known to have
    done nothing there is a new one: under the old one the refusal would come back.
    """
    replace = msgspec.structs.replace
    own = row.key or row_id(batch_id, row.number)
    if outcome.state == "unprocessed":
        return replace(row, key=own)
    if outcome.unknown:
        since = outcome.first_sent or SINCE_NOBODY_KNOWS
        return replace(row, key=outcome.key or own, first_sent=since)
    seed = f"{batch_id}\n{row.number}"
    return replace(row, key=derived_id("job_", seed, b"sources-retry"), first_sent=0)


def find_overtaken(ends: Iterable[End], only: Only | None) -> dict[int, int]:
    """Find what rows that would be retried have set, and a later row has set since.

    To set it again would undo the later one. Only updates can be overtaken.

    Args:
        ends: in file order.
        only: as for the retry.

    Returns:
        For the hash of each such field the number of the last row that set it.
    """
    waiting: set[int] = set()
    overtaken: dict[int, int] = {}
    for row, outcome in ends:
        if outcome is None or row.operation not in {"update", "delete"}:
            continue
        done = outcome.state == "succeeded" or outcome.unknown
        if done:
            for mark in _touched(row):
                if mark in waiting:
                    overtaken[mark] = row.number
        if row.operation == "update" and left(outcome, row, only) is None:
            waiting.update(_set(row))
    return overtaken


def is_overtaken(row: Row, overtaken: Mapping[int, int]) -> bool:
    """Whether a later row has set since what this one would set."""
    if row.operation != "update" or not overtaken:
        return False
    return any(overtaken.get(mark, 0) > row.number for mark in _set(row))


def _set(row: Row) -> Iterator[int]:
    """Give hashes of what an update sets, and of all that can undo it."""
    yield _hash(row, "")
    for name in _fields(row):
        yield _hash(row, name)
        root, bracket, _ = name.partition("[")
        if bracket:
            yield _hash(row, f"{root}[")


def _touched(row: Row) -> Iterator[int]:
    """Give hashes of what a row has set or undone, as `_set` of an earlier one has it.

    `metadata=` undoes `metadata[a]=1`, and the other way round.
    """
    if row.operation == "delete":
        yield _hash(row, "")
        return
    for name in _fields(row):
        yield _hash(row, name)
        root, bracket, _ = name.partition("[")
        yield _hash(row, root if bracket else f"{root}[")


def _fields(row: Row) -> Iterator[str]:
    names = (name for name, _ in parse_qsl(row.body, keep_blank_values=True))
    return (name for name in names if not name.startswith("expand["))


def _hash(row: Row, field: str) -> int:
    text = f"{row.customer}\0{row.id}\0{field}"
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest())
