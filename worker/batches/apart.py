"""Comparing rows of which very many may be about one thing: a million updates, say.

What of rows is held against each other goes to files by a hash of what it is about: the
whole of what a row asks, a field that it sets, or its source. Then each file is gone
through by itself. It finds what `Together` finds, and holds a part of it at a time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from worker.batches.contradictions import (
    Course,
    Fields,
    Firsts,
    Found,
    Place,
    Seen,
    asked_by,
    fields_of,
    hash_of,
)
from worker.batches.spilling import Spill

_Line = list[str]
_Take = Callable[[bytes, Place, _Line], Iterator[Found]]


class FoundAt(NamedTuple):
    """What was found of a row, and where that stands."""

    place: Place
    found: Found


class Apart:
    """Takes rows in file order, and finds those that repeat or contradict others.

    Args:
        folder: for files that are of no use afterwards; made here.
    """

    def __init__(self, folder: Path) -> None:
        self._asked = Spill(folder / "asked")
        self._fields = Spill(folder / "fields")
        self._sources = Spill(folder / "sources")

    def add(self, about: str, seen: Seen) -> None:
        """Take the next row, and what it is about."""
        _keep(self._asked, hash_of(about, *asked_by(seen)), seen.place)
        for name, value in fields_of(seen):
            _keep(self._fields, hash_of(about, name), seen.place, name, value)
        source, told = hash_of(about), (seen.operation, seen.body)
        _keep(self._sources, source, seen.place, *told)

    def findings(self) -> Iterator[FoundAt]:
        """Give what was found; that of a row need not be together."""
        yield from _gone_through(self._asked, _asked)
        yield from _gone_through(self._fields, _fields)
        yield from _gone_through(self._sources, _sources)


def _asked() -> _Take:
    firsts = Firsts()
    return lambda key, place, _: firsts.add(key, place)


def _fields() -> _Take:
    fields = Fields()
    return lambda key, place, line: fields.add(key, line[0], line[1], place)


def _sources() -> _Take:
    courses: defaultdict[bytes, Course] = defaultdict(Course)
    return lambda key, place, line: courses[key].add(Seen(line[0], line[1], place))


def _gone_through(spill: Spill, anew: Callable[[], _Take]) -> Iterator[FoundAt]:
    for kept in spill.files():
        take = anew()
        for line in kept.lines:
            key, row, at, *told = line.decode().rstrip("\n").split("\t")
            place = Place(int(row), int(at))
            for found in take(bytes.fromhex(key), place, told):
                yield FoundAt(place, found)


def _keep(spill: Spill, key: bytes, place: Place, *told: str) -> None:
    text = "\t".join((key.hex(), str(place.row), str(place.line), *told))
    spill.add(key[0], f"{text}\n".encode())
