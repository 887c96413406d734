"""Check the parameters of a request; what fails here was never executed."""

import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import TypeAlias

from sandbox import errors
from sandbox.forms import Form

Metadata: TypeAlias = dict[str, str]

INTEGER = re.compile(r"-?[0-9]{1,18}")
POSITION = re.compile(r"[0-9]{1,18}")
MAX_METADATA_KEYS = 50
MAX_METADATA_KEY = 40
MAX_METADATA_VALUE = 500


def known(form: Form, names: AbstractSet[str], prefix: str = "") -> None:
    """Refuse what is not among `names`; `prefix` is the hash that `form` stands in."""
    unknown = [within(prefix, name) for name in form if name not in names]
    if unknown:
        raise errors.unknown_params(unknown)


def within(prefix: str, name: str) -> str:
    """Return the name as it was sent: `number` in `card` is `card[number]`."""
    return f"{prefix}[{name}]" if prefix else name


def text(form: Form, name: str, prefix: str = "") -> str | None:
    """Return a string parameter, None where it was not sent; empty is refused."""
    value = form.get(name)
    if value == "":
        raise errors.empty_param(within(prefix, name))
    if isinstance(value, dict):
        raise errors.invalid_param(within(prefix, name), "Invalid string")
    return value


def required(form: Form, name: str, prefix: str = "") -> str:
    """Return a string parameter that must be there."""
    value = text(form, name, prefix)
    if value is None:
        raise errors.missing_param(within(prefix, name))
    return value


def one_of(form: Form, names: Sequence[str]) -> str:
    """Return which of `names` was sent: exactly one must be."""
    sent = [name for name in names if name in form]
    if not sent:
        raise errors.missing_param(names[0])
    if len(sent) > 1:
        raise errors.exclusive_params(sent)
    return sent[0]


def unsettable(form: Form, name: str, prefix: str = "") -> str | None:
    """Return a string parameter of an update; None, if it was sent to unset a field."""
    return text(form, name, prefix) if form.get(name) != "" else None


def choice(
    form: Form, name: str, choices: Sequence[str], prefix: str = ""
) -> str | None:
    """Return a string parameter that is one of `choices`, None if it was not sent."""
    value = text(form, name, prefix)
    if value is not None and value not in choices:
        raise errors.invalid_param(
            within(prefix, name),
            f"Invalid {within(prefix, name)}: must be one of {', '.join(choices)}",
        )
    return value


def integer(form: Form, name: str, prefix: str = "") -> int:
    """Return a whole number that must be there."""
    value = required(form, name, prefix)
    if not INTEGER.fullmatch(value):
        raise errors.invalid_param(
            within(prefix, name),
            f"Invalid integer: {value}",
            "parameter_invalid_integer",
        )
    return int(value)


def section(form: Form, name: str, prefix: str = "") -> Form:
    """Return a hash parameter, empty where it was not sent."""
    value = form.get(name, {})
    if isinstance(value, str):
        raise errors.invalid_param(within(prefix, name), "Invalid hash")
    return value


def array(form: Form, name: str) -> Form:
    """Return an array parameter by its positions, in their order.

    It is empty where it was not sent.
    """
    given = form.get(name, {})
    if isinstance(given, str) or not all(map(POSITION.fullmatch, given)):
        raise errors.invalid_param(name, "Invalid array")
    return {position: given[position] for position in sorted(given, key=int)}


def metadata(
    form: Form, prefix: str = "", *, current: Metadata | None = None
) -> Metadata:
    """Return the metadata that an object has after the request.

    What was sent is merged into `current`. A key without a value is unset, and all are
    where an empty string was sent for the whole.
    """
    name = within(prefix, "metadata")
    if form.get("metadata") == "":
        return {}
    given = _entries(section(form, "metadata", prefix), name)
    merged = {
        key: value for key, value in {**(current or {}), **given}.items() if value
    }
    if len(merged) > MAX_METADATA_KEYS:
        raise errors.invalid_param(
            name, f"Metadata can have up to {MAX_METADATA_KEYS} keys."
        )
    return merged


def _entries(given: Form, name: str) -> Metadata:
    entries = {}
    for key, value in given.items():
        param = within(name, key)
        if isinstance(value, dict) or "[" in key or "]" in key:
            raise errors.invalid_param(param, "Metadata must be a flat hash of strings")
        for what, length, limit in (
            ("keys", len(key), MAX_METADATA_KEY),
            ("values", len(value), MAX_METADATA_VALUE),
        ):
            if length > limit:
                raise errors.invalid_param(
                    param,
                    f"Metadata {what} can have up to {limit} characters, but you "
                    f"passed in one that is {length} characters.",
                )
        entries[key] = value
    return entries


def expand(form: Form, expandable: AbstractSet[str]) -> frozenset[str]:
    """Return the paths to expand, each of which must be among `expandable`."""
    paths = set()
    for path in array(form, "expand").values():
        if isinstance(path, dict) or path not in expandable:
            raise errors.invalid_param(
                "expand", f"This property cannot be expanded ({path})."
            )
        paths.add(path)
    return frozenset(paths)
