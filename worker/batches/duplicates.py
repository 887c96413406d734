"""Finding rows that repeat or contradict an earlier one, among any number of rows.

What is compared of rows goes to files by a hash of what they are about; then each file
is gone through by itself. A large one is taken apart first, so that what is held hardly
grows with the input.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from customer_sources.batches.rows import Row
from worker.batches.apart import Apart, FoundAt
from worker.batches.contradictions import Kind, Place, Seen, Together, canonical
from worker.batches.spilling import Kept, Spill

LARGE = 4 * 2**20
"""Bytes of a file that is taken apart: gone through at once, it takes ten times that.
Files of rows about many things are smaller than that, up to ten million rows."""
_FILES = 256
_ROWS_PER_FILE = 2**12
"""Findings are sorted by row so many rows at a time; a row may have one a field."""


class Finding(NamedTuple):
    """A row, and an earlier one that it repeats or contradicts."""

    row: int
    line: int
    earlier_row: int
    earlier_line: int
    kind: Kind
    message: str


class Duplicates:
    """Takes rows in file order, and finds those that repeat or contradict others.

    Args:
        folder: for files that are of no use afterwards; made here.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._rows = Spill(folder / "rows")
        self._customers = Spill(folder / "customers")
        self._found = Spill(folder / "found")
        self._last_customer = ""

    def add(self, row: Row, line: int) -> None:
        """Take the next row, which begins on a line."""
        customer, body = row.customer, row.body
        if row.id:
            about = f"{customer}\t{row.id}"
        else:
            about, body = f"{customer}\t\t{canonical(row.operation, body)}", ""
        # No id has a space in it, and a body is encoded: these separators are free.
        text = f"{about}\r{row.operation}\t{body}\t{row.number}\t{line}\n".encode()
        self._rows.add(crc32(about.encode()) % _FILES, text)
        if customer != self._last_customer:
            self._last_customer = customer
            name = f"{customer}\n".encode()
            self._customers.add(crc32(name) % _FILES, name)

    def count_customers(self) -> int:
        """Count the distinct customers."""
        return sum(len(set(kept.lines)) for kept in self._customers.files())

    def findings(self) -> Iterator[Finding]:
        """Give what was found, by row."""
        for number, kept in enumerate(self._rows.files()):
            for place, found in self._compare(number, kept):
                fields = (*place, *found.earlier, found.kind, found.message)
                text = "\t".join(map(str, fields))
                line = f"{place.row:020}\t{text}\n".encode()
                self._found.add(place.row // _ROWS_PER_FILE, line)
        for kept in self._found.files():
            for line in sorted(kept.lines):
                yield _finding(line)

    def _compare(self, number: int, kept: Kept) -> Iterator[FoundAt]:
        if kept.size < LARGE:
            return _compare(kept.lines)
        return _compare_apart(kept.lines, Apart(self._folder / f"apart-{number}"))


def _compare(lines: Iterator[bytes]) -> Iterator[FoundAt]:
    """Hold rows against each other that are about the same."""
    alone: dict[bytes, bytes] = {}
    several: dict[bytes, Together] = {}
    for line in lines:
        about, _, rest = line.partition(b"\r")
        first = alone.setdefault(about, rest)
        if first is rest:
            continue
        together = several.get(about)
        if together is None:
            together = several[about] = Together()
            for _ in together.add(_seen(first)):
                pass  # alone, it is at odds with nothing
        seen = _seen(rest)
        yield from (FoundAt(seen.place, found) for found in together.add(seen))


def _compare_apart(lines: Iterator[bytes], apart: Apart) -> Iterator[FoundAt]:
    for line in lines:
        about, _, rest = line.partition(b"\r")
        apart.add(about.decode(), _seen(rest))
    return apart.findings()


def _seen(rest: bytes) -> Seen:
    operation, body, row, line = rest.decode().split("\t")
    return Seen(operation, body, Place(int(row), int(line)))


def _finding(line: bytes) -> Finding:
    _, *numbers, kind, message = line.decode().rstrip("\n").split("\t")
    row, at, earlier, earlier_at = map(int, numbers)
    return Finding(row, at, earlier, earlier_at, Kind(kind), message)
