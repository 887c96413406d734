"""Planning bytes as if they were a file, and reading all that comes of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from customer_sources.batches.manifest import Manifest
from customer_sources.batches.rows import CHUNK_ROWS, Row
from worker.batches.checking import Asked
from worker.batches.inputs import Format
from worker.batches.opening import LONGEST_LINE, open_input
from worker.batches.plan_files import REJECTED, WARNINGS, read_plan, read_rows
from worker.batches.planning import Wanted, plan

EXAMPLES = Path(__file__).parents[1] / "examples"
HEADER = b"operation,customer,id,source\n"
ROWS = 2 * CHUNK_ROWS + 7
"""Of a plan of three chunks."""


class PlannedFile(NamedTuple):
    """A plan, read back from its folder."""

    manifest: Manifest
    rows: list[Row]
    rejected: list[dict[str, Any]]
    warnings: list[dict[str, Any]]

    def reasons(self) -> list[tuple[int, str, str]]:
        """Line, field and words of everything that is wrong."""
        return [
            (one["line"], problem["field"], problem["message"])
            for one in self.rejected
            for problem in one["problems"]
        ]

    def asked(self) -> list[dict[str, Any]]:
        """What each row of the plan asks."""
        return [json.loads(bytes(row.asked)) for row in self.rows]


def plan_bytes(
    data: bytes,
    folder: Path,
    *,
    name: str = "rows.csv",
    longest: int = LONGEST_LINE,
    asked: Asked | None = None,
    renamed: Mapping[str, str] | None = None,
    label: str = "",
    form: Format | None = None,
    strict: bool = False,
) -> PlannedFile:
    """Write a file below a folder, and plan it beside."""
    file = folder / name
    file.write_bytes(data)
    wanted = Wanted(
        asked=asked or Asked(),
        renamed=renamed or {},
        label=label,
        form=form,
        strict=strict,
        force=True,
    )
    with open_input(str(file), longest) as opened:
        plan(opened, folder / "plan", wanted)
    return read_back(folder / "plan")


def deletes(count: int) -> bytes:
    """Write a table of rows that go together, two for each customer."""
    each = (b"delete,cus_%d,card_%d,\n" % (n // 2, n) for n in range(count))
    return HEADER + b"".join(each)


def table(folder: Path, header: str, *rows: str, **options: Any) -> PlannedFile:
    """Plan a table."""
    return plan_bytes("\n".join([header, *rows]).encode(), folder, **options)


def objects(folder: Path, *rows: Mapping[str, Any], **options: Any) -> PlannedFile:
    """Plan JSON objects."""
    data = "\n".join(map(json.dumps, rows)).encode()
    return plan_bytes(data, folder, name="rows.jsonl", **options)


def read_back(folder: Path) -> PlannedFile:
    """Read a plan."""
    manifest = read_plan(folder)
    return PlannedFile(
        manifest,
        list(read_rows(folder, manifest)),
        _lines(folder / REJECTED),
        _lines(folder / WARNINGS),
    )


def _lines(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_bytes().splitlines()]
