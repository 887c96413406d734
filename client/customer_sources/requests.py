"""Commands as plain data: one JSON object, the same in every way in. Pure.

``{"operation": "create", "customer": "cus_1", "source": "tok_visa"}``: the operation,
the ids, Stripe's parameters and our options side by side, by the names that the SDK's
methods use. Moments are RFC 3339 text with an offset.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from customer_sources.contract.errors import CommandInvalid, Problem
from customer_sources.submission import Options

_ADDRESS = ("operation", "customer", "id")
_OPTIONS = {field.name for field in msgspec.structs.fields(Options)} - {"job_id"}
_KINDS = {"reference": str, "idempotency_key": str, "priority": str, "ordered": bool}
_WORDS = {
    "reference": "a text",
    "idempotency_key": "a text",
    "priority": "interactive or bulk",
    "harmless": "a list of field names",
    "ordered": "true or false",
}


class Request(NamedTuple):
    """A command taken apart, not yet checked."""

    operation: str
    customer: object
    source_id: object
    params: dict[str, Any]
    options: Options


def parse(fields: object, *, default_key: str | None = None) -> Request:
    """Take a command apart into what `submission.build` wants.

    Args:
        fields: one JSON object.
        default_key: the idempotency key where the command gives none.

    Raises:
        CommandInvalid: it is no object, or an option is not of its kind. What is
            wrong with the rest, `build` will say.
    """
    if not isinstance(fields, Mapping):
        raise CommandInvalid([Problem("command", "expected one JSON object")])
    operation = fields.get("operation")
    if not isinstance(operation, str):
        raise CommandInvalid([Problem("operation", "missing, or not a text")])
    given = {name: value for name, value in fields.items() if value is not None}
    options = {name: given[name] for name in given if name in _OPTIONS}
    problems = [
        Problem(name, f"expected {_WORDS.get(name, 'another type')}")
        for name, value in options.items()
        if not _fits(name, value)
    ]
    for name in ("not_before", "deadline"):
        if isinstance(options.get(name), str):
            options[name] = _moment(name, options[name], problems)
    if problems:
        raise CommandInvalid(problems)
    options.setdefault("idempotency_key", default_key)
    return Request(
        operation=operation,
        customer=given.get("customer"),
        source_id=given.get("id", ""),
        params={n: v for n, v in given.items() if n not in {*_ADDRESS, *_OPTIONS}},
        options=Options(**options),
    )


def _fits(name: str, value: object) -> bool:
    if name == "harmless":
        return isinstance(value, list | tuple) and all(
            isinstance(field, str) for field in value
        )
    return isinstance(value, _KINDS.get(name, object))


def _moment(name: str, text: str, problems: list[Problem]) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        advice = "expected a time like 2030-01-31T12:00:00Z"
        problems.append(Problem(name, advice))
        return None
