"""Commands as plain data: one JSON object, the same in every way in. Pure.

``{"operation": "create", "customer": "cus_1", "source": "tok_visa"}``: the operation,
the ids, Stripe's parameters and our options side by side, by the names that the SDK's
methods use. Moments are texts, as `contract.moments` has them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from customer_sources import submission
from customer_sources.contract.commands import find_operation
from customer_sources.contract.errors import CommandInvalid, Problem
from customer_sources.contract.names import Keys
from customer_sources.contract.validation import ONLY_ON, only_on
from customer_sources.submission import NO_ENTRY, InboxEntry, Options, Submission

_ADDRESS = {"operation", "customer", "id"}
_OPTIONS = {field.name for field in msgspec.structs.fields(Options)}


def build(
    keys: Keys,
    fields: object,
    *,
    default_key: str | None = None,
    may_repeat: bool = False,
    ring: bool = True,
    entry: InboxEntry = NO_ENTRY,
) -> Submission:
    """Take a command apart, validate it, write the script's arguments.

    Args:
        keys: the names of the ledger.
        fields: one JSON object.
        default_key: the idempotency key where the command gives none.
        may_repeat: whether it may say `job_id`, which a Python error carried.
        ring: whether the script wakes workers up; False leaves it to the caller.
        entry: the inbox entry that the command came from.

    Raises:
        CommandInvalid: with every problem found, and for whatever is no command.
    """
    if not isinstance(fields, Mapping):
        raise CommandInvalid([Problem("command", "expected one JSON object")])
    given = {name: value for name, value in fields.items() if value is not None}
    ours = _OPTIONS if may_repeat else _OPTIONS - {"job_id"}
    options = {name: value for name, value in given.items() if name in ours}
    found = misplaced(given, options)
    options.setdefault("idempotency_key", default_key)
    return submission.build(
        keys,
        given.get("operation", ""),
        {n: v for n, v in given.items() if n not in _ADDRESS and n not in ours},
        Options(**options),
        customer=given.get("customer"),
        source_id=given.get("id", ""),
        ring=ring,
        entry=entry,
        found=found,
    )


def misplaced(given: Mapping[str, Any], options: dict[str, Any]) -> list[Problem]:
    """Take out what the operation does not have, even where it would change nothing.

    So what is accepted is what the printed schema describes.
    """
    operation = find_operation(given.get("operation"))
    if operation is None:
        return []
    problems = []
    if not operation.longest_id and given.get("id") == "":
        problems.append(Problem("id", f"{operation.name} takes no id"))
    for name, operations in ONLY_ON.items():
        if name in options and operation.name not in operations:
            del options[name]
            problems.append(only_on(name))
    return problems
