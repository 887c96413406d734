"""What may be wrong with a command: every problem, each with its field. Pure.

No message ever quotes a value: it may be a card number, and it ends up in logs.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import msgspec

from customer_sources.contract.card_data import (
    is_only_digits,
    looks_like_card_number,
    names_a_secret,
)
from customer_sources.contract.errors import Problem
from customer_sources.contract.names import MARKER
from customer_sources.contract.operations import (
    CARRIES_CARD_DATA,
    MOST_METADATA,
    Operation,
    Params,
    given,
)

_SEGMENT = re.compile(r"[^\s/?#\\\x00-\x1f\x7f]+\Z")
_PASS_A_TOKEN = "pass a token (tok_..., btok_... or src_...)"  # noqa: S105  advice


def segment_problems(field: str, value: object, *, longest: int) -> list[Problem]:
    """Check an id that becomes a segment of the request's path."""
    if not isinstance(value, str):
        kind = type(value).__name__
        return [Problem(field, f"expected a Stripe id as str, got {kind}")]
    if not value:
        return [Problem(field, "must not be empty")]
    if len(value) > longest:
        return [Problem(field, f"longer than {longest} characters")]
    if value in {".", ".."} or not _SEGMENT.match(value) or text_problems("", value):
        fix = "an id has no spaces, slashes, '?', '#' or control characters"
        return [Problem(field, f"not a Stripe id: {fix}")]
    return []


def reference_problems(reference: object) -> list[Problem]:
    """Check the producer's own reference."""
    longest = 255
    if not isinstance(reference, str) or len(reference) > longest:
        return [Problem("reference", f"expected a str of up to {longest} characters")]
    return text_problems("reference", reference)


def text_problems(
    field: str, text: str, harmless: Collection[str] = ()
) -> list[Problem]:
    """Refuse what must not be stored, or could not be. Never quotes the text."""
    if not is_unicode(text):
        return [Problem(field, "not valid Unicode: it has half a character in it")]
    if field in harmless:
        return []
    if names_a_secret(field, text):
        advice = f"declare harmless=[{field!r}] if it is none"
        return [Problem(field, f"named like a CVC or an account number; {advice}")]
    if looks_like_card_number(text):
        advice = f"{_PASS_A_TOKEN}, or declare harmless=[{field!r}] if it is none"
        return [Problem(field, f"looks like a card number; {advice}")]
    return []


def is_unicode(text: str) -> bool:
    """Whether a text can be written down: no lone half of a character in it."""
    return text.isprintable() or not any("\ud800" <= c <= "\udfff" for c in text)


def param_problems(
    operation: Operation, params: Mapping[str, Any], harmless: Collection[str] = ()
) -> list[Problem]:
    """Check each parameter by itself, so that every problem is found at once.

    Args:
        operation: whose parameters they are.
        params: those that were given.
        harmless: fields whose values may look like card numbers and are none.
    """
    fields = {f.name: f.type for f in msgspec.structs.fields(operation.params)}
    problems = []
    for name, value in params.items():
        if name not in fields:
            known = ", ".join(fields)
            problems.append(Problem(name, f"unknown parameter; known: {known}"))
        elif name in CARRIES_CARD_DATA and (
            isinstance(value, Mapping) or is_only_digits(value)
        ):
            refusal = f"card or account data is refused; {_PASS_A_TOKEN}"
            problems.append(Problem(name, refusal))
        else:
            problems += _value_problems(name, value, fields[name], harmless)
    return problems


def _value_problems(
    name: str, value: object, expected: Any, harmless: Collection[str]
) -> list[Problem]:
    """Check one value: its declared type and limits, then every text in it."""
    try:
        clean = msgspec.convert(value, expected)
    except msgspec.ValidationError as error:
        return [_misfit(name, str(error))]
    if name == "metadata" and isinstance(clean, Mapping):
        if len(clean) > MOST_METADATA:
            return [Problem(name, f"more than {MOST_METADATA} keys; one is ours")]
        if MARKER in clean:
            return [Problem(f"{name}.{MARKER}", "is set by this software")]
    return [
        problem
        for field, text in _texts(name, clean)
        for problem in text_problems(field, text, harmless)
    ]


def _misfit(name: str, complaint: str) -> Problem:
    """Put msgspec's words, "Expected ... - at `$[0]`", into ours."""
    message, _, path = complaint.partition(" - at `")
    where = path.rstrip("`").removeprefix("$").replace("[...]", "")
    if where.startswith("key"):
        where, message = "", f"{message} in a key"
    return Problem(name + where, message[:1].lower() + message[1:].replace("`", ""))


def _texts(name: str, value: object) -> Iterator[tuple[str, str]]:
    """Name every text in a value that has the declared type."""
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield name, key
            # A key that must not be stored must not be quoted either.
            field = name if text_problems(name, key) else f"{name}.{key}"
            yield from _texts(field, item)
    elif isinstance(value, list | tuple):
        for position, item in enumerate(value):
            yield from _texts(f"{name}[{position}]", item)
    elif isinstance(value, Params):
        for key, item in given(value).items():
            yield from _texts(f"{name}.{key}", item)
