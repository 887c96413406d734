"""From columns of a table, or names in a file, to the fields of a command. Pure.

An empty cell is a field that is not given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from customer_sources.contract.errors import Problem
from customer_sources.contract.texts import can_be_named
from worker.batches.fields import Convert, Field, Path, find_field
from worker.batches.opening import InputInvalid

SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}


class Mapped(NamedTuple):
    """A command as far as it could be put together."""

    asked: dict[str, Any] | None
    """None: nothing could be made of the row."""
    problems: Sequence[Problem]


class _Column(NamedTuple):
    parents: tuple[str | int, ...]
    name: str | int
    convert: Convert | None
    is_field: bool = True
    """False: what stands in it has no name, or is left out."""
    is_wanted: bool = True


_LEFT_OUT = _Column((), "", None, is_field=False, is_wanted=False)
_UNNAMED = _Column((), "", None, is_field=False)


class Columns:
    """Reads rows of a table by its header.

    Args:
        header: the names of the columns.
        renamed: fields by the names of columns that stand for them; "" leaves one out.
        operation: the one operation of the batch; "" where rows say theirs.

    Raises:
        InputInvalid: a column is unknown, or there twice; all of them are named.
    """

    def __init__(
        self, header: Sequence[str], renamed: Mapping[str, str], operation: str
    ) -> None:
        names = [cell.strip() for cell in header]
        missing = [name for name in renamed if name not in names]
        problems = [
            f"--map {_named(name)}: there is no such column" for name in missing
        ]
        found = [
            _column(n, name, renamed, operation) for n, name in enumerate(names, 1)
        ]
        problems += [one for one in found if isinstance(one, str)]
        self._columns = [one for one in found if isinstance(one, _Column)]
        problems += _collisions(self._columns)
        if problems:
            raise InputInvalid("\n".join(["the header:", *_hints(names), *problems]))
        lists = (c.parents[0] for c in self._columns if isinstance(c.name, int))
        self._lists = [*dict.fromkeys(map(str, lists))]

    def read(self, cells: Sequence[str]) -> Mapped:
        """Put the cells of a row where they belong."""
        columns = self._columns
        if len(cells) != len(columns):
            told = f"has {len(cells)} cells; the header has {len(columns)} columns"
            return Mapped(None, [Problem("row", told)])
        asked: dict[str, Any] = {}
        problems: list[Problem] = []
        for cell, (parents, name, convert, is_field, is_wanted) in zip(
            cells, columns, strict=True
        ):
            if not cell:
                continue
            if is_field:
                inner: Any = asked
                for parent in parents:
                    inner = inner.setdefault(parent, {})
                inner[name] = cell if convert is None else convert(cell)
            elif is_wanted:
                problems.append(Problem("row", "a cell of a column that has no name"))
        for name in self._lists:
            if name in asked:
                problems += _as_list(name, asked)
        return Mapped(asked, problems)


class Names:
    """Renames the fields of JSON objects.

    Args:
        renamed: fields by the names that stand for them; "" leaves one out.
        operation: the one operation of the batch; "" where rows say theirs.

    Raises:
        InputInvalid: a field is unknown, or named twice.
    """

    def __init__(self, renamed: Mapping[str, str], operation: str) -> None:
        found = {name: _column(0, name, renamed, operation) for name in renamed}
        problems = [one for one in found.values() if isinstance(one, str)]
        self._columns = {n: c for n, c in found.items() if isinstance(c, _Column)}
        lists = [n for n, c in self._columns.items() if isinstance(c.name, int)]
        problems += [f"{_named(n)}: JSON has lists of its own" for n in lists]
        problems += _collisions(self._columns.values())
        if problems:
            raise InputInvalid("\n".join(["--map:", *problems]))

    def read(self, fields: dict[str, Any]) -> Mapped:
        """Put the fields of a row where they belong. The row is used up."""
        problems: list[Problem] = []
        for name, column in self._columns.items():
            if name not in fields:
                continue
            value = fields.pop(name)
            if column.is_field and value is not None:
                problems += _put(fields, column, value)
        return Mapped(fields, problems)


def read_renames(texts: Iterable[str]) -> dict[str, str]:
    """Read what was said by `--map`: `column=field`, or `column=` to leave it out.

    Raises:
        InputInvalid: it is not of that form, or a column is said twice.
    """
    renamed: dict[str, str] = {}
    for text in texts:
        column, separator, field = (part.strip() for part in text.rpartition("="))
        if not separator or not column:
            raise InputInvalid("--map: expected COLUMN=FIELD")
        if column in renamed:
            raise InputInvalid(f"--map {_named(column)}: said twice")
        renamed[column] = field
    return renamed


def _column(
    number: int, name: str, renamed: Mapping[str, str], operation: str
) -> _Column | str:
    """Find what a column is for, or say why it is for nothing."""
    where = f"column {number}" if number else "--map"
    if not name:
        return _UNNAMED
    if renamed.get(name) == "":
        return _LEFT_OUT
    field = find_field(renamed.get(name, name), operation)
    if isinstance(field, Field):
        *parents, last = field.path
        return _Column(tuple(parents), last, field.convert)
    advice = "say --map COLUMN=FIELD, or --map COLUMN= to leave it out"
    return f"{where}, {_named(name)}: {field}; {advice}"


def _collisions(columns: Iterable[_Column]) -> Iterator[str]:
    """Find columns that give the same field, or a field and a part of it."""
    paths: list[Path] = [(*c.parents, c.name) for c in columns if c.is_field]
    for path, count in Counter(paths).items():
        if count > 1:
            yield f"{count} columns give {_dotted(path)}"
    outer = {path[:length] for path in paths for length in range(1, len(path))}
    for path in sorted(outer.intersection(paths), key=str):
        yield f"one column gives all of {_dotted(path)}, another a part of it"


def _hints(names: Sequence[str]) -> Iterator[str]:
    """Say what is wrong where nothing else would make sense."""
    if len(names) == 1:
        for sign, word in SEPARATORS.items():
            if sign in names[0]:
                yield f"it has {word} between its names; expected commas"


def _as_list(name: str, asked: dict[str, Any]) -> Iterator[Problem]:
    """Turn numbered cells into a list in place; a hole in it is a slip."""
    items = asked[name]
    asked[name] = [items[place] for place in sorted(items)]
    for place in range(len(items)):
        if place not in items:
            yield Problem(f"{name}[{place}]", "is not given, and a later one is")
            return


def _put(fields: dict[str, Any], column: _Column, value: Any) -> Iterator[Problem]:
    inner: Any = fields
    for parent in column.parents:
        inner = inner.setdefault(parent, {}) if isinstance(inner, dict) else None
    if not isinstance(inner, dict) or column.name in inner:
        path = _dotted((*column.parents, column.name))
        yield Problem(path, "is given twice: as it is, and by --map")
    else:
        inner[column.name] = value


def _dotted(path: Path) -> str:
    return ".".join(map(str, path))


def _named(name: str) -> str:
    """Name a column, unless its name might be a value: of a file without a header."""
    return repr(name) if can_be_named(name) else "(not shown)"
