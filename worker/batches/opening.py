"""Opening an input: a file or standard input, compressed or not, hashed as it is read.

Nothing here holds more than a line, and a line has a bound.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import sys
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from customer_sources.contract.errors import CustomerSourcesError

STANDARD_INPUT = "-"
LONGEST_LINE = 2**20
"""Bytes: many times the longest command that would be accepted."""
_GZIP = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"
_WIDE = (b"\xff\xfe", b"\xfe\xff")
"""How UTF-16 and UTF-32 begin, where they say so."""
_BUFFER = 2**18
_SKIP = 2**16
_MAGIC = 4
"""Bytes that tell what an input is."""


class InputInvalid(CustomerSourcesError, ValueError):
    """The input cannot be planned at all; the message says where and why."""


class _Hashed(io.RawIOBase):
    """Hashes and counts what passes."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw: Any = raw
        self._digest = hashlib.sha256()
        self.bytes = 0
        self.head = b""
        while len(self.head) < _MAGIC and (more := raw.read(_MAGIC - len(self.head))):
            self.head += more
        self._pending = self.head

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._pending:
            count = len(self._pending)
            buffer[:count] = self._pending
            self._pending = b""
        else:
            count = self._raw.readinto1(buffer)
        self._digest.update(memoryview(buffer)[:count])
        self.bytes += count
        return count


class Opened:
    """An input at its first line.

    Args:
        name: what a person knows it by.
        raw: its bytes.
        path: the file, where it is one.
        longest: bytes of a line that is read.

    Raises:
        InputInvalid: it is empty, or no UTF-8.
    """

    def __init__(
        self, name: str, raw: BinaryIO, path: Path | None, longest: int
    ) -> None:
        self.name = name
        self.longest = longest
        self._path = path
        self._before = _state(path)
        self._hashed = _Hashed(raw)
        self._stream = io.BufferedReader(self._hashed, _BUFFER)
        if self._hashed.head.startswith(_GZIP):
            unpacked: Any = gzip.GzipFile(fileobj=self._stream)
            self._stream = io.BufferedReader(unpacked, _BUFFER)
        self.line = 0
        """Number of the line that was read last."""
        self.begins_with_object = self._begin()

    @property
    def bytes_read(self) -> int:
        """How many bytes were read, as they lie in the file."""
        return self._hashed.bytes

    @property
    def file_name(self) -> str:
        """The name without its folder; `-` for standard input."""
        return self._path.name if self._path else STANDARD_INPUT

    @property
    def size(self) -> int | None:
        """Bytes of the file; None where nobody knows."""
        return self._before[0] if self._before else None

    @property
    def sha256(self) -> str:
        """Of the bytes that were read."""
        return self._hashed.sha256

    def lines(self) -> Iterator[bytes | None]:
        """Give line by line, ends included; None for one that is too long.

        Raises:
            InputInvalid: the file cannot be read on, or was changed meanwhile.
        """
        readline, longest = self._stream.readline, self.longest
        try:
            while line := readline(longest + 1):
                self.line += 1
                if len(line) > longest and not line.endswith(b"\n"):
                    while (rest := readline(_SKIP)) and not rest.endswith(b"\n"):
                        pass
                    yield None
                else:
                    yield line
        except (OSError, EOFError, zlib.error) as error:
            raise self._unreadable(error) from error
        if _state(self._path) != self._before:
            raise InputInvalid(f"{self.name} was changed while it was read")

    def _begin(self) -> bool:
        """Look at the first bytes, and step over a byte order mark."""
        try:
            first = self._stream.peek(_MAGIC)[:_MAGIC]
        except (OSError, EOFError, zlib.error) as error:
            raise self._unreadable(error) from error
        if not first:
            raise InputInvalid(f"{self.name} is empty: there is nothing to plan")
        if first.startswith(_WIDE) or b"\0" in first:
            told = "it looks like UTF-16; save it as UTF-8"
            raise InputInvalid(f"{self.name}: line 1, byte 1: not UTF-8: {told}")
        if first.startswith(_BOM):
            self._stream.read(len(_BOM))
            first = first.removeprefix(_BOM)
        return first.lstrip().startswith(b"{")

    def _unreadable(self, error: Exception) -> InputInvalid:
        told = "its compressed data is damaged, or ends early"
        if isinstance(error, OSError) and error.strerror:
            told = f"it cannot be read: {error.strerror}"
        where = f"somewhere after line {self.line}, " if self.line else ""
        return InputInvalid(f"{self.name}: {where}{told}")


@contextmanager
def open_input(where: str, longest: int = LONGEST_LINE) -> Iterator[Opened]:
    """Open a file, or standard input where it is `-`.

    Raises:
        InputInvalid: it is not there, empty, or no UTF-8.
    """
    with ExitStack() as stack:
        if where == STANDARD_INPUT:
            yield Opened("standard input", sys.stdin.buffer, None, longest)
            return
        path = Path(where)
        try:
            raw = stack.enter_context(path.open("rb"))
        except OSError as error:
            told = error.strerror or type(error).__name__
            raise InputInvalid(f"{where}: cannot be read: {told}") from error
        yield Opened(where, raw, path, longest)


def _state(path: Path | None) -> tuple[int, int] | None:
    """What changes with a regular file: its size, its time of change (ns)."""
    if path is None or not path.is_file():
        return None
    found = path.stat()
    return found.st_size, found.st_mtime_ns
