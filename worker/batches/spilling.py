"""Sorting more than fits in memory: lines go to files by number, and come back by file.

What belongs together goes to one file, and comes back in the order in which it went in.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

MOST_HELD = 8 * 2**20
"""Bytes in memory, all files together. Written out, few files are opened often, and
never are many open at once."""


class Kept(NamedTuple):
    """A file of lines, as they were added."""

    size: int
    """Bytes."""
    lines: Iterator[bytes]


class Spill:
    """Lines, in files by number.

    Args:
        folder: where the files go; made here.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self._held: defaultdict[int, bytearray] = defaultdict(bytearray)
        self._bytes = 0
        self._files: set[int] = set()

    def add(self, file: int, line: bytes) -> None:
        """Keep a line, which ends in a line feed and has no other, in a file."""
        self._held[file] += line
        self._bytes += len(line)
        if self._bytes >= MOST_HELD:
            self._flush()

    def files(self) -> Iterator[Kept]:
        """Give the lines of each file, in the order of the files' numbers."""
        self._flush()
        for file in sorted(self._files):
            path = self._path(file)
            yield Kept(path.stat().st_size, _lines(path))

    def _flush(self) -> None:
        for file, lines in self._held.items():
            with self._path(file).open("ab") as sink:
                sink.write(lines)
        self._files.update(self._held)
        self._held.clear()
        self._bytes = 0

    def _path(self, file: int) -> Path:
        return self._folder / f"{file:06}"


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as source:
        yield from source
