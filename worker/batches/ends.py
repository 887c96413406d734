"""How the rows of a batch ended: each with its outcome, held against the plan. Pure."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

import msgspec

from customer_sources.batches.manifest import Manifest, PlanInvalid
from customer_sources.batches.outcomes import Outcome
from customer_sources.batches.rows import ChunkDamaged, Row
from customer_sources.batches.status import Batch, BatchState

NEVER_BEGUN = "batch_cancelled"
"""The code of a row that was not begun when its batch was cancelled, and that of one
that stood in line then: to whoever reads results they are the same."""
PENDING = "pending"
_UNREADABLE = (ChunkDamaged, PlanInvalid, zlib.error, msgspec.MsgspecError)


class Kept(Protocol):
    """What is kept of a batch, chunk by chunk, numbered from 0."""

    def rows(self, chunk: int) -> Sequence[Row]:
        """Read the rows of a chunk; none where it is not there."""

    def outcomes(self, chunk: int) -> Mapping[int, Outcome]:
        """Read the outcomes of a chunk by row, as far as there are."""


class End(NamedTuple):
    """A row and how it ended."""

    row: Row
    outcome: Outcome | None
    """None: it has not ended yet."""


class Tally:
    """Counts how rows ended, and notes what does not add up."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        """Rows by state; those that have not ended are `pending`."""
        self.problems: list[str] = []

    @property
    def failed(self) -> int:
        """Rows that did not succeed, those in review among them."""
        return self.counts["failed"] + self.counts["needs_review"]

    @property
    def pending(self) -> int:
        """Rows that have not ended."""
        return self.counts[PENDING]

    def close(self, batch: Batch, manifest: Manifest) -> None:
        """Hold the sum against the plan, and against what the batch has counted."""
        counted = self.counts.total()
        if counted != manifest.rows and not self.problems:
            told = f"the plan has {manifest.rows} rows, and {counted} were found"
            self.problems.append(told)
        if manifest.rows + manifest.rejected != manifest.input.rows:
            told = f"{manifest.rows} planned, {manifest.rejected} rejected"
            rows = manifest.input.rows
            self.problems.append(f"the input has {rows} rows: {told}")
        if not batch.state.is_ended or self.problems:
            return
        for state in ("succeeded", "failed", "needs_review", "unprocessed"):
            said, found = getattr(batch, state), self.counts[state]
            if said != found:
                told = f"the batch has counted {said} rows {state}, and {found} are"
                self.problems.append(told)


def read_ends(
    batch: Batch, manifest: Manifest, kept: Kept, tally: Tally
) -> Iterator[End]:
    """Give every row in file order with its outcome, a chunk in memory at a time.

    Args:
        batch: as it was before anything else was read: what had ended then is final.
        manifest: its plan.
        kept: where rows and outcomes are.
        tally: counts, and takes down what does not fit, by chunk.
    """
    before = 0
    for number, chunk in enumerate(manifest.chunks):
        rows, outcomes = _read(number, kept, tally)
        if not rows and number >= batch.uploaded and not batch.state.is_ended:
            tally.counts[PENDING] += chunk.rows
        elif len(rows) != chunk.rows:
            tally.problems.append(_short(number, len(rows), chunk.rows, batch))
        if strangers := outcomes.keys() - {row.number for row in rows}:
            told = f"outcomes of rows that it does not have, row {min(strangers)} first"
            tally.problems.append(f"chunk {number}: {told}")
        lost = []
        for place, row in enumerate(rows, before):
            outcome = outcomes.get(row.number) or _not_begun(batch, place)
            if outcome is None and batch.state.is_ended:
                lost.append(row.number)
                continue
            tally.counts[outcome.state if outcome else PENDING] += 1
            yield End(row, outcome)
        if lost:
            told = f"{len(lost)} rows without an outcome, row {lost[0]} the first"
            tally.problems.append(f"chunk {number}: {told}")
        before += chunk.rows
    tally.close(batch, manifest)


def _read(
    number: int, kept: Kept, tally: Tally
) -> tuple[Sequence[Row], Mapping[int, Outcome]]:
    """Read a chunk; of a damaged one nothing, and that is noted."""
    try:
        return kept.rows(number), kept.outcomes(number)
    except _UNREADABLE as error:
        tally.problems.append(f"chunk {number}: cannot be read: {error}")
        return (), {}


def _not_begun(batch: Batch, place: int) -> Outcome | None:
    """Write the outcome of a row that will never be begun; None: it is not one.

    Rows are begun in file order, so their number says which.
    """
    if batch.state is not BatchState.CANCELLED or place < batch.fed:
        return None
    return Outcome(
        state="unprocessed",
        code=NEVER_BEGUN,
        source="",
        request="",
        runs=0,
        ended=round((batch.ended or batch.since).timestamp() * 1000),
        retryable=True,
        unknown=False,
        key="",
        first_sent=0,
        message="",
    )


def _short(number: int, found: int, planned: int, batch: Batch) -> str:
    told = f"chunk {number}: {found} rows, where the plan has {planned}"
    if not found and number >= batch.uploaded:
        told += "; it was not uploaded: name the folder of the plan instead of its id"
    return told
