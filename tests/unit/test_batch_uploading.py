"""Bringing a plan in: in order, one chunk at a time, from wherever the store is."""

from __future__ import annotations

from pathlib import Path

import pytest

from customer_sources.batches.manifest import PlanInvalid
from tests.batch_plans import Plan, plan
from worker.batches.uploading import check_plan, upload


class Kept:
    """A store of chunks that can lose some, as after a crash."""

    def __init__(self, loses_at: int = -1) -> None:
        self.chunks: list[bytes] = []
        self.asked: list[int] = []
        self._loses_at = loses_at

    def put(self, batch: str, number: int, chunk: bytes) -> int:
        self.asked.append(number)
        if number == self._loses_at:
            self._loses_at = -1
            del self.chunks[1:]
        if number == len(self.chunks):
            self.chunks.append(chunk)
        return len(self.chunks)


@pytest.fixture
def small(tmp_path: Path) -> Plan:
    one = plan(45, chunk_rows=10)
    one.write(tmp_path / "plan")
    return one


@pytest.mark.parametrize("stored", [0, 2, 5])
def test_what_is_not_there_is_stored_in_order_and_told(
    small: Plan, tmp_path: Path, stored: int
) -> None:
    kept, told = Kept(), list[int]()
    kept.chunks = list(small.chunks[:stored])

    upload(tmp_path / "plan", small.manifest, stored, kept.put, told.append)

    assert kept.chunks == list(small.chunks)
    assert kept.asked == list(range(stored, 5))
    assert told == list(range(stored, 6))


def test_a_store_that_lost_chunks_gets_them_again(small: Plan, tmp_path: Path) -> None:
    kept = Kept(loses_at=3)
    upload(tmp_path / "plan", small.manifest, 0, kept.put, lambda _: None)
    assert kept.chunks == list(small.chunks)
    assert kept.asked == [0, 1, 2, 3, 1, 2, 3, 4]


def test_a_chunk_that_is_changed_while_it_is_uploaded_is_not(
    small: Plan, tmp_path: Path
) -> None:
    kept = Kept()

    def spoil(stored: int) -> None:
        if stored == 2:
            other = plan(45, chunk_rows=10, fails=lambda number: number > 20)
            (tmp_path / "plan/chunks/000002.z").write_bytes(other.chunks[2])

    with pytest.raises(PlanInvalid, match="000002"):
        upload(tmp_path / "plan", small.manifest, 0, kept.put, spoil)
    assert kept.chunks == list(small.chunks[:2])


def test_a_check_reads_every_chunk_and_tells_how_far_it_is(
    small: Plan, tmp_path: Path
) -> None:
    told = list[int]()
    check_plan(tmp_path / "plan", small.manifest, told.append)
    assert told == [1, 2, 3, 4, 5]
