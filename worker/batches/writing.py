"""Writing a plan row by row: chunks, what was rejected, and what is counted of both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

import msgspec

from customer_sources.batches.manifest import Chunk
from customer_sources.batches.rows import (
    CHUNK_ROWS,
    Packing,
    Row,
    decode_chunk,
)
from customer_sources.contract.errors import Problem
from worker.batches.plan_files import CHUNKS, chunk_path

SHOWN = 5
"""Rejected rows that are told at once; all are in the file."""
_TOGETHER = CHUNK_ROWS // 20
"""Rows that are held: each may have a quarter of a megabyte."""
_encode = msgspec.json.Encoder().encode


class Rejected(msgspec.Struct, frozen=True, kw_only=True):
    """A row that is not in the plan, as a line of `rejected.jsonl`."""

    line: int
    row: int
    problems: Sequence[Problem]


_decode = msgspec.json.Decoder(Rejected).decode


class Chunks:
    """Writes rows into chunks.

    Args:
        folder: of the plan; its `chunks` is there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._rows: list[Row] = []
        self._packing = Packing()
        self.written: list[Chunk] = []
        self.operations: Counter[str] = Counter()

    def add(self, row: Row) -> bool:
        """Take the next row. True: with it, a chunk was written."""
        self._rows.append(row)
        if len(self._rows) < _TOGETHER:
            return False
        self._pack()
        if self._packing.rows < CHUNK_ROWS:
            return False
        self.flush()
        return True

    def flush(self) -> None:
        """Write the last chunk."""
        self._pack()
        count = self._packing.rows
        if not count:
            return
        packed, sha256 = self._packing.end()
        chunk_path(self._folder, len(self.written)).write_bytes(packed)
        self.written.append(Chunk(rows=count, bytes=len(packed), sha256=sha256))
        self._packing = Packing()

    def _pack(self) -> None:
        self._packing.add(self._rows)
        self.operations.update(row.operation for row in self._rows)
        self._rows.clear()


class Rejections:
    """Writes rejected rows, and remembers the first few. A context manager.

    Args:
        path: of the file; it is made even where nothing is rejected.
        shown: how many are remembered.
    """

    def __init__(self, path: Path, shown: int = SHOWN) -> None:
        self._sink = path.open("wb")
        self._shown = shown
        self.count = 0
        self.first: list[Rejected] = []

    def add(self, row: int, line: int, problems: Sequence[Problem]) -> None:
        """Take a row that cannot be in the plan."""
        rejected = Rejected(line=line, row=row, problems=problems)
        self._sink.write(_encode(rejected) + b"\n")
        self.count += 1
        if len(self.first) < self._shown:
            self.first.append(rejected)

    def flush(self) -> None:
        """Have all of it in the file."""
        self._sink.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._sink.close()


def read_rejected(path: Path) -> Iterator[Rejected]:
    """Give the lines of a file of rejected rows."""
    with path.open("rb") as source:
        for line in source:
            yield _decode(line)


def without(folder: Path, chunks: Chunks, dropped: bytearray) -> Chunks:
    """Write chunks anew, without some rows.

    Args:
        folder: of the plan.
        chunks: what was written.
        dropped: a bit for each row by its number, set for those to be left out.
    """
    old = (folder / CHUNKS).rename(folder / "all")
    (folder / CHUNKS).mkdir()
    anew = Chunks(folder)
    for number in range(len(chunks.written)):
        path = old / chunk_path(folder, number).name
        for row in decode_chunk(path.read_bytes()):
            if not dropped[row.number >> 3] & 1 << (row.number & 7):
                anew.add(row)
        path.unlink()
    anew.flush()
    old.rmdir()
    return anew
