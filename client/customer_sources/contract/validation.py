"""What may be wrong with a command: every problem, each with its field. Pure.

No message ever quotes a value: it may be a card number, and it ends up in logs.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from customer_sources.contract.card_data import is_only_digits
from customer_sources.contract.errors import Problem
from customer_sources.contract.fitting import Fitter, Kind
from customer_sources.contract.names import (
    ACCOUNT_RULE,
    DEFAULT_ACCOUNT,
    MARKER,
    is_account_name,
)
from customer_sources.contract.operations import (
    MOST_METADATA,
    OPERATIONS,
    TOKENS,
    Operation,
)
from customer_sources.contract.texts import TOKEN_ADVICE, can_be_named, text_problems

_USUAL_ID = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_SEGMENT = re.compile(r"[^\s/?#\\\x00-\x1f\x7f]+\Z")
ONLY_ON = {
    "missing_ok": ("delete",),
    "all_pages": ("list",),
    "ordered": ("get", "list"),
    "marker": ("create",),
    "use_reserve": ("verify",),
    "when": ("verify",),
    "added_at": ("verify",),
    "watch": ("create",),
}
"""Switches by the operations on which they do something. Only a read may opt out of the
order: a delete that did could overtake the update before it."""
DEPOSITS_ARRIVED = "deposits_arrived"
"""What a verify may wait for: the banking day on which the two deposits are there."""
_USUALLY = {
    "missing_ok": False,
    "all_pages": False,
    "ordered": True,
    "marker": True,
    "use_reserve": False,
    "watch": False,
}
_PARAMS = {
    name: {
        field.name: Kind(msgspec.inspect.type_info(field.type))
        for field in msgspec.structs.fields(operation.params)
    }
    for name, operation in OPERATIONS.items()
}


class Checked(NamedTuple):
    """Parameters in plain types, which are good only where there is no problem."""

    params: dict[str, Any]
    problems: list[Problem]


def segment_problems(field: str, value: object, *, longest: int) -> list[Problem]:
    """Check an id that becomes a segment of the request's path."""
    if type(value) is str and len(value) <= longest and _USUAL_ID.fullmatch(value):
        return []  # a letter makes it no number, and the rest has no meaning in a path
    wrong = _wrong_with_id(value, longest)
    return [Problem(field, wrong)] if wrong else []


def _wrong_with_id(value: object, longest: int) -> str:
    if value is None or value == "":
        return "missing"
    if not isinstance(value, str):
        return f"expected a Stripe id, a text; got {type(value).__name__}"
    if len(value) > longest:
        return f"longer than {longest} characters"
    is_odd = bool(text_problems("", value))
    if is_odd and is_only_digits(value):
        return "looks like a card number; a Stripe id begins with its kind, cus_ say"
    if is_odd or value in {".", ".."} or not _SEGMENT.match(value):
        fix = "an id has no spaces, slashes, '?', '#' or control characters"
        return f"not a Stripe id: {fix}"
    return ""


def account_problems(account: object) -> list[Problem]:
    """Check an account's name; whether there is such an account, a worker knows."""
    if account is DEFAULT_ACCOUNT or is_account_name(account):
        return []
    expected = "expected the name by which the workers know the account"
    return [Problem("account", f"{expected}: {ACCOUNT_RULE}")]


def livemode_problems(livemode: object) -> list[Problem]:
    """Check a stated mode. None states none."""
    if livemode is None or isinstance(livemode, bool):
        return []
    expected = "expected true (real customers) or false (test mode)"
    return [Problem("livemode", expected)]


def reference_problems(reference: object) -> list[Problem]:
    """Check the producer's own reference."""
    longest = 255
    if not isinstance(reference, str) or len(reference) > longest:
        return [Problem("reference", f"expected a text of up to {longest} characters")]
    return text_problems("reference", reference)


def harmless_problems(harmless: object) -> list[Problem]:
    """Check the names of harmless fields. A lone text would be taken for a list."""
    if isinstance(harmless, (tuple, list, set, frozenset)) and (
        not harmless or all(isinstance(field, str) for field in harmless)
    ):
        return []
    return [Problem("harmless", "expected a list of field names")]


def switch_problems(operation_name: str, **switches: object) -> list[Problem]:
    """Refuse what is no switch, and one that is turned where it would do nothing."""
    problems = []
    for name, value in switches.items():
        if value is _USUALLY[name]:
            continue
        if not isinstance(value, bool):
            problems.append(Problem(name, "expected true or false"))
        elif operation_name not in ONLY_ON[name]:
            problems.append(only_on(name))
    return problems


PAIR = 2
"""Micro-deposits that Stripe sends."""


def amounts_problems(
    operation_name: str,
    params: Mapping[str, Any],
    found: Sequence[Problem],
    *,
    waits: bool = False,
) -> list[Problem]:
    """Refuse half of what a verify needs: an attempt may not be lost on a slip.

    Without any, Stripe says so, which costs none; but not to one that waits for days.

    Args:
        operation_name: of the command.
        params: as they were given.
        found: what is wrong with them already.
        waits: whether it is sent later.
    """
    if operation_name != "verify" or any(one.field[:7] == "amounts" for one in found):
        return []
    amounts = params.get("amounts")
    if len(amounts or ()) == PAIR or (amounts is None and not waits):
        return []
    return [Problem("amounts", "give both deposits in cents, such as 32 and 45")]


def watch_problems(params: Mapping[str, Any]) -> list[Problem]:
    """Refuse to follow up what can be no bank account."""
    source = params.get("source")
    of_none = isinstance(source, str) and source.startswith(("card_", "src_"))
    if of_none or not params.keys().isdisjoint(("card", "alipay_account")):
        return [Problem("watch", "only for a bank account; this creates none")]
    return []


def waiting_problems(
    operation_name: str, when: object, added_at: object
) -> list[Problem]:
    """Check what a verify waits for, and that it is known from when on.

    Args:
        operation_name: of the command.
        when: what is waited for; None is nothing.
        added_at: when the bank account was added; None was not said.
    """
    said = {"when": when, "added_at": added_at}
    misplaced = [
        only_on(name)
        for name, value in said.items()
        if value is not None and operation_name not in ONLY_ON[name]
    ]
    if misplaced:
        return misplaced
    if when is not None and when != DEPOSITS_ARRIVED:
        return [Problem("when", f"expected {DEPOSITS_ARRIVED}, or nothing")]
    if when is not None and added_at is None:
        fix = "say when the bank account was added, such as 2030-01-31T12:00:00Z"
        return [Problem("added_at", f"missing: {fix}")]
    if when is None and added_at is not None:
        return [Problem("added_at", f"only together with when={DEPOSITS_ARRIVED}")]
    return []


def only_on(name: str) -> Problem:
    """Say where a switch may be given."""
    return Problem(name, f"only on {' and '.join(ONLY_ON[name])}")


def check_params(
    operation: Operation, params: object, harmless: Collection[str] = ()
) -> Checked:
    """Check each parameter by itself, so that every problem is found at once.

    Args:
        operation: whose parameters they are.
        params: by name; those that are None are not given.
        harmless: fields whose values may look like card numbers and are none.
    """
    if not isinstance(params, (dict, Mapping)):  # an ABC alone answers slowly
        problem = Problem("params", "expected parameters by their names")
        return Checked({}, [problem])
    kinds = _PARAMS[operation.name]
    fitter = Fitter(harmless)
    clean = {}
    for name, value in params.items():
        if value is None:
            continue
        if name not in kinds:
            field = name if can_be_named(name, as_one_word=True) else "params"
            known = ", ".join(kinds)
            problem = Problem(field, f"unknown parameter; known: {known}")
            fitter.problems.append(problem)
        elif name in TOKENS and (isinstance(value, Mapping) or is_only_digits(value)):
            refusal = f"card or account data is refused; {TOKEN_ADVICE}"
            fitter.problems.append(Problem(name, refusal))
        else:
            clean[name] = fitter.fit(name, value, kinds[name])
    fitter.problems += _metadata_problems(clean.get("metadata"))
    return Checked(clean, fitter.problems)


def _metadata_problems(metadata: object) -> list[Problem]:
    if not isinstance(metadata, dict):
        return []
    if len(metadata) > MOST_METADATA:
        return [Problem("metadata", f"more than {MOST_METADATA} keys; one is ours")]
    if MARKER in metadata:
        return [Problem(f"metadata.{MARKER}", "is set by this software")]
    return []
