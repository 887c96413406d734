"""Where a value may stand in a command: names of fields as people write them. Pure.

`metadata.order_id`, `metadata[order_id]`, `owner.address.city`, `amounts`, `amounts.0`:
each becomes a path, and how a text in that place is read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from msgspec import inspect, structs

from customer_sources.contract.operations import OPERATIONS
from customer_sources.contract.texts import can_be_named

ADDRESS = ("operation", "customer", "id")
SWITCHES = (
    *("livemode", "missing_ok", "all_pages", "marker", "ordered"),
    *("use_reserve", "watch"),
)
OPTIONS = ("reference", *SWITCHES)
"""What a row may say of itself beside its parameters."""
_OF_THE_BATCH = "is said once, for the whole batch"
_A_BATCH_WAITS = "a batch waits as a whole: --not-before, when it is applied"
REFUSED = {
    "account": f"{_OF_THE_BATCH}: --account",
    "harmless": f"{_OF_THE_BATCH}: --harmless",
    "not_before": f"{_OF_THE_BATCH}, when it is applied: --not-before",
    "priority": "a row of a batch is always bulk",
    "idempotency_key": "a row's key is made of the batch and its number",
    "job_id": "a row's id is made of the batch and its number",
    "deadline": "a row of a batch has none; a batch can be paused and cancelled",
    "when": f"a row of a batch waits for nothing; {_A_BATCH_WAITS}",
    "added_at": f"a row of a batch waits for nothing; {_A_BATCH_WAITS}",
}
"""Options of a single command that no row has."""
BETWEEN = ";"
"""Stands between the items of a list in one cell."""
_WHOLE = re.compile(r"[+-]?[0-9]{1,19}")
_FLAGS = {"true": True, "false": False}
_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_BRACKETS = re.compile(r"\[([^\[\]]+)\]")

Convert = Callable[[str], Any]
Path = tuple[str | int, ...]


class Field(NamedTuple):
    """A place in a command."""

    path: Path
    """A number is a place in a list."""
    convert: Convert | None
    """Reads a text that stands there; None: it stays a text."""


def find_field(name: str, operation: str = "") -> Field | str:
    """Find the place that a name means.

    Args:
        name: as a person wrote it.
        operation: the one operation of the batch; "" where rows say theirs.

    Returns:
        The place, or in words why there is none.
    """
    matched = _NAME.match(name)
    root = matched[0] if matched else ""
    kind = _kinds(operation).get(root)
    if kind is None:
        return _unknown(root, operation)
    rest = name[len(root) :]
    parts = _parts(rest, as_key=isinstance(kind, inspect.DictType))
    if parts is None:
        return "expected a name like metadata.order_id or metadata[order_id]"
    return _descend((root,), parts, kind)


def read_whole(text: str) -> int | str:
    """Read a whole number; what is none is left to be refused where it stands."""
    return int(text) if _WHOLE.fullmatch(text) else text


def read_flag(text: str) -> bool | str:
    """Read `true` or `false`, however a spreadsheet writes them."""
    return _FLAGS.get(text.lower(), text)


def _kinds(operation: str) -> Mapping[str, inspect.Type]:
    """Give the types of all that may be named at the top."""
    kinds: dict[str, inspect.Type] = {}
    for one in OPERATIONS.values():
        if operation in {"", one.name}:
            for field in structs.fields(one.params):
                kinds.setdefault(field.name, inspect.type_info(field.type))
    kinds = {name: _without_none(kind) for name, kind in kinds.items()}
    kinds |= dict.fromkeys((*ADDRESS, "reference", *REFUSED), inspect.StrType())
    return kinds | dict.fromkeys(SWITCHES, inspect.BoolType())


def _without_none(kind: inspect.Type) -> inspect.Type:
    """Take the one way to give a field in CSV, where an empty cell is none."""
    if not isinstance(kind, inspect.UnionType):
        return kind
    return next(one for one in kind.types if not isinstance(one, inspect.NoneType))


def _parts(rest: str, *, as_key: bool) -> list[str] | None:
    """Take apart what follows the first name; None: it cannot be."""
    if as_key and rest.startswith("."):
        return [rest[1:]] if len(rest) > 1 else None
    parts = []
    while rest:
        matched = _BRACKETS.match(rest) or re.match(r"\.([^.\[\]]+)", rest)
        if matched is None:
            return None
        parts.append(matched[1])
        rest = rest[matched.end() :]
    return parts


def _descend(path: Path, parts: list[str], kind: inspect.Type) -> Field | str:
    """Follow the parts of a name into its type."""
    for part in parts:
        step: str | int = part
        match kind:
            case inspect.StructType(fields=fields):
                known = {one.name: one.type for one in fields}
                if part not in known:
                    return f"{path[-1]} has: {', '.join(known)}"
                kind = _without_none(known[part])
            case inspect.DictType(value_type=inner):
                kind = inner
            case inspect.ListType(item_type=inner) if part.isascii() and part.isdigit():
                step, kind = int(part), inner
            case _:
                return f"{path[-1]} has nothing inside it"
        path = (*path, step)
    if isinstance(kind, inspect.StructType | inspect.DictType):
        return f"{path[-1]} has fields of its own; name one: {path[-1]}.NAME"
    return Field(path, _converter(kind))


def _converter(kind: inspect.Type) -> Convert | None:
    match kind:
        case inspect.IntType():
            return read_whole
        case inspect.BoolType():
            return read_flag
        case inspect.ListType(item_type=inspect.IntType()):
            return lambda text: [read_whole(one) for one in text.split(BETWEEN)]
        case inspect.ListType():
            return lambda text: text.split(BETWEEN)
        case _:
            return None


def _unknown(root: str, operation: str) -> str:
    known = ", ".join(_allowed(operation))
    named = f"{root} is" if can_be_named(root, as_one_word=True) else "is"
    of = f" of {operation}" if operation else ""
    return f"{named} no field{of}; known: {known}"


def _allowed(operation: str) -> Iterator[str]:
    return (name for name in _kinds(operation) if name not in REFUSED)
