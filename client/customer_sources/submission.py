"""From a call's arguments to the arguments of submit.lua. Pure.

The sync and the async client differ only in who carries these bytes to the store.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from customer_sources.contract.commands import Prepared, Switches, prepare
from customer_sources.contract.envelope import envelope
from customer_sources.contract.errors import JobConflict, Problem
from customer_sources.contract.events import LAST_MOMENT_MS
from customer_sources.contract.ids import is_job_id, job_id_for_key, new_job_id
from customer_sources.contract.names import (
    DEFAULT_ACCOUNT,
    SCHEMA_VERSION,
    Class,
    Keys,
    is_account_name,
    lane_name,
)
from customer_sources.contract.states import State
from customer_sources.contract.texts import is_unicode
from customer_sources.contract.validation import account_problems, switch_problems

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

When = datetime | timedelta
"""A moment with a time zone, or how long from now."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What may be said with every command, whatever its operation."""

    idempotency_key: str | None = None
    job_id: str | None = None
    account: str = DEFAULT_ACCOUNT
    livemode: bool | None = None
    not_before: When | None = None
    deadline: When | None = None
    reference: str = ""
    harmless: Collection[str] = ()
    missing_ok: bool = False
    all_pages: bool = False
    marker: bool = True
    ordered: bool = True
    priority: str = Class.INTERACTIVE

    @property
    def is_repeatable(self) -> bool:
        """Whether the producer may ask again, so that the end is to be remembered."""
        return self.idempotency_key is not None or self.job_id is not None

    @property
    def switches(self) -> Switches:
        """What of this becomes part of the command."""
        return Switches(
            reference=self.reference,
            livemode=self.livemode,
            missing_ok=self.missing_ok,
            all_pages=self.all_pages,
            marker=self.marker,
            harmless=self.harmless,
        )


class Submission(NamedTuple):
    """One job about to be submitted."""

    job_id: str
    arguments: list[str | int]
    job_class: Class = Class.INTERACTIVE


class InboxEntry(NamedTuple):
    """Where a command was read that goes when it has become a job."""

    stream: str
    group: str
    entry: str


NO_ENTRY = InboxEntry("", "", "")


class Accepted(NamedTuple):
    """What the ledger answered."""

    state: State
    last_upkeep_ms: int
    """When a worker last did upkeep on this ledger; 0: no worker ever served it."""
    ring: bool
    """Whether the caller is to wake workers up for it."""


def build(
    keys: Keys,
    operation: str,
    params: Mapping[str, Any],
    options: Options,
    *,
    customer: object,
    source_id: object = "",
    ring: bool = True,
    entry: InboxEntry = NO_ENTRY,
    found: Sequence[Problem] = (),
) -> Submission:
    """Validate a command and its options; write the script's arguments.

    Args:
        keys: the names of the ledger.
        operation: its name.
        params: parameters by Stripe's names.
        options: what is said of the job.
        customer: the customer's id.
        source_id: the source's id, for operations that have one.
        ring: whether the script wakes workers up; False leaves it to the caller.
        entry: the inbox entry that the command came from.
        found: what the caller has found wrong already, told with the rest.

    Raises:
        CommandInvalid: with every problem of the command and of its options.
    """
    now_ms = time.time_ns() // 1_000_000
    found = [*found, *_option_problems(options, operation, now_ms)]
    is_sound = not (found or account_problems(options.account))
    prepared = prepare(
        operation,
        params,
        job_id=_job_id(options, now_ms) if is_sound else "",
        customer=customer,
        source_id=source_id,
        account=options.account,
        switches=options.switches,
        found=found,
    )
    not_before = _moment_ms(options.not_before, now_ms)
    job_class = Class.SCHEDULED if not_before > now_ms else Class(options.priority)
    queue = job_class.queue
    arguments = [
        *_record_arguments(keys, prepared, options, job_class),
        _moment_argument(options.not_before, now_ms),
        _moment_argument(options.deadline, now_ms),
        SCHEMA_VERSION,
        1 if options.is_repeatable else 0,
        msgspec.json.encode(prepared.command).decode(),
        keys.queue(queue),
        envelope(queue, [prepared.job_id]) if ring else "",
        *entry,
        prepared.command.account,
    ]
    return Submission(prepared.job_id, arguments, job_class)


def accepted(submission: Submission, reply: list[Any]) -> Accepted:
    """Read submit.lua's answer.

    Raises:
        JobConflict: the id is taken by another command.
    """
    word, state, pulse, ring = reply
    if word == "CONFLICT":
        raise JobConflict(submission.job_id)
    return Accepted(State(state), int(pulse), ring=bool(int(ring)))


def _record_arguments(
    keys: Keys, prepared: Prepared, options: Options, job_class: Class
) -> list[str | int]:
    """Write the arguments up to the lane, in the order of the script's header."""
    command = prepared.command
    lane = lane_name(command.account, command.customer) if options.ordered else ""
    return [
        keys.prefix,
        prepared.job_id,
        prepared.fingerprint,
        command.operation,
        prepared.operation.effect,
        job_class,
        lane,
    ]


def _job_id(options: Options, now_ms: int) -> str:
    if options.job_id is not None:
        return options.job_id
    if options.idempotency_key is not None:
        return job_id_for_key(options.account, options.idempotency_key)
    return new_job_id(now_ms)


def _moment_ms(when: When | None, now_ms: int) -> int:
    """Write a moment as milliseconds since the epoch; 0 is kept for none."""
    if when is None:
        return 0
    if isinstance(when, timedelta):
        return max(1, now_ms + when // _MILLISECOND)
    return max(1, (when - _EPOCH) // _MILLISECOND)


def _moment_argument(when: When | None, now_ms: int) -> int | str:
    """Write a moment for the script; a span counts from now by the store's clock."""
    if isinstance(when, timedelta):
        return f"{when // _MILLISECOND:+d}"
    return _moment_ms(when, now_ms)


def _option_problems(options: Options, operation: str, now_ms: int) -> list[Problem]:
    moments = [
        *_moment_problems("not_before", options.not_before, now_ms),
        *_moment_problems("deadline", options.deadline, now_ms),
    ]
    return [
        *_key_problems(options),
        *(moments or _order_problems(options, now_ms)),
        *_priority_problems(options),
        *switch_problems(operation, ordered=options.ordered),
    ]


def _key_problems(options: Options) -> list[Problem]:
    key, longest = options.idempotency_key, 255
    if key is not None:
        if not isinstance(key, str) or not 0 < len(key) <= longest:
            expected = f"expected a text of 1 to {longest} characters"
            return [Problem("idempotency_key", expected)]
        if not is_unicode(key):  # it is hashed, never stored: nothing else matters
            return [Problem("idempotency_key", "not valid Unicode")]
    return [] if options.job_id is None else _job_id_problems(options.job_id, options)


def _job_id_problems(job_id: object, options: Options) -> list[Problem]:
    """Check an id; a key beside it has to be the one that it was made of."""
    key, account = options.idempotency_key, options.account
    if not isinstance(job_id, str) or not is_job_id(job_id):
        return [Problem("job_id", "not a job id; use the one an error carried")]
    if key is None or not is_account_name(account):
        return []
    if job_id != job_id_for_key(account, key):
        wrong = "not the job of this idempotency_key on this account; give one"
        return [Problem("job_id", wrong)]
    return []


def _priority_problems(options: Options) -> list[Problem]:
    if options.priority in (Class.INTERACTIVE, Class.BULK):
        return []
    return [Problem("priority", "expected interactive or bulk")]


def _order_problems(options: Options, now_ms: int) -> list[Problem]:
    """A deadline before the first moment at which anything may be sent is a slip."""
    start = _moment_ms(options.not_before, now_ms)
    if options.deadline is None or start <= now_ms:
        return []
    if _moment_ms(options.deadline, now_ms) > start:
        return []
    return [Problem("deadline", "is not after not_before: nothing could be sent")]


def _moment_problems(field: str, when: object, now_ms: int) -> list[Problem]:
    if when is None:
        return []
    if not isinstance(when, datetime | timedelta):
        return [Problem(field, "expected a datetime with a time zone or a timedelta")]
    if isinstance(when, datetime) and when.utcoffset() is None:
        return [Problem(field, "has no time zone; use datetime.now(UTC), for example")]
    if _moment_ms(when, now_ms) > LAST_MOMENT_MS:
        return [Problem(field, "is past the year 9999")]
    return []
