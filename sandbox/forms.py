"""Decode `application/x-www-form-urlencoded` the way Stripe reads it.

`a[b]=1` is a hash. An array is sent as `a[]=1&a[]=2` by the documentation and by curl,
and as `a[0]=1&a[1]=2` by the official SDKs; both decode to the same hash, whose keys
are the positions.
"""

from typing import TypeAlias
from urllib.parse import parse_qsl

from sandbox import errors

Form: TypeAlias = "dict[str, str | Form]"


def decode(*encoded: str) -> Form:
    """Return the parameters of a request, from its query and its body alike.

    Raises:
        RefusedError: one name is used both for a value and for a hash.
    """
    form: Form = {}
    for part in encoded:
        for name, value in parse_qsl(part, keep_blank_values=True):
            _put(form, name, value)
    return form


def _put(form: Form, name: str, value: str) -> None:
    *parents, last = _keys(name)
    node = form
    for key in parents:
        child = node.setdefault(key or str(len(node)), {})
        if isinstance(child, str):
            raise errors.invalid_param(parents[0], "Invalid hash")
        node = child
    last = last or str(len(node))
    if isinstance(node.get(last), dict):
        raise errors.invalid_param(name, f"Invalid string: {last}")
    node[last] = value


def _keys(name: str) -> list[str]:
    """Split `a[b][]` into `a`, `b` and the empty key that stands for "next"."""
    head, bracket, rest = name.partition("[")
    if head and bracket and rest.endswith("]"):
        return [head, *rest[:-1].split("][")]
    return [name]
