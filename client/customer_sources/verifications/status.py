"""How far the verification of a bank account is: what the store keeps of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple

import msgspec

MOST_ATTEMPTS = 3
"""Guesses at the two amounts that Stripe takes (its documentation of ACH)."""
_HELD = "held:"
"""How the names of guesses begin of which nobody knows yet what became."""


class VerificationState(StrEnum):
    """Where a watch is in its life. The last five are written, and told, once."""

    NEW = "new"
    WAITING = "waiting"
    """For the deposits."""
    DUE = "due"
    """They should be there: the customer can say the amounts."""
    VERIFIED = "verified"
    FAILED = "failed"
    """Stripe lets nobody verify this bank account any more."""
    DELETED = "deleted"
    EXPIRED = "expired"
    """Nobody has verified it in time, and it is watched no more."""
    CANCELLED = "cancelled"

    @property
    def is_ended(self) -> bool:
        """Whether nothing will change any more."""
        return self in _ENDED


_ENDED = frozenset(
    {
        VerificationState.VERIFIED,
        VerificationState.FAILED,
        VerificationState.DELETED,
        VerificationState.EXPIRED,
        VerificationState.CANCELLED,
    }
)


class Attempts(NamedTuple):
    """Guesses at the amounts of one bank account."""

    used: int
    """Those that missed, and those of which nobody knows yet."""
    left: int
    """One of them is kept for a verify that says `use_reserve`."""


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """One watch at one moment."""

    id: str
    state: VerificationState
    account: str
    customer: str
    source: str
    """The bank account's id."""
    status: str | None
    """Stripe's, as it was seen last; None: nobody has looked yet."""
    attempts: Attempts
    reference: str
    """The producer's own; comes back as `causationid`."""
    added: datetime
    """From when on the deposits are counted."""
    opened: datetime
    arrives: datetime | None
    """When they should be there; None: that is about to be worked out."""
    expires: datetime | None
    next: datetime | None
    """When it is looked at next; None: it has ended."""
    looked: datetime | None
    told: int
    """How often it was told that the deposits should be there."""
    why: str
    """Of one that has ended: Stripe's status, or the code of the job that ended it."""
    job: str
    """The job of ours that ended it, if one did."""
    ended: datetime | None


def parse_verification(
    record: Mapping[str, str], guesses: Mapping[str, str]
) -> Verification:
    """Read a watch.

    Args:
        record: of the watch.
        guesses: what is kept of attempts at its bank account; empty: none was made.
    """
    return Verification(
        id=record["id"],
        state=VerificationState(record["state"]),
        account=record["account"],
        customer=record["customer"],
        source=record["source"],
        status=record.get("status"),
        attempts=count_attempts(guesses),
        reference=record.get("reference", ""),
        added=moment(record["added"]),
        opened=moment(record["opened"]),
        arrives=_moment(record, "arrives"),
        expires=_moment(record, "expires"),
        next=_moment(record, "next"),
        looked=_moment(record, "looked_at"),
        told=int(record.get("told", 0)),
        why=record.get("why", ""),
        job=record.get("by", ""),
        ended=_moment(record, "ended"),
    )


def count_attempts(guesses: Mapping[str, str]) -> Attempts:
    """Count what is used of a bank account's attempts, and what is left."""
    missed = guesses.get("used", "")
    used = int(missed) if missed.isdecimal() else 0  # as attempts.lua has it
    used += sum(name.startswith(_HELD) for name in guesses)
    left = 0 if "over" in guesses else max(0, MOST_ATTEMPTS - used)
    return Attempts(used, left)


def moment(milliseconds: str) -> datetime:
    """Read a moment of a record."""
    return datetime.fromtimestamp(int(milliseconds) / 1000, tz=UTC)


def _moment(record: Mapping[str, str], name: str) -> datetime | None:
    return moment(record[name]) if name in record else None
