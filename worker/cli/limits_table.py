"""The limits of accounts as a table: what moved, who waits, what is slowed, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from rich.markup import escape
from rich.table import Table

from worker.cli.say import visible
from worker.standing import AccountLimits, Limit

HEADS = (
    "account",
    "operation",
    "allowed/s",
    "used/s",
    "interactive",
    "scheduled",
    "bulk",
    "oldest",
    "in flight",
    "halved",
    "why",
    "reads",
)
ALL = "all"
"""Stands for all operations of an account together."""
NOBODY = (
    "no account is known here: a worker tells of its own when it starts "
    "(`sources worker`, with STRIPE_API_KEY or SOURCES_ACCOUNTS_FILE)"
)
READS = (
    "reads: GETs of the last 30 days; Stripe allots 500 for each transaction, and "
    "10,000 a month at least (docs.stripe.com/rate-limits)"
)
WAITING = "waiting: interactive/scheduled/bulk"
NOTHING = "-"
_ON_SCREEN: Mapping[str, Literal["left", "right"]] = {
    "account": "left",
    "operation": "left",
    "allowed/s": "right",
    "used/s": "right",
    "waiting": "right",
    "oldest": "right",
    "in flight": "right",
    "reads": "right",
    "trouble": "left",
}
"""Columns that fit a screen of 80, if need be with the last one wrapped."""
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


def rows(accounts: Sequence[AccountLimits]) -> Iterator[tuple[str, ...]]:
    """Give the cells under `HEADS`: each account, and its operations that were used."""
    for one in accounts:
        yield _row(one, ALL, one.whole)
        for operation, limit in one.operations.items():
            if not limit.is_idle:
                yield _row(one, operation, limit)


def remarks(accounts: Sequence[AccountLimits]) -> Iterator[str]:
    """Say in sentences what a table has no room for, and what can be done about it."""
    if not accounts:
        yield NOBODY
        return
    for one in accounts:
        if one.suspended is not None:
            refusal = f"{one.suspended.operation} was refused: {one.suspended.refused}"
            yield (
                f"{one.account} is suspended since {one.suspended.since}, as "
                f"{refusal}; its jobs wait, and go on with another key, or by "
                f"`sources accounts resume {one.account}`"
            )
        elif one.whole.configured_per_second is None:
            yield f"{one.account}: no worker has told of it, so nothing limits it yet"
    yield READS


def table(accounts: Sequence[AccountLimits]) -> Table:
    """Lay the same out for a screen, in fewer columns; trouble has a colour."""
    drawn = Table(box=None, padding=(0, 1, 0, 0), header_style="dim")
    for head, side in _ON_SCREEN.items():
        wraps = head == "trouble"
        drawn.add_column(head, justify=side, no_wrap=not wraps, overflow="fold")
    for one in accounts:
        whole, *parts = rows([one])
        drawn.add_row(*_on_screen(whole), style=_style(one))
        for row in parts:
            drawn.add_row(*_on_screen(("", *row[1:])))
    return drawn


def _on_screen(row: Sequence[str]) -> Iterator[str]:
    """Give the cells of a row under `_ON_SCREEN`."""
    account, operation, allowed, used, *waiting, oldest, flying, halved, why, read = row
    troubles = [f"halved {halved}x"] if halved != "0" else []
    trouble = ": ".join([*troubles, *([why] if why != NOTHING else [])])
    classes = "/".join(waiting)
    cells = account, operation, allowed, used, classes, oldest, flying, read, trouble
    return (escape(visible(cell)) for cell in cells)


def _style(one: AccountLimits) -> str:
    if one.suspended is not None:
        return "bold red"
    limits = [one.whole, *one.operations.values()]
    slow = any(x.allowed_per_second != x.configured_per_second for x in limits)
    return "bold yellow" if slow else "bold"


def _row(one: AccountLimits, operation: str, limit: Limit) -> tuple[str, ...]:
    why = [limit.last_reason] if limit.last_reason else []
    is_whole = operation == ALL
    if is_whole and one.suspended is not None:
        why.append(f"suspended: {one.suspended.refused}")
    return (
        one.account,
        operation,
        _of(limit.allowed_per_second, limit.configured_per_second),
        number(limit.used_per_second),
        *map(str, limit.waiting.values()),
        _age(limit.oldest_wait_seconds),
        f"{limit.in_flight} of {number(limit.in_flight_allowed)}",
        str(limit.halvings),
        ", ".join(why) or NOTHING,
        str(one.reads_last_30_days) if is_whole else NOTHING,
    )


def _of(allowed: float | None, configured: float | None) -> str:
    if allowed == configured:
        return number(allowed)
    return f"{number(allowed)} of {number(configured)}"


def number(value: float | None) -> str:
    """Write a number in as few digits as tell it apart."""
    if value is None:
        return NOTHING
    digits = 1 if abs(value) >= 10 else 2  # noqa: PLR2004  of two digits, that is
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".")


def _age(seconds: float | None) -> str:
    if seconds is None:
        return NOTHING
    for unit, name in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= 2 * unit:
            return f"{number(seconds / unit)} {name}"
    return f"{number(seconds)} s"
