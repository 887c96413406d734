"""Rows as they stand in a file, CSV or JSONL: read, or refused one by one.

A row that cannot be read costs that row: reading goes on at the line after its first.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from customer_sources.contract.errors import Problem
from worker.batches.opening import Opened

MOST_LINES = 100
"""Lines of one CSV row. A quote that is not closed swallows no more of the file."""
ROW = "row"
"""The field of a problem that is one of the whole row."""
_OPEN_QUOTE = "a quote is opened and not closed"
_CSV_WORDS = {
    "expected after": "text after a closing quote; inside quotes one is written twice",
    "unexpected end": _OPEN_QUOTE,
    "new-line character": "a carriage return inside a line; lines end in LF or CRLF",
    "larger than field limit": "a value is longer than any that is accepted",
}
_NUL = "has a NUL character in it"


class Record(NamedTuple):
    """One row of a file."""

    line: int
    """On which it begins, from 1."""
    content: Any
    """Cells, or the fields of an object; None where it could not be read."""
    problem: str = ""


def csv_records(opened: Opened) -> Iterator[Record]:
    """Read CSV as RFC 4180 has it; its header is a record like any other."""
    feed = _Feed(opened)
    reader = csv.reader(feed, strict=True)
    while True:
        feed.begin()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except _LineUnreadable as error:
            problem = str(error) if len(feed.taken) == 1 else _OPEN_QUOTE
        except csv.Error as error:
            problem = _in_words(error)
        else:
            if cells:
                yield Record(feed.first, cells)
            continue
        yield Record(feed.first, None, problem)
        feed.rewind()


def jsonl_records(opened: Opened) -> Iterator[Record]:
    """Read one JSON object from each line; empty lines are none."""
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    for line, raw in enumerate(opened.lines(), 1):
        if raw is None:
            yield Record(line, None, _too_long(opened.longest))
        elif not raw.isspace():
            try:
                record = Record(line, decode(raw))
            except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
                record = Record(line, None, _not_json(raw, error))
            yield record


class _LineUnreadable(Exception):
    """A line that is not text."""


class _Feed:
    """Hands lines to the CSV reader, and takes back those after a bad row's first."""

    def __init__(self, opened: Opened) -> None:
        self._lines = opened.lines()
        self._longest = opened.longest
        self._again: deque[bytes | None] = deque()
        self.taken: list[bytes | None] = []
        self.first = 0
        """Line on which the row at hand begins."""
        self._next = 1
        self._bytes = 0

    def begin(self) -> None:
        """Begin a row."""
        self.first = self._next
        self.taken.clear()
        self._bytes = 0

    def rewind(self) -> None:
        """Read all but the first line of the row at hand again."""
        self._again.extendleft(reversed(self.taken[1:]))
        self._next = self.first + 1

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        raw = self._again.popleft() if self._again else next(self._lines)
        self.taken.append(raw)
        self._next += 1
        if raw is None:
            raise _LineUnreadable(_too_long(self._longest))
        self._bytes += len(raw)
        if self._bytes > self._longest + 1 or len(self.taken) > MOST_LINES:
            raise _LineUnreadable(_OPEN_QUOTE)
        try:
            text = raw.decode()
        except UnicodeDecodeError as error:
            raise _LineUnreadable(_not_utf8(error)) from None
        if "\0" in text:
            raise _LineUnreadable(_NUL)
        return text


def _too_long(longest: int) -> str:
    return f"the line is longer than {longest:,} bytes"


def _not_utf8(error: UnicodeDecodeError) -> str:
    return f"not UTF-8 at byte {error.start + 1} of the line"


def _in_words(error: csv.Error) -> str:
    told = str(error)
    return next((ours for part, ours in _CSV_WORDS.items() if part in told), "not CSV")


def _not_json(raw: bytes, error: Exception) -> str:
    """Say what is wrong with a line. msgspec quotes places, never values."""
    try:
        raw.decode()
    except UnicodeDecodeError as wrong:
        return _not_utf8(wrong)
    if b"\0" in raw:
        return _NUL
    if isinstance(error, msgspec.ValidationError):
        return "expected one JSON object on the line"
    if isinstance(error, RecursionError):
        return "nested too deeply"
    return f"not JSON: {error}"


def of_row(problem: str) -> Sequence[Problem]:
    """Write what is wrong with a whole row as a problem."""
    return (Problem(ROW, problem),)
