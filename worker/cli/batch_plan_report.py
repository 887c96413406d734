"""What is told of a plan when it is made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
from rich.markup import escape
from rich.table import Table

from customer_sources.batches.manifest import Input
from worker.batches.durations import Pace, duration, in_words
from worker.batches.plan_files import REJECTED, WARNINGS
from worker.batches.planning import Planned
from worker.batches.standing import Checked
from worker.batches.writing import Rejected
from worker.cli.batch_words import many
from worker.cli.limits_table import number
from worker.cli.say import note, out, visible


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What `--json` prints. Its names stay; new ones may come."""

    batch: str
    label: str
    account: str
    folder: str
    input: Input
    rows: int
    """In the plan."""
    rejected: int
    first_rejected: Sequence[Rejected]
    operations: Mapping[str, int]
    changes: int
    customers: int
    duplicates: int
    conflicts: int
    chunks: int
    bytes: int
    seconds: float
    """At least, at the rates of `pace`."""
    limited_by: str
    """The operation that takes longest; "" where it is all of them together."""
    pace: Pace
    checked: Checked | None = None
    """What was looked at, at Stripe; None where that was not asked for."""


def report(planned: Planned, folder: Path, pace: Pace) -> Report:
    """Put together what is told of a plan."""
    manifest = planned.manifest
    takes = duration(manifest.operations, pace)
    return Report(
        batch=manifest.batch,
        label=manifest.label,
        account=manifest.account,
        folder=str(folder),
        input=manifest.input,
        rows=manifest.rows,
        rejected=manifest.rejected,
        first_rejected=planned.rejected,
        operations=manifest.operations,
        changes=manifest.changes,
        customers=manifest.customers,
        duplicates=manifest.duplicates,
        conflicts=manifest.conflicts,
        chunks=len(manifest.chunks),
        bytes=manifest.size,
        seconds=round(takes.seconds, 1),
        limited_by=takes.limit,
        pace=pace,
    )


def print_report(told: Report) -> None:
    """Print it for a person."""
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, text in _facts(told):
        table.add_row(f"[dim]{name}[/dim]", escape(visible(text)))
    out.print(table)
    for rejected in told.first_rejected:
        out.print(_line(rejected), soft_wrap=True, markup=False)
    if told.rejected > len(told.first_rejected):
        note(f"all {told.rejected:,} are in {Path(told.folder, REJECTED)}")
    found = told.duplicates + told.conflicts
    warnings = Path(told.folder, WARNINGS)
    if found and warnings.exists():
        note(f"look at {warnings}; --strict rejects such rows")
    if told.rows:
        note(f"nothing was sent; `sources batch apply {told.folder}` does that")


def _facts(told: Report) -> Iterator[tuple[str, str]]:
    label = f" ({told.label})" if told.label else ""
    yield "batch", f"{told.batch}{label}"
    yield "account", told.account
    yield "rows", f"{told.input.rows:,}"
    yield "valid", f"{told.rows:,}, of which {told.changes:,} change something"
    yield "rejected", f"{told.rejected:,}"
    counts = [f"{name} {count:,}" for name, count in told.operations.items()]
    yield "operations", ", ".join(counts) or "-"
    yield "customers", f"{told.customers:,}"
    yield "duplicates", f"{told.duplicates:,}"
    yield "conflicts", f"{told.conflicts:,}"
    yield "size", f"{_size(told.bytes)} in {many(told.chunks, 'chunk')}"
    if told.rows:
        yield "takes", _takes(told)


def _size(count: int) -> str:
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if count >= unit:
            return f"{count / unit:.1f} {name}"
    return f"{count} bytes"


def _takes(told: Report) -> str:
    """Say how long, and by which rate: whose it is decides what can be done."""
    pace, limit = told.pace, told.limited_by
    rate = pace.of(limit) if limit else pace.account
    what = f"{limit} at {number(rate)}/s" if limit else f"{number(rate)}/s for all"
    whose = "as the workers have it" if pace.announced else "the default of a test key"
    least = f"{in_words(told.seconds)} at least"
    takes = least if told.seconds else "less than a second"
    return f"{takes}: {what}, {whose}"


def _line(rejected: Rejected) -> str:
    problems = "; ".join(map(str, rejected.problems))
    return f"  line {rejected.line}, row {rejected.row}: {visible(problems)}"
