"""Deciding what a turn of a watch comes to. Pure: a record and a moment in, a turn out.

A watch looks at its bank account as seldom as it can: when the deposits should be
there, at each reminder, and before it gives up. What a look saw, and what a verify or a
delete of ours came to, is in the record by then; a turn tells it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from config.settings import Settings
from customer_sources.contract.commands import Command
from customer_sources.contract.ids import new_watch_id
from customer_sources.contract.moments import LAST_MOMENT_MS, to_ms
from customer_sources.contract.names import DEFAULT_ACCOUNT, target_name
from customer_sources.contract.notices import verification_event
from customer_sources.verifications.calls import address
from customer_sources.verifications.status import (
    Verification,
    VerificationState,
    parse_verification,
)
from worker.banking import calendar
from worker.guesses import Became
from worker.outcomes import Outcome, Succeed

LOOK_MS = 15 * 60_000
"""How long a look may take: an API that is away longer is not waited for, and the
status is told as unknown. Who asks customers in the morning can wait so long."""
GIVEN_UP_MS = LOOK_MS + 60_000
"""When a look is given up whose job has not said that it has ended."""
GONE = "gone"
"""What a look has seen where there is no such bank account."""
_ENDS = {
    "verified": VerificationState.VERIFIED,
    "verification_failed": VerificationState.FAILED,
    "errored": VerificationState.FAILED,
    GONE: VerificationState.DELETED,
}
"""What a look saw that ends a watch. At any other status somebody may still verify."""
NOT_BANK_ACCOUNTS = ("card_", "src_")
UNREADABLE = "record_unreadable"
"""Why a watch is given up whose record is damaged: nobody can say how far it was."""
_NUMBERS = frozenset(
    ("added", "opened", "arrives", "expires", "next", "ended", "looked_at", "told")
)
"""Of a record, what is a whole number: moments, and a count."""


class Plan(NamedTuple):
    """The moments of one watch, in ms since the epoch."""

    arrives: int
    reminders: Sequence[int]
    expires: int


class Turn(NamedTuple):
    """What is written when a turn is taken."""

    state: VerificationState
    next_ms: int = 0
    """When the next is due; of a watch that has ended, never."""
    event: bytes = b""
    """Empty: nothing is told."""
    look: bool = False
    """Whether a job is submitted that reads the account's status."""
    changes: Mapping[str, str | int] = {}
    """Of the record; an empty text takes a name away."""


def planner(settings: Settings) -> Callable[[int], Plan]:
    """Make what works out the moments of a watch, by banking days.

    Returns:
        A function that is given when (ms) the bank account was added.
    """
    days = calendar(settings)

    def plan(added_ms: int) -> Plan:
        added = datetime.fromtimestamp(added_ms / 1000, UTC)

        def later(number: int) -> int:
            return to_ms(days.banking_days_later(added, number))

        reminders = [later(days.days + number) for number in settings.watch_reminders]
        return Plan(to_ms(days.arrival(added)), reminders, later(settings.watch_days))

    return plan


def decide(
    record: Mapping[str, str],
    guesses: Mapping[str, str],
    now_ms: int,
    plan: Callable[[int], Plan],
) -> Turn:
    """Decide what the turn of a watch comes to whose moment has come.

    Args:
        record: of a watch that lives.
        guesses: what is kept of attempts at its bank account.
        now_ms: by the store's clock.
        plan: works out its moments, from when the account was added.
    """
    if not _is_readable(record):
        return _give_up(record, guesses, now_ms)
    watch = parse_verification(record, guesses)
    if found := record.get("found"):
        watch = msgspec.structs.replace(watch, status=None)  # seen before that
        return _end(watch, VerificationState(found), now_ms)
    if watch.state is VerificationState.NEW:
        return _planned(plan(int(record["added"])))
    if "seen" in record or "look" in record:  # which has ended, or is given up
        return _heed(watch, record, now_ms)
    return Turn(watch.state, now_ms + GIVEN_UP_MS, look=True)


def note(
    command: Command | None, outcome: Outcome, became: Became, now_ms: int
) -> tuple[str, ...]:
    """Say what the end of a job means to a watch, as `note_watch` in Lua takes it.

    Args:
        command: of the job; None where it could not be read.
        outcome: what its run decided.
        became: what became of its guess, of a verify. One that was not let go for
            what others have guessed proves nothing: theirs may be unanswered yet.
        now_ms: for the id of a watch that begins.
    """
    if command is None:
        return ()
    match command.operation, outcome:
        case "create", Succeed(made) if command.watch and _is_unverified(made):
            where = command.account, command.customer, str(made["id"])
            new = new_watch_id(now_ms), *where, command.reference
            return ("open", target_name(*where), *new)
        case "verify", _:
            found = _OF_A_GUESS.get(became)
        case "delete", Succeed() if not command.id.startswith(NOT_BANK_ACCOUNTS):
            found = VerificationState.DELETED
        case _:
            return ()
    if found is None:
        return ()
    target = target_name(command.account, command.customer, command.id)
    return ("end", target, found.value, outcome.code)


_OF_A_GUESS = {
    Became.VERIFIED: VerificationState.VERIFIED,
    Became.OVER: VerificationState.FAILED,
}


def _is_unverified(made: Mapping[str, Any]) -> bool:
    """Whether a create has made what has to be verified."""
    kind, status = made.get("object"), made.get("status")
    return kind == "bank_account" and status != VerificationState.VERIFIED


def _planned(plan: Plan) -> Turn:
    moments = " ".join(map(str, plan.reminders))
    changes: dict[str, str | int] = {
        "arrives": plan.arrives,
        "reminders": moments,
        "expires": plan.expires,
    }
    return Turn(VerificationState.WAITING, plan.arrives, changes=changes)


def _heed(watch: Verification, record: Mapping[str, str], now_ms: int) -> Turn:
    """Tell what a look saw: the end, or that the deposits should be there."""
    seen = record.get("seen", "")
    status = seen if seen and seen != GONE else None
    # What was not seen is not told: the status of an earlier look may have changed.
    watch = msgspec.structs.replace(watch, status=status)
    ending, expires = _ENDS.get(seen), int(record["expires"])
    if ending is None and now_ms >= expires:
        ending, seen = VerificationState.EXPIRED, ""
    if ending is not None:
        return _end(msgspec.structs.replace(watch, why=seen), ending, now_ms)
    changes: dict[str, str | int] = {"look": "", "seen": "", "told": watch.told + 1}
    if status:
        changes["status"] = status
    moments = [int(moment) for moment in record.get("reminders", "").split()]
    due = VerificationState.DUE
    return Turn(
        due,
        min([expires, *(moment for moment in moments if moment > now_ms)]),
        verification_event(watch, due, now_ms=now_ms).encode(),
        changes=changes,
    )


def _end(watch: Verification, state: VerificationState, now_ms: int) -> Turn:
    if state in _LAST_STATUS:
        watch = msgspec.structs.replace(watch, status=_LAST_STATUS[state])
    event = verification_event(watch, state, now_ms=now_ms)
    changes = {"why": watch.why, "status": watch.status or ""}
    return Turn(state, event=event.encode(), changes=changes)


def _is_readable(record: Mapping[str, str]) -> bool:
    """Whether a turn can be decided from a record, which nobody has damaged then."""
    if "turn" not in record:
        return False
    try:
        watch = parse_verification(record, {})
        address(watch.account, watch.customer, watch.source)
        found = VerificationState(record.get("found", VerificationState.EXPIRED))
        [int(moment) for moment in record.get("reminders", "").split()]
    except (KeyError, ValueError, OverflowError):
        return False
    is_planned = watch.state is VerificationState.NEW or watch.expires is not None
    return is_planned and found.is_ended


def _give_up(
    record: Mapping[str, str], guesses: Mapping[str, str], now_ms: int
) -> Turn:
    """End a watch whose record is damaged, and mend that, so that it can be read."""
    kept = {
        name: text
        for name, text in record.items()
        if name not in _NUMBERS or _is_number(text)
    }
    now, expired = str(now_ms), VerificationState.EXPIRED
    blank = dict.fromkeys(("customer", "source"), "")
    blank |= {"id": new_watch_id(now_ms), "account": DEFAULT_ACCOUNT}
    mended = {**blank, "added": now, "opened": now, **kept, "state": expired.value}
    watch = parse_verification({**mended, "why": UNREADABLE, "by": ""}, guesses)
    event = verification_event(watch, expired, now_ms=now_ms).encode()
    lost = dict.fromkeys(record.keys() - kept.keys(), "")
    return Turn(expired, event=event, changes={**lost, **mended, "why": UNREADABLE})


def _is_number(text: str) -> bool:
    is_short = len(text) <= len(str(LAST_MOMENT_MS))
    return is_short and text.isdecimal() and int(text) <= LAST_MOMENT_MS


_LAST_STATUS = {VerificationState.VERIFIED: "verified", VerificationState.DELETED: None}
"""What is known of an account's status by how its watch has ended."""
