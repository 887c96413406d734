"""What may stand in one `[[account]]` table, and what is said of anything else. Pure.

Nothing that was given is repeated, the names of accounts apart: anything may turn out
to be a key that was put in the wrong place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from config.keys import is_connected_account, resembles_key
from config.rates import (
    FASTEST,
    LONGEST_BURST,
    MOST_IN_FLIGHT,
    SHORTEST_BURST,
    SLOWEST,
)
from customer_sources.contract.names import ACCOUNT_RULE, is_account_name
from customer_sources.contract.operations import OPERATIONS

_WORD = re.compile(r"[A-Za-z_-]{1,24}")


def problems_of(table: Mapping[str, object]) -> Iterator[str]:
    """Say what is wrong with each field by itself, as `field: what mends it`."""
    if "name" not in table:
        yield "name: is missing; commands say it in `account`"
    yield from _wrong(table, FIELDS, "")
    rates = table.get("rates")
    if isinstance(rates, Mapping):
        yield from _wrong(rates, RATES, "rates.")


def shown(name: str) -> str:
    """Repeat the name of a field where it can be nothing but a slip."""
    harmless = _WORD.fullmatch(name) and not resembles_key(name)
    return name if harmless else "(a field)"


Rule = tuple[Callable[[object], bool], str]


def _wrong(
    table: Mapping[str, object], rules: Mapping[str, Rule], prefix: str
) -> Iterator[str]:
    for field, value in table.items():
        if field not in rules:
            close = get_close_matches(field, rules, n=1)
            hint = f"did you mean {close[0]}?" if close else _known(rules)
            yield f"{prefix}{shown(field)}: is no field; {hint}"
            continue
        holds, words = rules[field]
        if not holds(value):
            yield f"{prefix}{field}: {words}"


def _known(rules: Mapping[str, Rule]) -> str:
    return f"known: {', '.join(rules)}"


def _number(value: Any, least: float, most: float) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and least <= value <= most  # which `nan` is not


def _is_rate(value: object) -> bool:
    return _number(value, SLOWEST, FASTEST)


def _is_in_flight(value: object) -> bool:
    return isinstance(value, int) and _number(value, 1, MOST_IN_FLIGHT)


def _is_burst(value: object) -> bool:
    return _number(value, SHORTEST_BURST, LONGEST_BURST)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _is_connected(value: object) -> bool:
    return isinstance(value, str) and is_connected_account(value)


def _is_mode(value: object) -> bool:
    return value in {"live", "test"} if isinstance(value, str) else False


def _is_table(value: object) -> bool:
    return isinstance(value, Mapping)


FIELDS: Mapping[str, Rule] = {
    "name": (is_account_name, f"must have {ACCOUNT_RULE}"),
    "key": (_is_text, "must be a key in quotes"),
    "key_file": (_is_text, "must be the path of a file in quotes"),
    "stripe_account": (
        _is_connected,
        (
            "must be the id of a connected account (acct_...); "
            "leave it out for the account of the key"
        ),
    ),
    "mode": (_is_mode, 'must be "live" or "test"'),
    "rates": (_is_table, "must be a table, like { account = 20, create = 10 }"),
}
RATES: Mapping[str, Rule] = {
    **dict.fromkeys(
        ("account", "operation", *OPERATIONS),
        (
            _is_rate,
            f"must be requests a second, a number from {SLOWEST} to {FASTEST}",
        ),
    ),
    "in_flight": (
        _is_in_flight,
        f"must be a whole number of requests, from 1 to {MOST_IN_FLIGHT}",
    ),
    "burst": (
        _is_burst,
        f"must be seconds, a number from {SHORTEST_BURST} to {LONGEST_BURST}",
    ),
}
