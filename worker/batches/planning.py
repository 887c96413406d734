"""Planning a batch: every row of a file read, checked, compared and written down.

Nothing is sent. The file is read once, as a stream; memory does not grow with it.
"""

from __future__ import annotations

import heapq
import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Self

import msgspec

from customer_sources.batches.manifest import (
    Input,
    Manifest,
    batch_id,
    plan_hash,
    write_manifest,
)
from customer_sources.batches.rows import Row
from customer_sources.contract.errors import CommandInvalid, Problem
from customer_sources.contract.events import rfc3339
from customer_sources.contract.operations import OPERATIONS, Effect
from worker.batches.checking import Asked, Checker
from worker.batches.contradictions import Kind
from worker.batches.duplicates import Duplicates, Finding
from worker.batches.inputs import Format, asked_rows
from worker.batches.lines import LinesWritten
from worker.batches.opening import InputInvalid, Opened
from worker.batches.plan_files import LINES, MANIFEST, REJECTED, WARNINGS, new_plan
from worker.batches.records import ROW
from worker.batches.writing import (
    SHOWN,
    Chunks,
    Rejected,
    Rejections,
    read_rejected,
    without,
)

Progress = Callable[[int, int], None]
"""Is told, now and then, the bytes and the rows that were read."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """How a plan is to be made."""

    asked: Asked = Asked()
    renamed: Mapping[str, str] = {}
    """Fields by the names that stand for them in the file; "" leaves one out."""
    label: str = ""
    """Tells a batch from another one of the same rows."""
    form: Format | None = None
    """None: by the file's name, or else its first byte."""
    strict: bool = False
    """Whether rows that repeat or contradict an earlier one are rejected."""
    force: bool = False
    """Whether a plan in the folder is replaced."""


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """A plan, and what its maker should see at once."""

    manifest: Manifest
    rejected: Sequence[Rejected]
    """The first few."""


class Draft:
    """A plan in the making, row by row. A context manager.

    Args:
        folder: from `new_plan`.
        wanted: its account, label and strictness are used here.
    """

    def __init__(self, folder: Path, wanted: Wanted) -> None:
        self._folder = folder
        self._wanted = wanted
        self._chunks = Chunks(folder)
        self._duplicates = Duplicates(folder / "compared")
        self._rejections = Rejections(folder / REJECTED)
        self._last = 0

    def __enter__(self) -> Self:
        self._rejections.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._rejections.__exit__(*error)

    def add(self, row: Row, line: int) -> bool:
        """Take the next row. True: a thousand more are written."""
        self._last = row.number
        self._duplicates.add(row, line)
        return self._chunks.add(row)

    def reject(self, number: int, line: int, problems: Sequence[Problem]) -> None:
        """Take a row that cannot be in the plan."""
        self._rejections.add(number, line, problems)

    def finish(self, name: str, sha256: str, size: int, rows: int) -> Planned:
        """Compare the rows, and write all that tells of the plan.

        Args:
            name: of the input.
            sha256: of its bytes.
            size: how many those are.
            rows: all that it had.
        """
        self._chunks.flush()
        self._rejections.flush()
        findings = self._duplicates.findings()
        told = _Told()
        first: Sequence[Rejected] = self._rejections.first
        if self._wanted.strict:
            first = self._drop(told.each(findings))
        else:
            self._warn(told.each(findings))
        manifest = self._manifest(
            Input(name=name, sha256=sha256, bytes=size, rows=rows), told.rows
        )
        (self._folder / MANIFEST).write_bytes(write_manifest(manifest))
        return Planned(manifest=manifest, rejected=first)

    def _warn(self, findings: Iterable[Finding]) -> None:
        with (self._folder / WARNINGS).open("wb") as sink:
            for finding in findings:
                sink.write(msgspec.json.encode(finding._asdict()) + b"\n")

    def _drop(self, findings: Iterable[Finding]) -> Sequence[Rejected]:
        """Take rows out again, and tell of them among the rejected, in file order."""
        dropped = bytearray((self._last >> 3) + 1)
        before, late = self._folder / "before", self._folder / "late"
        with Rejections(late) as rejections:
            for (number, line), group in itertools.groupby(findings, _place):
                dropped[number >> 3] |= 1 << (number & 7)
                problems = [Problem(ROW, finding.message) for finding in group]
                rejections.add(number, line, problems)
        (self._folder / REJECTED).rename(before)
        both = heapq.merge(
            read_rejected(before), read_rejected(late), key=attrgetter("row")
        )
        with Rejections(self._folder / REJECTED, SHOWN) as rejections:
            for one in both:
                rejections.add(one.row, one.line, one.problems)
        if any(dropped):
            self._chunks = without(self._folder, self._chunks, dropped)
        return rejections.first

    def _manifest(self, of: Input, found: Mapping[Kind, int]) -> Manifest:
        chunks, account = self._chunks.written, self._wanted.asked.account
        plan = plan_hash([one.sha256 for one in chunks], account, self._wanted.label)
        counts = {name: self._chunks.operations[name] for name in OPERATIONS}
        operations = {name: count for name, count in counts.items() if count}
        rows = sum(operations.values())
        return Manifest(
            batch=batch_id(plan, account, self._wanted.label),
            label=self._wanted.label,
            account=account,
            input=of,
            rows=rows,
            rejected=of.rows - rows,
            chunks=chunks,
            plan_sha256=plan,
            operations=operations,
            changes=sum(map(operations.__getitem__, filter(_changes, operations))),
            customers=self._duplicates.count_customers(),
            duplicates=found[Kind.DUPLICATE],
            conflicts=found[Kind.CONFLICT],
            created=rfc3339(time.time_ns() // 1_000_000),
        )


def plan(
    opened: Opened, folder: Path, wanted: Wanted, progress: Progress | None = None
) -> Planned:
    """Plan a batch.

    Args:
        opened: the file.
        folder: where the plan is to be; see `new_plan`.
        wanted: how.
        progress: is told how far it is.

    Raises:
        InputInvalid: nothing can be made of the file.
        FolderRefused: something else is in the folder.
        DiskRefused: the plan cannot be written there.
    """
    rows = asked_rows(opened, wanted.renamed, wanted.asked.operation, wanted.form)
    check = Checker(wanted.asked).check
    number = 0
    with (
        new_plan(folder, force=wanted.force) as place,
        Draft(place, wanted) as draft,
        LinesWritten(place / LINES) as lines,
    ):
        for number, (line, (asked, problems)) in enumerate(rows, 1):
            if asked is None:
                draft.reject(number, line, problems)
                continue
            try:
                row = check(number, asked, problems)
            except CommandInvalid as error:
                draft.reject(number, line, error.problems)
                continue
            lines.add(number, line)
            if draft.add(row, line) and progress is not None:
                progress(opened.bytes_read, number)
        if not number:
            raise InputInvalid(f"{opened.name} has no rows: there is nothing to plan")
        return draft.finish(opened.file_name, opened.sha256, opened.bytes_read, number)


class _Told:
    """Counts findings on their way: rows, however much is found of one."""

    def __init__(self) -> None:
        self.rows: Counter[Kind] = Counter()

    def each(self, findings: Iterable[Finding]) -> Iterable[Finding]:
        last: dict[Kind, int] = {}
        for finding in findings:
            if last.get(finding.kind) != finding.row:
                last[finding.kind] = finding.row
                self.rows[finding.kind] += 1
            yield finding


def _place(finding: Finding) -> tuple[int, int]:
    return finding.row, finding.line


def _changes(operation: str) -> bool:
    return OPERATIONS[operation].effect is not Effect.NONE
