"""How things stand at Stripe before a plan is applied: words, counts, costs. Pure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from enum import StrEnum
from typing import Generic, NamedTuple, TypeVar

import msgspec

from customer_sources.batches.rows import Row
from worker.evidence import given_in

T = TypeVar("T")
MOST_CUSTOMERS = 10_000
"""Of so many the sources are held at a time, each for its next row."""


class Standing(StrEnum):
    """How things stand for a row, before it is run."""

    ALREADY = "already_so"
    NOT_YET = "not_yet_so"
    GONE = "source_missing"
    """What it needs is not there: the source, or a token that can be used."""
    NOBODY = "customer_missing"
    UNREAD = "unread"


class Seen(NamedTuple):
    """What was seen of one row; never a value, only ids and names of fields."""

    standing: Standing
    says: str


class Latest(Generic[T]):
    """Something for each of the customers whose rows came last, and no others."""

    def __init__(self, most: int = MOST_CUSTOMERS) -> None:
        self._most = most
        self._held: OrderedDict[str, T] = OrderedDict()

    def of(self, customer: str, anew: Callable[[], T]) -> T:
        """Give what is held for a customer, or else what is made now."""
        if customer in self._held:
            self._held.move_to_end(customer)
            return self._held[customer]
        if len(self._held) == self._most:
            self._held.popitem(last=False)
        found = self._held[customer] = anew()
        return found


class Cost:
    """How many reads it takes to look at rows. Lists of over 100 sources take more."""

    def __init__(self) -> None:
        self.sources = 0
        """One for each row that changes a source."""
        self.tokens = 0
        """One at most for each row that creates one."""
        self.lists = 0
        """One for each customer for whom rows create some: it serves those that follow
        as long as it is held."""
        self._customers: Latest[None] = Latest()

    def add(self, row: Row) -> None:
        """Take a row that is to be looked at."""
        if row.operation == "create":
            self._customers.of(row.customer, self._list)
            self.tokens += bool(given_in(row.body))
        else:
            self.sources += 1

    @property
    def reads(self) -> int:
        """All of them, at most."""
        return self.sources + self.tokens + self.lists

    def _list(self) -> None:
        self.lists += 1


class Checked(msgspec.Struct, kw_only=True):
    """What looking at rows has come to. Its names stay; new ones may come."""

    rows: int = 0
    """That were looked at."""
    wanted: int = 0
    """That were to be looked at."""
    changes: int = 0
    """Of the plan: the rows that change something."""
    reads: int = 0
    """GETs that were sent."""
    per_second: float = 0.0
    """How many, at most, in the end: fewer than asked where Stripe refused some."""
    already_so: int = 0
    not_yet_so: int = 0
    source_missing: int = 0
    customer_missing: int = 0
    unread: int = 0

    def add(self, row: Row, line: int, seen: Seen) -> bytes:
        """Take what was seen of a row of the input; return what is written of it."""
        self.rows += 1
        setattr(self, seen.standing, getattr(self, seen.standing) + 1)
        told = {
            "line": line,
            "row": row.number,
            "operation": row.operation,
            "customer": row.customer,
            "source": row.id,
            "standing": seen.standing,
            "says": seen.says,
        }
        return msgspec.json.encode(told) + b"\n"
