"""Writing parameters the way Stripe reads them: form fields with brackets.

``{"metadata": {"a": "b"}, "expand": ["customer"]}`` becomes
``metadata[a]=b&expand[]=customer``. The order is the order given: the encoded body is
stored once and every try of every version of this software sends those same bytes,
because Stripe compares a repeated Idempotency-Key's parameters with the first ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote


def encode_form(params: Mapping[str, Any]) -> str:
    """Encode parameters as `application/x-www-form-urlencoded`."""
    return "&".join(
        f"{_escape(name)}={_escape(value)}"
        for key, given in params.items()
        for name, value in _fields(key, given)
    )


def _fields(name: str, value: object) -> Iterator[tuple[str, str]]:
    """Flatten one parameter into the fields that carry it."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _fields(f"{name}[{key}]", item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _fields(f"{name}[]", item)
    elif isinstance(value, bool):
        yield name, "true" if value else "false"
    else:
        yield name, str(value)


def _escape(text: str) -> str:
    """Percent-encode, but leave brackets as a person would write them."""
    return quote(text, safe="[]")


def path_segment(text: str) -> str:
    """Percent-encode an id so that it can only ever be one segment of a path."""
    return quote(text, safe="")
