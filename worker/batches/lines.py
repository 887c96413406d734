"""On which lines of its input the rows of a plan stand.

It is written down only where a row does not stand on the line below the one before it:
of most files one entry says it all, and what is held does not grow with them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Self

import msgspec


class At(msgspec.Struct, frozen=True):
    """Where a row stands, and those that follow it, each on the next line."""

    row: int
    line: int


_decode = msgspec.json.Decoder(At).decode


class LinesWritten:
    """Writes down where rows stand. A context manager.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self._sink = path.open("wb")
        self._shift: int | None = None

    def add(self, row: int, line: int) -> None:
        """Take the next row, by its number."""
        if line - row != self._shift:
            self._shift = line - row
            self._sink.write(msgspec.json.encode(At(row, line)) + b"\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._sink.close()


class LinesRead:
    """Tells where rows stand. A context manager.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self._source = path.open("rb")
        self._shift = 0
        self._rest: Iterator[At] = map(_decode, self._source)
        self._next = next(self._rest, None)

    def of(self, row: int) -> int:
        """Tell the line of a row; rows are asked for in the order of the file."""
        while self._next is not None and self._next.row <= row:
            self._shift = self._next.line - self._next.row
            self._next = next(self._rest, None)
        return row + self._shift

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._source.close()
