"""Rows about one thing at Stripe, held against each other. Pure.

The thing is a source of a customer; for an operation without a source's id, all that
was asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from hashlib import blake2b
from typing import NamedTuple
from urllib.parse import unquote_plus

from customer_sources.contract.texts import can_be_named


class Kind(StrEnum):
    """What is the matter with two rows."""

    DUPLICATE = "duplicate"
    CONFLICT = "conflict"


class Place(NamedTuple):
    """Where a row stands."""

    row: int
    line: int

    def __str__(self) -> str:
        return f"row {self.row} (line {self.line})"


class Seen(NamedTuple):
    """What is compared of a row."""

    operation: str
    body: str
    """Encoded parameters."""
    place: Place


class Found(NamedTuple):
    """An earlier row that a row repeats or contradicts, and how."""

    earlier: Place
    kind: Kind
    message: str


def canonical(operation: str, body: str) -> str:
    """Put parameters in an order of ours: theirs tells nothing.

    But for that of a verification's amounts.
    """
    if "&" not in body or operation == "verify":
        return body
    return "&".join(sorted(body.split("&")))


class Firsts:
    """Where each thing was asked for first: a row is a duplicate of the first like it.

    It grows with what differs.
    """

    def __init__(self) -> None:
        self._first: dict[bytes, Place] = {}

    def add(self, asked: bytes, place: Place) -> Iterator[Found]:
        """Take the next row, by a hash of what it asks."""
        first = self._first.setdefault(asked, place)
        if first is not place:
            yield Found(first, Kind.DUPLICATE, f"the same as {first}")


class Fields:
    """What each field was set to last, and by which row. It grows with their number."""

    def __init__(self) -> None:
        self._last: dict[bytes | str, tuple[str, Place]] = {}

    def add(
        self, field: bytes | str, name: str, value: str, place: Place
    ) -> Iterator[Found]:
        """Take a field of the next row that sets it: what it is known by, and called.

        It is held against the row before; `Course` holds `metadata=` against
        `metadata[a]=1`.
        """
        before, earlier = self._last.get(field, (value, place))
        if before != value and earlier != place:
            yield _other_value(name, earlier)
        self._last[field] = value, place


class Course:
    """What becomes of one source, row by row. It does not grow.

    A verification is held against the one before, a field that is set as a whole
    against its parts, and a source that was deleted takes nothing more.
    """

    def __init__(self) -> None:
        self._deleted: Seen | None = None
        self._verified: Seen | None = None
        self._set: dict[str, Place] = {}
        """Who was the last to set a field; with a bracket, a part of it."""

    def add(self, seen: Seen) -> Iterator[Found]:
        """Take the next row; give what is the matter with it."""
        gone = self._deleted
        if gone is not None and (seen.operation, seen.body) != gone[:2]:
            message = f"on a source that {gone.place} deletes"
            yield Found(gone.place, Kind.CONFLICT, message)
        match seen.operation:
            case "update":
                yield from self._update(seen)
            case "verify":
                yield from self._verify(seen)
            case "delete" if gone is None:
                self._deleted = seen

    def _update(self, seen: Seen) -> Iterator[Found]:
        for name, _ in fields_of(seen):
            whole, bracket, _ = name.partition("[")
            earlier = self._set.get(whole if bracket else f"{whole}[")
            if earlier is not None and earlier != seen.place:
                yield _other_value(name, earlier)
            self._set[f"{whole}{bracket}"] = seen.place

    def _verify(self, seen: Seen) -> Iterator[Found]:
        before, self._verified = self._verified, seen
        if before is not None and before.body != seen.body:
            message = f"verifies with other amounts than {before.place}"
            yield Found(before.place, Kind.CONFLICT, message)


class Together:
    """Rows about one thing, taken in file order."""

    def __init__(self) -> None:
        self._firsts = Firsts()
        self._fields = Fields()
        self._course = Course()

    def add(self, seen: Seen) -> Iterator[Found]:
        """Take the next row; give what is the matter with it."""
        yield from self._firsts.add(hash_of(*asked_by(seen)), seen.place)
        yield from self._course.add(seen)
        for name, value in fields_of(seen):
            yield from self._fields.add(name, name, value, seen.place)


def hash_of(*parts: str) -> bytes:
    """Hash what something is known by: as good as the thing itself, and short."""
    return blake2b("\t".join(parts).encode(), digest_size=16).digest()


def asked_by(seen: Seen) -> tuple[str, str]:
    """Say what a row asks of its thing, the same for rows that ask the same."""
    return seen.operation, canonical(seen.operation, seen.body)


def fields_of(seen: Seen) -> Iterator[tuple[str, str]]:
    """Give encoded names and values of what an update sets; others set nothing."""
    if seen.operation != "update":
        return
    for field in filter(None, seen.body.split("&")):
        name, _, value = field.partition("=")
        if not name.startswith("expand["):
            yield name, value


def _other_value(name: str, earlier: Place) -> Found:
    message = f"sets {_told(name)} to another value than {earlier}"
    return Found(earlier, Kind.CONFLICT, message)


def _told(encoded: str) -> str:
    """Name a field; a key of metadata only where it may be repeated."""
    root, _, rest = unquote_plus(encoded).partition("[")
    key = rest.removesuffix("]")
    if key and not can_be_named(key):
        return f"a key of {root}"
    return f"{root}[{key}]" if key else root
