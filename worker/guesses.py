"""A guess at a bank account's two amounts, and what became of it: values only."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple


class Became(StrEnum):
    """What became of a guess, as commit.lua takes it."""

    OPEN = ""
    """Nobody knows, or none was made: what is held stays held."""
    MISSED = "MISSED"
    OVER = "OVER"
    """Nobody may guess any more."""
    FREE = "FREE"
    """It was never looked at."""
    VERIFIED = "VERIFIED"


class Guess(NamedTuple):
    """One guess, as the scripts take it."""

    target: str
    """Whose amounts it is about, as keys name a bank account."""
    limit: int
    """Guesses that may be used up by it."""
    mark: str = ""
    """Tells its pair of amounts from others; empty until one is sent."""


NO_GUESS = Guess("", 0)


class Guessing:
    """What a run knows of its guess.

    Args:
        record: of its job.

    Attributes:
        guess: what it guesses at.
        made: whether a guess of this job may have reached Stripe.
        used: guesses at the same account that others have used; None: not known.
    """

    def __init__(self, record: Mapping[str, str]) -> None:
        self.guess = NO_GUESS
        self.made = record.get("unknown") == "1"
        self.used: int | None = None
        if "guesses" in record:
            self.used = int(record["guesses"])

    @property
    def counted(self) -> int:
        """Guesses that are used, as far as it is known, with this one."""
        return (self.used or 0) + self.made
