"""What an input asks for: its rows as commands, whatever its format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import PurePath
from typing import Any, NamedTuple

from worker.batches.mapping import Columns, Mapped, Names
from worker.batches.opening import InputInvalid, Opened
from worker.batches.records import csv_records, jsonl_records, of_row

_SUFFIXES = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl"}
_COMPRESSED = ".gz"


class Format(StrEnum):
    """How rows stand in a file."""

    CSV = "csv"
    JSONL = "jsonl"


class AskedRow(NamedTuple):
    """A row, as far as it could be read."""

    line: int
    mapped: Mapped


def asked_rows(
    opened: Opened,
    renamed: Mapping[str, str],
    operation: str,
    form: Format | None = None,
) -> Iterator[AskedRow]:
    """Give the rows of an input in their order.

    Args:
        opened: the input.
        renamed: fields by the names that stand for them; "" leaves one out.
        operation: the one operation of the batch; "" where rows say theirs.
        form: how rows stand in it; None: by its name, or else its first byte.

    Raises:
        InputInvalid: it cannot be read on, or its header makes no sense.
    """
    read = _csv if (form or format_of(opened)) is Format.CSV else _jsonl
    return read(opened, renamed, operation)


def format_of(opened: Opened) -> Format:
    """Tell the format by the name, or where that says nothing, by the first byte."""
    path = PurePath(opened.name.lower())
    if path.suffix == _COMPRESSED:
        path = path.with_suffix("")
    sniffed = Format.JSONL if opened.begins_with_object else Format.CSV
    return Format(_SUFFIXES.get(path.suffix, sniffed))


def _csv(
    opened: Opened, renamed: Mapping[str, str], operation: str
) -> Iterator[AskedRow]:
    records = csv_records(opened)
    header: Any = next(records, None)
    if header is None:
        raise InputInvalid(f"{opened.name} has empty lines only: no header, no rows")
    if header.problem:
        raise InputInvalid(f"{opened.name}: line {header.line}: {header.problem}")
    try:
        read = Columns(header.content, renamed, operation).read
    except InputInvalid as error:
        raise InputInvalid(f"{opened.name}: line {header.line}: {error}") from None
    for line, cells, problem in records:
        yield AskedRow(line, Mapped(None, of_row(problem)) if problem else read(cells))


def _jsonl(
    opened: Opened, renamed: Mapping[str, str], operation: str
) -> Iterator[AskedRow]:
    read = Names(renamed, operation).read
    for line, fields, problem in jsonl_records(opened):
        yield AskedRow(line, Mapped(None, of_row(problem)) if problem else read(fields))
