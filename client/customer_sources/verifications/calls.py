"""What both `client.verifications` share: arguments in, answers out. Pure."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from customer_sources.calls import EVENTS_HARD_CAP, RETENTION_MS
from customer_sources.contract.errors import (
    CommandInvalid,
    Problem,
    VerificationEnded,
    VerificationNotFound,
)
from customer_sources.contract.ids import new_watch_id
from customer_sources.contract.moments import Moment, read_when, to_ms
from customer_sources.contract.names import Keys, target_name
from customer_sources.contract.notices import verification_event
from customer_sources.contract.operations import OPERATIONS
from customer_sources.contract.validation import (
    account_problems,
    reference_problems,
    segment_problems,
)
from customer_sources.timing import CLOCKS_MS
from customer_sources.verifications.status import (
    Verification,
    VerificationState,
    parse_verification,
)

SCRIPTS = ("watch_open", "watch_cancel")
_VERIFY = OPERATIONS["verify"]
_LONGEST_CUSTOMER = 5000


class Address(NamedTuple):
    """A bank account that can be watched."""

    account: str
    customer: str
    source: str

    @property
    def target(self) -> str:
        """How the ledger names it."""
        return target_name(*self)

    def missing(self) -> VerificationNotFound:
        """Say that nobody watches it."""
        return VerificationNotFound(self.customer, self.source)


def address(
    account: object, customer: object, source: object, found: Iterable[Problem] = ()
) -> Address:
    """Check where a bank account is.

    Args:
        account: whose key reads it.
        customer: the customer's id.
        source: the bank account's id.
        found: what the caller has found wrong already, told with the rest.

    Raises:
        CommandInvalid: with every problem.
    """
    problems = [
        *segment_problems("customer", customer, longest=_LONGEST_CUSTOMER),
        *segment_problems("id", source, longest=OPERATIONS["get"].longest_id),
        *account_problems(account),
        *found,
    ]
    if isinstance(source, str) and source.startswith(_VERIFY.not_for or ()):
        problems.append(Problem("id", "only bank accounts are verified, ba_..."))
    if problems:
        raise CommandInvalid(problems)
    return Address(str(account), str(customer), str(source))


def open_arguments(
    keys: Keys,
    account: object,
    customer: object,
    source: object,
    *,
    added_at: Moment | None,
    reference: object,
) -> list[Any]:
    """Write the arguments of watch_open.lua.

    Raises:
        CommandInvalid: with every problem.
    """
    now_ms = time.time_ns() // 1_000_000
    added = _added(added_at, now_ms)
    wrong = [added] if isinstance(added, Problem) else []
    found = [*wrong, *reference_problems(reference)]
    where = address(account, customer, source, found)
    return [
        keys.prefix,
        where.target,
        new_watch_id(now_ms),
        *where,
        reference,
        added,
    ]


def cancel_arguments(keys: Keys, where: Address, watch: Verification) -> list[Any]:
    """Write the arguments of watch_cancel.lua, the event that it tells among them."""
    now_ms = time.time_ns() // 1_000_000
    by_hand = msgspec.structs.replace(watch, why="", job="")
    event = verification_event(by_hand, VerificationState.CANCELLED, now_ms=now_ms)
    return [
        keys.prefix,
        where.target,
        watch.id,
        event.encode(),
        RETENTION_MS,
        EVENTS_HARD_CAP,
    ]


def cancelled(where: Address, reply: Sequence[str]) -> bool:
    """Read watch_cancel.lua's answer. False: another watch was opened meanwhile.

    Raises:
        VerificationNotFound: nobody watches it any more.
        VerificationEnded: it has ended otherwise.
    """
    word, *state = reply
    if word == "MISSING":
        raise where.missing()
    if word == "ENDED" and state[0] != VerificationState.CANCELLED:
        raise VerificationEnded(where.customer, where.source, state[0])
    return word != "OTHER"


def most(limit: int) -> int:
    """Check how many are to be listed.

    Raises:
        CommandInvalid: not even one.
    """
    if limit < 1:
        raise CommandInvalid([Problem("limit", "expected 1 or more")])
    return limit


def parse_all(read: Sequence[Any]) -> list[Verification]:
    """Read records and what is kept of attempts, by turns. What is gone is left out.

    So is one that is damaged: a worker gives it up when its moment comes.
    """
    found = []
    for record, guesses in zip(read[::2], read[1::2], strict=True):
        with suppress(KeyError, ValueError, OverflowError):
            if record:
                found.append(parse_verification(record, guesses))
    return found


def _added(given: Moment | None, now_ms: int) -> int | Problem:
    """Write since when the deposits are under way; 0: since now."""
    if given is None:
        return 0
    when = read_when("added_at", given, spans=False)
    if not isinstance(when, datetime):
        return when if isinstance(when, Problem) else Problem("added_at", "no moment")
    added = to_ms(when)
    if added > now_ms + CLOCKS_MS:
        return Problem("added_at", "is in the future: what was added then?")
    return max(1, added)
