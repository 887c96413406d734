"""Commands: what a producer asks, validated and made ready to send.

`prepare` turns what a caller gave into a `Command` whose path and body are final.
Everything after it, in this process and in every worker, only copies bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from customer_sources.contract import encoding
from customer_sources.contract.errors import CommandInvalid, Problem
from customer_sources.contract.names import (
    DEFAULT_ACCOUNT,
    MARKER,
    SCHEMA_VERSION,
)
from customer_sources.contract.operations import OPERATIONS, Operation, given
from customer_sources.contract.validation import (
    param_problems,
    reference_problems,
    segment_problems,
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
    reference: str = ""
    """The producer's own reference; comes back as the event's `causationid`."""
    missing_ok: bool = False
    """On delete: a source that is not there is as good as deleted."""
    all_pages: bool = False
    """On list: follow the pages to the end, up to a bound."""
    version: int = SCHEMA_VERSION


class Switches(msgspec.Struct, frozen=True, kw_only=True):
    """What is said of a job and not sent to Stripe."""

    reference: str = ""
    missing_ok: bool = False
    all_pages: bool = False
    harmless: Collection[str] = ()
    """Fields whose values may look like card numbers and are none."""


NO_SWITCHES = Switches()
LONGEST_PAGE = 100
"""Stripe's; the fewest requests for a whole list."""


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

    Raises:
        CommandInvalid: with every problem found, each with its field.
    """
    operation = OPERATIONS.get(operation_name)
    if operation is None:
        known = ", ".join(OPERATIONS)
        raise CommandInvalid([Problem("operation", f"unknown; one of: {known}")])
    wanted = {name: value for name, value in params.items() if value is not None}
    problems = [
        *segment_problems("customer", customer, longest=5000),
        *_id_problems(operation, source_id),
        *param_problems(operation, wanted, switches.harmless),
        *reference_problems(switches.reference),
        *_switch_problems(operation, wanted, switches),
    ]
    if problems:
        raise CommandInvalid(problems)
    clean = given(msgspec.convert(wanted, operation.params))
    if switches.all_pages:
        clean.setdefault("limit", LONGEST_PAGE)
    path, body = _encode(operation, str(customer), str(source_id), clean, job_id)
    command = Command(
        operation=operation.name,
        account=account,
        customer=str(customer),
        id=str(source_id),
        path=path,
        body=body,
        reference=switches.reference,
        missing_ok=switches.missing_ok,
        all_pages=switches.all_pages,
    )
    return Prepared(
        job_id=job_id,
        command=command,
        operation=operation,
        fingerprint=_fingerprint(command, clean),
    )


def _encode(
    operation: Operation, customer: str, source_id: str, params: Any, job_id: str
) -> tuple[str, str]:
    """Write the path and the body that every try will send."""
    path = f"/v1/customers/{encoding.path_segment(customer)}/sources"
    if source_id:
        path += f"/{encoding.path_segment(source_id)}{operation.suffix}"
    if operation.name == "create":
        params = {**params, "metadata": {**params.get("metadata", {}), MARKER: job_id}}
    form = encoding.encode_form(params)
    if operation.params_in_query:
        return (f"{path}?{form}" if form else path), ""
    return path, form


def _fingerprint(command: Command, params: Any) -> str:
    """Hash what was asked. Not how it is encoded: that may change with a version."""
    asked = [
        command.operation,
        command.account,
        command.customer,
        command.id,
        params,
    ]
    asked += [name for name in ("missing_ok", "all_pages") if getattr(command, name)]
    canonical = msgspec.json.encode(asked, order="deterministic")
    return hashlib.blake2b(canonical, digest_size=16).hexdigest()


def _id_problems(operation: Operation, source_id: object) -> list[Problem]:
    if operation.longest_id:
        return segment_problems("id", source_id, longest=operation.longest_id)
    if source_id == "":
        return []
    return [Problem("id", f"{operation.name} takes no id")]


def _switch_problems(
    operation: Operation, params: Mapping[str, Any], switches: Switches
) -> list[Problem]:
    """Refuse a switch where it would do nothing, or would undo a parameter."""
    problems = [
        Problem(name, f"expected a bool on {only}, got it on {operation.name}")
        for name, only in (("missing_ok", "delete"), ("all_pages", "list"))
        if (value := getattr(switches, name)) is not False
        and (operation.name != only or value is not True)
    ]
    if operation.name == "list" and {"starting_after", "ending_before"} <= set(params):
        problems.append(Problem("ending_before", "not together with starting_after"))
    if switches.all_pages and params.keys() & {"starting_after", "ending_before"}:
        problems.append(Problem("all_pages", "starts at the first page; no cursor"))
    return problems
