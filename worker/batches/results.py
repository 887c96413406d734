"""Rows as results tell them: what was asked, and what became of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any

import msgspec

from customer_sources.batches.rows import row_id
from customer_sources.contract.errors import CustomerSourcesError
from customer_sources.contract.events import rfc3339
from worker.batches.ends import End
from worker.batches.fields import BETWEEN

MOST_COLUMNS = 1000
"""More than that is no table: one column for each order, say, by its number."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet would run."""


class File(StrEnum):
    """The three files of results."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """Those in review as well: their `state` says so."""
    UNPROCESSED = "unprocessed"
    """Nothing was sent for them."""


FILE_OF: Mapping[str, File] = {
    "succeeded": File.SUCCEEDED,
    "failed": File.FAILED,
    "needs_review": File.FAILED,
    "unprocessed": File.UNPROCESSED,
}


class TooManyColumns(CustomerSourcesError):
    """Rows have more different fields than a CSV file may have columns."""

    def __init__(self) -> None:
        super().__init__(
            f"the rows have more than {MOST_COLUMNS} different fields; "
            "take --format jsonl"
        )


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """A line of results.

    No field but `asked` is called like one that a row may ask: in CSV they stand side
    by side.
    """

    row: int
    state: str
    code: str
    message: str
    source_id: str
    request_id: str
    """Stripe's id of the request that decided."""
    runs: int
    idempotency_key: str
    """What Stripe saw, or would have seen."""
    ended: str
    """RFC 3339, as are all times."""
    retryable: bool
    unknown: bool
    """Whether Stripe may have done it."""
    first_sent: str
    """Since when Stripe may have the key; empty where nothing is unknown."""
    asked: msgspec.Raw


OURS = tuple(name for name in Result.__struct_fields__ if name != "asked")
"""The columns that are no fields of the row."""


def result_of(batch_id: str, end: End) -> Result | None:
    """Write a row as results tell it; None where it has not ended."""
    row, outcome = end
    if outcome is None:
        return None
    return Result(
        row=row.number,
        state=outcome.state,
        code=outcome.code,
        message=outcome.message,
        source_id=outcome.source,
        request_id=outcome.request,
        runs=outcome.runs,
        idempotency_key=outcome.key or row.key or row_id(batch_id, row.number),
        ended=rfc3339(outcome.ended),
        retryable=outcome.retryable,
        unknown=outcome.unknown,
        first_sent=rfc3339(outcome.first_sent) if outcome.first_sent else "",
        asked=row.asked,
    )


def flat(asked: msgspec.Raw) -> dict[str, str]:
    """Write what was asked as cells, by the names that a plan reads.

    `{"metadata": {"a": "b"}, "amounts": [32, 45]}` is `metadata.a`, `amounts`: `32;45`.
    """
    return dict(_cells("", msgspec.json.decode(asked)))


def columns_of(rows: Iterable[msgspec.Raw]) -> list[str]:
    """Name the columns that hold all of these, in the order in which they appear.

    Raises:
        TooManyColumns: no table could hold them.
    """
    names: dict[str, None] = {}
    for asked in rows:
        names.update(dict.fromkeys(flat(asked)))
        if len(names) > MOST_COLUMNS:
            raise TooManyColumns
    return list(names)


def cells(result: Result, columns: Iterable[str]) -> list[object]:
    """Write a result as a row of a table: our columns, then these."""
    given = flat(result.asked)
    ours = (getattr(result, name) for name in OURS)
    return [*map(_cell, ours), *(harmless(given.get(name, "")) for name in columns)]


def harmless(text: str) -> str:
    """Keep a spreadsheet from running a text as a formula, by a quote before it."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return _text(value)
    return harmless(value) if isinstance(value, str) else value


def _cells(prefix: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _cells(f"{prefix}.{name}" if prefix else name, inner)
    elif isinstance(value, list):
        yield prefix, BETWEEN.join(map(_text, value))
    else:
        yield prefix, _text(value)


def _text(value: object) -> str:
    """Write a value as JSON does, but a text as it is, and null as nothing."""
    if isinstance(value, str):
        return value
    return "" if value is None else msgspec.json.encode(value).decode()
