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


class Together:
    """Rows about one thing, taken in file order.

    A row is a duplicate of the first that is like it; a field, or a verification, is
    held against the one before; and a source that was deleted takes nothing more.
    """

    def __init__(self) -> None:
        self._first: dict[bytes, Place] = {}
        self._deleted: Seen | None = None
        self._verified: Seen | None = None
        self._fields: dict[str, tuple[str, Place]] = {}

    def add(self, seen: Seen) -> Iterator[Found]:
        """Take the next row; give what is the matter with it."""
        asked = f"{seen.operation}\t{canonical(seen.operation, seen.body)}"
        same = blake2b(asked.encode(), digest_size=16).digest()
        first = self._first.setdefault(same, seen.place)
        if first is not seen.place:
            yield Found(first, Kind.DUPLICATE, f"the same as {first}")
        gone = self._deleted
        if gone is not None and (seen.operation, seen.body) != gone[:2]:
            message = f"on a source that {gone.place} deletes"
            yield Found(gone.place, Kind.CONFLICT, message)
        match seen.operation:
            case "update":
                yield from self._set(seen)
            case "verify":
                yield from self._verify(seen)
            case "delete" if gone is None:
                self._deleted = seen

    def _set(self, seen: Seen) -> Iterator[Found]:
        for field in filter(None, seen.body.split("&")):
            name, _, value = field.partition("=")
            if name.startswith("expand["):
                continue
            whole, bracket, _ = name.partition("[")
            # `metadata=` and `metadata[a]=1` are at odds; `metadata[` is the last part.
            for other in (name, whole if bracket else f"{whole}["):
                before, place = self._fields.get(other, (value, seen.place))
                if place is not seen.place and (other, before) != (name, value):
                    message = f"sets {_told(name)} to another value than {place}"
                    yield Found(place, Kind.CONFLICT, message)
            self._fields[name] = value, seen.place
            if bracket:
                self._fields[f"{whole}["] = value, seen.place

    def _verify(self, seen: Seen) -> Iterator[Found]:
        before, self._verified = self._verified, seen
        if before is not None and before.body != seen.body:
            message = f"verifies with other amounts than {before.place}"
            yield Found(before.place, Kind.CONFLICT, message)


def _told(encoded: str) -> str:
    """Name a field; a key of metadata only where it may be repeated."""
    root, _, rest = unquote_plus(encoded).partition("[")
    key = rest.removesuffix("]")
    if key and not can_be_named(key):
        return f"a key of {root}"
    return f"{root}[{key}]" if key else root
