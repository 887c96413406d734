"""From a call's arguments to the arguments of submit.lua. Pure.

The sync and the async client differ only in who carries these bytes to the store.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from customer_sources.contract.commands import Prepared, Switches, prepare
from customer_sources.contract.envelope import envelope
from customer_sources.contract.errors import JobConflict, Problem
from customer_sources.contract.ids import is_job_id, job_id_for_key, new_job_id
from customer_sources.contract.moments import Moment, When
from customer_sources.contract.names import (
    DEFAULT_ACCOUNT,
    Class,
    Keys,
    is_account_name,
    lane_name,
)
from customer_sources.contract.states import State
from customer_sources.contract.texts import is_unicode
from customer_sources.contract.validation import account_problems, switch_problems
from customer_sources.timing import Times, moment_argument, moment_ms, read_times


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
    use_reserve: bool = False
    when: str | None = None
    added_at: Moment | None = None
    watch: bool = False
    ordered: bool = True
    priority: str = Class.INTERACTIVE

    @property
    def is_repeatable(self) -> bool:
        """Whether the producer may ask again, so that the end is to be remembered."""
        return self.idempotency_key is not None or self.job_id is not None

    def switches(self, times: Times) -> Switches:
        """Say what of this becomes part of the command.

        Args:
            times: those said here, read.
        """
        added = times.added_at if self.when else None
        return Switches(
            reference=self.reference,
            livemode=self.livemode,
            missing_ok=self.missing_ok,
            all_pages=self.all_pages,
            marker=self.marker,
            use_reserve=self.use_reserve,
            when=self.when or "",
            added_at=moment_ms(added, 0),
            watch=self.watch,
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
    times, mistimed = read_times(
        operation,
        not_before=options.not_before,
        deadline=options.deadline,
        when=options.when,
        added_at=options.added_at,
        now_ms=now_ms,
    )
    found = [*found, *_option_problems(options, operation, mistimed)]
    is_sound = not (found or account_problems(options.account))
    prepared = prepare(
        operation,
        params,
        job_id=_job_id(options, now_ms) if is_sound else "",
        customer=customer,
        source_id=source_id,
        account=options.account,
        switches=options.switches(times),
        found=found,
    )
    not_before = moment_ms(times.not_before, now_ms)
    job_class = Class.SCHEDULED if not_before > now_ms else Class(options.priority)
    queue = job_class.queue
    arguments = [
        *_record_arguments(keys, prepared, options, job_class),
        moment_argument(times.not_before, now_ms),
        moment_argument(times.deadline, now_ms),
        prepared.command.version,
        1 if options.is_repeatable else 0,
        msgspec.json.encode(prepared.command).decode(),
        keys.queue(queue),
        envelope(queue, [prepared.job_id]) if ring else "",
        *entry,
        prepared.command.account,
        1 if prepared.command.when else 0,
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


def _option_problems(
    options: Options, operation: str, mistimed: Sequence[Problem]
) -> list[Problem]:
    return [
        *_key_problems(options),
        *mistimed,
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
