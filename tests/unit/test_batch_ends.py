"""Rows in are rows out: the ends of a batch add up, or it is said where they do not."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from customer_sources.batches.rows import ChunkDamaged
from customer_sources.batches.status import BatchState
from tests.batch_ends import ENDED_MS, Memory, manifest, outcome, row
from worker.batches.ends import Tally, read_ends

CANCELLED = BatchState.CANCELLED
TWO = [[row(1), row(2)], [row(4)]]


def added_up(kept: Memory) -> Tally:
    """The sum over all of a batch."""
    tally = Tally()
    list(read_ends(kept.batch, kept.manifest, kept, tally))
    return tally


def test_every_row_of_a_batch_that_is_over_has_ended() -> None:
    states = ("succeeded", "failed", "needs_review")
    kept = Memory(TWO, {n: outcome(s) for n, s in zip((1, 2, 4), states, strict=True)})

    tally = added_up(kept)

    assert tally.problems == []
    assert (tally.counts.total(), tally.failed, tally.pending) == (3, 2, 0)


def test_rows_that_were_never_begun_are_unprocessed_once_the_batch_is_cancelled() -> (
    None
):
    kept = Memory(TWO, {1: outcome()}, CANCELLED, fed=1)

    ends = list(read_ends(kept.batch, kept.manifest, kept, tally := Tally()))

    assert tally.problems == []
    assert tally.counts == {"succeeded": 1, "unprocessed": 2}
    never = ends[2].outcome
    assert never is not None
    assert (never.code, never.retryable, never.unknown) == (
        "batch_cancelled",
        True,
        False,
    )
    assert never.ended == ENDED_MS


@pytest.mark.parametrize(
    "state", [BatchState.RUNNING, BatchState.HELD, BatchState.CANCELLING]
)
def test_while_a_batch_goes_on_rows_without_an_outcome_are_pending(
    state: BatchState,
) -> None:
    tally = added_up(Memory(TWO, {1: outcome()}, state, fed=1))

    assert tally.problems == []
    assert (tally.counts["succeeded"], tally.pending) == (1, 2)


def test_rows_that_are_not_uploaded_yet_are_pending() -> None:
    kept = Memory(TWO, {}, BatchState.UPLOADING, fed=0, uploaded=1)
    kept.chunks[1] = []

    assert added_up(kept).pending == 3


def test_a_row_that_was_begun_and_has_no_outcome_is_missed_by_chunk_and_number() -> (
    None
):
    kept = Memory(TWO, {1: outcome(), 2: outcome()}, CANCELLED, fed=3)

    assert added_up(kept).problems == [
        "chunk 1: 1 rows without an outcome, row 4 the first"
    ]


def test_rows_that_are_gone_are_missed() -> None:
    kept = Memory(TWO, {n: outcome() for n in (1, 2, 4)})
    kept.chunks[0] = [row(1)]

    assert added_up(kept).problems == ["chunk 0: 1 rows, where the plan has 2"]


def test_of_a_cancelled_upload_the_folder_has_the_rows_that_the_store_has_not() -> None:
    kept = Memory(TWO, {}, CANCELLED, fed=0, uploaded=1)
    kept.chunks[1] = []

    (problem,) = added_up(kept).problems

    assert "name the folder of the plan" in problem


def test_outcomes_of_rows_that_are_not_in_the_chunk_are_found() -> None:
    kept = Memory(TWO, {n: outcome() for n in (1, 2, 4)})
    kept.outcomes = lambda chunk: kept.ends  # type: ignore[method-assign]

    problems = added_up(kept).problems

    assert len(problems) == 2
    assert "rows that it does not have, row 4 first" in problems[0]


def test_a_damaged_chunk_costs_that_chunk_and_is_named() -> None:
    kept = Memory(TWO, {n: outcome() for n in (1, 2, 4)})
    whole = kept.rows

    def damaged(chunk: int) -> Any:
        if chunk == 0:
            raise ChunkDamaged
        return whole(chunk)

    kept.rows = damaged  # type: ignore[method-assign]
    tally = added_up(kept)

    assert tally.counts == {"succeeded": 1}
    assert tally.problems[0].startswith("chunk 0: cannot be read: not a chunk")


def test_the_outcomes_are_held_against_what_the_batch_has_counted() -> None:
    kept = Memory(TWO, {n: outcome() for n in (1, 2, 4)}, succeeded=2)

    assert added_up(kept).problems == [
        "the batch has counted 2 rows succeeded, and 3 are"
    ]


def test_rejected_rows_are_rows_of_the_input() -> None:
    kept = Memory(TWO, {n: outcome() for n in (1, 2, 4)})
    kept.manifest = manifest(2, 1, rejected=2)
    assert added_up(kept).problems == []

    kept.manifest = msgspec.structs.replace(kept.manifest, rejected=1)
    assert added_up(kept).problems == [
        "the input has 5 rows: 3 planned, 1 rejected",
    ]
