"""What `bench.jobs` found, as text and as a section of a page. Pure but for `here`."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

TIMES = "×"  # noqa: RUF001  no x

_HEAD = ("what", "target", "measured", "met", "ours", "against")


class Marks(NamedTuple):
    """The lines of a page between which a section is written."""

    begin: str
    end: str


MARKS = Marks("<!-- jobs: written by `make bench` -->", "<!-- end of jobs -->")


class Measure(msgspec.Struct, frozen=True, kw_only=True):
    """One number that has a target."""

    name: str
    value: float
    unit: str
    target: float
    at_least: bool = False
    """Whether the target is a least value; else it is a greatest one."""
    ours: str
    """The absolute figures behind it, in words."""
    against: str = ""
    """The baseline, named, with its figures."""
    samples: Mapping[str, Sequence[float]] = {}
    """What the medians were taken of."""

    @property
    def met(self) -> bool:
        """Whether the target was reached."""
        if self.at_least:
            return self.value >= self.target
        return self.value <= self.target


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """Where and on what it ran."""

    cpu: str
    cores: int
    system: str
    python: str
    store: str
    date: str
    commit: str

    def __str__(self) -> str:
        return (
            f"{self.date}, commit {self.commit}; {self.cores} cores of {self.cpu}, "
            f"{self.system}; Python {self.python}; {self.store}"
        )


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What `--json` writes."""

    played: str
    machine: Machine
    measures: Sequence[Measure]


def here(store: str) -> Machine:
    """Describe this machine and this checkout.

    Args:
        store: the server's name and version.
    """
    return Machine(
        cpu=_cpu(),
        cores=os.cpu_count() or 0,
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        store=store,
        date=datetime.now(UTC).date().isoformat(),
        commit=_commit(),
    )


def text(report: Report) -> str:
    """Write the report for a terminal."""
    rows = [_HEAD[:4], *(_cells(measure)[:4] for measure in report.measures)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]
    for at, measure in reversed(list(enumerate(report.measures, 1))):
        against = f" | {measure.against}" if measure.against else ""
        lines.insert(at + 1, f"    {measure.ours}{against}")
    return "\n".join([*lines, "", str(report.machine)])


def markdown(report: Report) -> str:
    """Write the report as a section for a page."""
    rows = [_HEAD, ("---",) * len(_HEAD), *map(_cells, report.measures)]
    return "\n".join(
        [
            f"`{report.played}`: {report.machine}.",
            "",
            *(f"| {' | '.join(row)} |" for row in rows),
        ]
    )


def write_section(page: Path, section: str, marks: Marks = MARKS) -> None:
    """Put a section between the markers of a page, instead of what is there.

    Raises:
        ValueError: the page has no markers.
    """
    before, begin, rest = page.read_text(encoding="utf-8").partition(marks.begin)
    _, end, after = rest.partition(marks.end)
    if not (begin and end):
        place = f"{marks.begin} ... {marks.end}"
        raise ValueError(f"{page} has no place for a report: {place}")
    whole = f"{before}{begin}\n\n{section}\n\n{end}{after}"
    page.write_text(whole, encoding="utf-8", newline="\n")


def _cells(measure: Measure) -> tuple[str, ...]:
    sign = "≥" if measure.at_least else "≤"
    return (
        measure.name,
        f"{sign} {measure.target:g} {measure.unit}",
        f"{_short(measure.value)} {measure.unit}",
        "yes" if measure.met else "no",
        measure.ours,
        measure.against,
    )


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"  # noqa: PLR2004


def _cpu() -> str:
    try:
        told = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or "an unnamed CPU"
    name = re.search(r"^model name\s*: (.*)$", told, re.MULTILINE)
    return name[1] if name else platform.machine()


def _commit() -> str:
    """Name the commit that is checked out, and say if files differ from it."""
    try:
        told = subprocess.run(
            ["git", "describe", "--always", "--dirty=, with changes"],  # noqa: S607
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(__file__).parent,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return told.stdout.strip()
