"""How things stand at Stripe before a plan is applied: words, counts, costs. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

import msgspec

from customer_sources.batches.rows import Row
from worker.evidence import given_in


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


class Cost(msgspec.Struct, kw_only=True):
    """How many reads it takes to look at rows. Lists of over 100 sources take more."""

    sources: int = 0
    """One for each row that changes a source."""
    tokens: int = 0
    """One at most for each row that creates one."""
    creates: dict[str, int] = msgspec.field(default_factory=dict)
    """Rows that create, by customer: the sources of each are read once."""

    def add(self, row: Row) -> None:
        """Take a row that is to be looked at."""
        if row.operation == "create":
            self.creates[row.customer] = self.creates.get(row.customer, 0) + 1
            self.tokens += bool(given_in(row.body))
        else:
            self.sources += 1

    @property
    def reads(self) -> int:
        """All of them, at most."""
        return self.sources + self.tokens + len(self.creates)


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

    def add(self, row: Row, seen: Seen) -> bytes:
        """Take what was seen of a row; return its line for the file."""
        self.rows += 1
        setattr(self, seen.standing, getattr(self, seen.standing) + 1)
        told = {
            "row": row.number,
            "operation": row.operation,
            "customer": row.customer,
            "source": row.id,
            "standing": seen.standing,
            "says": seen.says,
        }
        return msgspec.json.encode(told) + b"\n"
