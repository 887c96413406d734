"""What an account holds: customers with their sources, tokens, `src_` objects.

The objects themselves are frozen; a change puts a new one in the old one's place.
"""

import random
import string
from dataclasses import dataclass, field
from hashlib import sha256
from typing import NamedTuple

from sandbox.objects import Customer, PaymentSource, Source, Token
from sandbox.published import Decline

ALPHABET = string.ascii_letters + string.digits
ID_LENGTH = 24
FINGERPRINT_LENGTH = 16
DAY = 24 * 60 * 60


class Ids:
    """Makes ids that look like Stripe's; the same ones for the same seed."""

    def __init__(self, seed: int | None) -> None:
        self._random = random.Random(seed)  # noqa: S311 - names, not secrets

    def new(self, prefix: str) -> str:
        """Return a new id, such as `card_1Nv0…`."""
        return f"{prefix}_{''.join(self._random.choices(ALPHABET, k=ID_LENGTH))}"


@dataclass(slots=True)
class Deposits:
    """The two micro-deposits that were sent to a bank account, and guesses at them."""

    sent: int
    """Seconds since 1970."""
    misses: int = 0
    bounced: bool = False
    """They came back: there is no such account, say. Nobody can verify it then."""

    def have_arrived(self, now: int, days: int) -> bool:
        """Return whether they are on the account, `days` after they were sent."""
        return now - self.sent >= days * DAY


@dataclass(slots=True)
class CustomerRecord:
    """A customer and what hangs on it, in the order in which it was added."""

    profile: Customer
    sources: dict[str, PaymentSource] = field(default_factory=dict)
    deposits: dict[str, Deposits] = field(default_factory=dict)
    """For each bank account that was not verified when it was added."""
    default_source: str | None = None
    deleted: bool = False

    @property
    def id(self) -> str:
        """The customer's id."""
        return self.profile.id

    def add(self, source: PaymentSource) -> None:
        """Add a source, which becomes the default if it is the only one."""
        self.sources[source.id] = source
        if self.default_source is None:
            self.default_source = source.id

    def remove(self, source_id: str) -> None:
        """Remove a source; a default is followed by the one added last."""
        del self.sources[source_id]
        if self.default_source == source_id:
            self.default_source = next(reversed(self.sources), None)


class Candidate(NamedTuple):
    """Something that may come to hang on a customer."""

    source: PaymentSource
    decline: Decline | None = None
    """How it will be turned down, if it will; the card itself does not tell."""
    token: str = ""
    """The single-use token that is used up by hanging it there."""


class StoredToken(NamedTuple):
    """A token and what it stands for."""

    token: Token
    candidate: Candidate


@dataclass(slots=True)
class Account:
    """All objects of one Stripe account; no account sees those of another."""

    id: str
    customers: dict[str, CustomerRecord] = field(default_factory=dict)
    tokens: dict[str, StoredToken] = field(default_factory=dict)
    sources: dict[str, Source] = field(default_factory=dict)

    def fingerprint(self, number: str) -> str:
        """Return what tells two cards or bank accounts of this account apart."""
        return sha256(f"{self.id}:{number}".encode()).hexdigest()[:FINGERPRINT_LENGTH]
