"""Commands: what a producer asks, validated and made ready to send.

`prepare` turns what a caller gave into a `Command` whose path and body are final.
Everything after it, in this process and in every worker, only copies bytes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from customer_sources.contract import encoding
from customer_sources.contract.errors import CommandInvalid, Problem
from customer_sources.contract.fingerprint import fingerprint
from customer_sources.contract.names import (
    DEFAULT_ACCOUNT,
    FIRST_VERSION,
    MARKER,
    SCHEMA_VERSION,
)
from customer_sources.contract.operations import OPERATIONS, Operation, given
from customer_sources.contract.validation import (
    account_problems,
    amounts_problems,
    check_params,
    harmless_problems,
    livemode_problems,
    reference_problems,
    segment_problems,
    switch_problems,
    watch_problems,
)


class Command(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is stored: enough to send the same bytes again in a year.

    Unknown fields are ignored when read, so that a worker can run commands of a
    later minor version; what it cannot run has a higher `version`.
    """

    operation: str
    customer: str
    path: str
    id: str = ""
    body: str = ""
    account: str = DEFAULT_ACCOUNT
    livemode: bool | None = None
    """Whether it is for real customers; None: the producer did not say. A worker whose
    key has the other mode refuses it."""
    reference: str = ""
    """The producer's own reference; comes back as the event's `causationid`."""
    missing_ok: bool = False
    """On delete: a source that is not there is as good as deleted."""
    all_pages: bool = False
    """On list: follow the pages to the end, up to a bound."""
    marker: bool = True
    """On create: whether the body carries this job's mark as metadata."""
    use_reserve: bool = False
    """On verify: the attempt that is kept for a person may be used."""
    when: str = ""
    """On verify: what is waited for before anything is sent, `DEPOSITS_ARRIVED`; ""
    is nothing."""
    added_at: int = 0
    """When the bank account was added, in ms since the epoch: what that is counted
    from. 0 where nothing is waited for."""
    watch: bool = False
    """On create: a bank account that comes of it unverified is followed up."""
    version: int = SCHEMA_VERSION


class Switches(msgspec.Struct, frozen=True, kw_only=True):
    """What is said of a job and not sent to Stripe."""

    reference: str = ""
    livemode: bool | None = None
    missing_ok: bool = False
    all_pages: bool = False
    marker: bool = True
    use_reserve: bool = False
    when: str = ""
    added_at: int = 0
    watch: bool = False
    harmless: Collection[str] = ()
    """Fields whose values may look like card numbers and are none."""


NO_SWITCHES = Switches()
MODE_MISMATCH = "livemode_mismatch"
"""The code of a job that was meant for real customers and met a test key, or the other
way round. Nothing was sent."""
LONGEST_PAGE = 100
"""Stripe's. A whole list is read in such pages whatever `limit` says: the fewest
requests, and the bound on its length does not depend on the size of a page."""


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """A command ready to be submitted, and what recognises it."""

    job_id: str
    command: Command
    operation: Operation
    fingerprint: str
    """128 bits over what was asked; tells `SAME` from `CONFLICT`."""


def prepare(
    operation_name: str,
    params: Mapping[str, Any],
    *,
    job_id: str,
    customer: object,
    source_id: object = "",
    account: str = DEFAULT_ACCOUNT,
    switches: Switches = NO_SWITCHES,
    found: Sequence[Problem] = (),
) -> Prepared:
    """Validate a command and encode it.

    Args:
        operation_name: a name of `OPERATIONS`.
        params: parameters by Stripe's names; those that are None are not given.
        job_id: the job's id, which also is Stripe's Idempotency-Key.
        customer: the customer's id.
        source_id: the source's id, for operations that have one.
        account: the name of the account whose key is to be used.
        switches: what is said of the job and not sent to Stripe.
        found: what the caller has found wrong already, told with the rest.

    Raises:
        CommandInvalid: with every problem found, each with its field.
    """
    operation = find_operation(operation_name)
    of_customer = segment_problems("customer", customer, longest=5000)
    harmless = harmless_problems(switches.harmless)
    of_options = [*found, *_wrongly_said(account, switches), *harmless]
    if operation is None:
        raise CommandInvalid([_unknown(operation_name), *of_customer, *of_options])
    checked = check_params(operation, params, () if harmless else switches.harmless)
    problems = [
        *of_customer,
        *_id_problems(operation, source_id),
        *checked.problems,
        *of_options,
        *_turned(operation, checked.params, switches),
        *amounts_problems(
            operation.name,
            checked.params,
            [*found, *checked.problems],
            waits=bool(switches.when),
        ),
    ]
    if problems:
        raise CommandInvalid(problems)
    clean = given(msgspec.convert(checked.params, operation.params))
    if switches.all_pages:
        clean["limit"] = LONGEST_PAGE
    mark = job_id if operation.name == "create" and switches.marker else ""
    address = (str(customer), str(source_id))
    sent = _encode(operation, *address, clean, mark)
    command = _command(operation, account, address, sent, switches)
    return Prepared(
        job_id=job_id,
        command=command,
        operation=operation,
        fingerprint=fingerprint(command, clean),
    )


def _command(
    operation: Operation,
    account: str,
    address: tuple[str, str],
    sent: tuple[str, str],
    switches: Switches,
) -> Command:
    """Put a command together: whose it is, its path and body, what else was said."""
    customer, source_id = address
    path, body = sent
    return Command(
        operation=operation.name,
        account=account,
        customer=customer,
        id=source_id,
        path=path,
        body=body,
        livemode=switches.livemode,
        reference=switches.reference,
        missing_ok=switches.missing_ok,
        all_pages=switches.all_pages,
        marker=switches.marker,
        use_reserve=switches.use_reserve,
        when=switches.when,
        added_at=switches.added_at,
        watch=switches.watch,
        version=version_of(operation, switches),
    )


def version_of(operation: Operation, switches: Switches) -> int:
    """Say which version a worker has to know to run a command."""
    is_newer = operation.name == "verify" or switches.watch
    return SCHEMA_VERSION if is_newer else FIRST_VERSION


def _wrongly_said(account: object, switches: Switches) -> list[Problem]:
    """Check what may be said of any operation."""
    return [
        *account_problems(account),
        *livemode_problems(switches.livemode),
        *reference_problems(switches.reference),
    ]


def _unknown(name: object) -> Problem:
    said = "unknown" if isinstance(name, str) and name else "missing, or not a text"
    return Problem("operation", f"{said}; one of: {', '.join(OPERATIONS)}")


def find_operation(name: object) -> Operation | None:
    """Find an operation by whatever a producer gave as its name."""
    return OPERATIONS.get(name) if isinstance(name, str) else None


def mode_refusal(command: Command, *, is_live: bool) -> dict[str, str]:
    """Write the error of a command that is for the other mode; empty where it is not.

    Args:
        command: what was asked.
        is_live: whether the key of its account changes real customers.
    """
    if command.livemode in {None, is_live}:
        return {}
    stated, has = (
        ("true", "a test key") if command.livemode else ("false", "a live key")
    )
    message = (
        f"the command states livemode={stated}, and the account "
        f"{command.account} has {has}"
    )
    return {"code": MODE_MISMATCH, "message": message, "param": "livemode"}


def _encode(
    operation: Operation, customer: str, source_id: str, params: Any, mark: str
) -> tuple[str, str]:
    """Write the path and the body that every try will send."""
    path = f"/v1/customers/{encoding.path_segment(customer)}/sources"
    if source_id:
        path += f"/{encoding.path_segment(source_id)}{operation.suffix}"
    if mark:
        params = {**params, "metadata": {**params.get("metadata", {}), MARKER: mark}}
    form = encoding.encode_form(params)
    if operation.params_in_query:
        return (f"{path}?{form}" if form else path), ""
    return path, form


def _id_problems(operation: Operation, source_id: object) -> list[Problem]:
    if operation.longest_id:
        if isinstance(source_id, str) and source_id.startswith(operation.not_for or ()):
            return [Problem("id", f"{operation.name} is for bank accounts, ba_...")]
        return segment_problems("id", source_id, longest=operation.longest_id)
    if source_id == "":
        return []
    return [Problem("id", f"{operation.name} takes no id")]


def _turned(
    operation: Operation, params: Mapping[str, Any], switches: Switches
) -> list[Problem]:
    """Refuse a switch where it would do nothing, or would undo a parameter."""
    problems = switch_problems(
        operation.name,
        missing_ok=switches.missing_ok,
        all_pages=switches.all_pages,
        marker=switches.marker,
        use_reserve=switches.use_reserve,
        watch=switches.watch,
    )
    if switches.watch is True:
        problems += watch_problems(params)
    if operation.name == "list" and {"starting_after", "ending_before"} <= set(params):
        problems.append(Problem("ending_before", "not together with starting_after"))
    if switches.all_pages is True and params.keys() & {
        "starting_after",
        "ending_before",
    }:
        problems.append(Problem("all_pages", "starts at the first page; no cursor"))
    return problems
