"""The single path: what a job costs, side by side with what one would use instead.

    python -m bench.jobs --markdown docs/performance.md

Accepting jobs, a job on an idle worker, a backlog, and the store: each in a store, an
API and processes of its own, one after another, turn by turn with its baseline. Ratios
travel between machines, other figures do not; run it on one that does nothing else.

Exit status: 0 it was measured, whether or not the targets were met; 2 it did not work.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import IO, NoReturn

import msgspec
import redis

from bench import jobs_bytes, jobs_drain, jobs_idle, jobs_report, jobs_submit
from bench.jobs_report import Marks, Measure, Report
from bench.jobs_size import QUICK, Size
from sandbox.store import Store, StoreUnavailable

MEASURED, DID_NOT_RUN = 0, 2
Parts = dict[str, Callable[[Size, IO[str]], Iterable[Measure]]]
PARTS: Parts = {
    "submit": lambda size, _logs: jobs_submit.measures(size),
    "idle": jobs_idle.measures,
    "drain": jobs_drain.measures,
    "bytes": jobs_bytes.measures,
}

LONG = frozenset({"million"})
"""Parts that are measured only where they are asked for."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and report; returns the exit status."""
    return play("bench.jobs", __doc__ or "", PARTS, jobs_report.MARKS, arguments)


def play(
    module: str,
    says: str,
    parts: Parts,
    marks: Marks,
    arguments: Sequence[str] | None,
) -> int:
    """Measure the parts of a benchmark and report; returns the exit status.

    Args:
        module: its name, as it is called.
        says: its help.
        parts: what it measures.
        marks: where in a page its section is.
        arguments: of the command line.
    """
    given = _parser(module, says, parts).parse_args(arguments)
    for name in [name for name in os.environ if name.startswith("SOURCES_")]:
        del os.environ[name]  # default settings are the point
    signal.signal(signal.SIGTERM, _leave)  # so that everything is ended
    with tempfile.TemporaryFile("w+") as logs:
        try:
            report = _measure(module, parts, given, logs)
        except (StoreUnavailable, RuntimeError, OSError, redis.RedisError) as error:
            logs.seek(0)
            sys.stderr.write(logs.read()[-4000:])
            print(f"the run did not work: {error!r}", file=sys.stderr)
            return DID_NOT_RUN
        except KeyboardInterrupt:
            print("interrupted; everything is ended", file=sys.stderr)
            return DID_NOT_RUN
    if given.json:
        given.json.write_bytes(msgspec.json.encode(report))
    if given.markdown:
        section = jobs_report.markdown(report)
        jobs_report.write_section(given.markdown, section, marks)
    print(jobs_report.text(report))
    return MEASURED


def _measure(
    module: str,
    parts: Parts,
    given: argparse.Namespace,
    logs: IO[str],
) -> Report:
    size = QUICK if given.quick else Size()
    with Store.start() as store, redis.Redis.from_url(store.url) as admin:
        machine = jobs_report.here(jobs_bytes.told(admin))
    measures: list[Measure] = []
    for part in given.only or [part for part in parts if part not in LONG]:
        print(f"{part} ...", file=sys.stderr)
        measures += parts[part](size, logs)
    played = f"python -m {module}" + " --quick" * given.quick
    return Report(played=played, machine=machine, measures=measures)


def _leave(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _parser(module: str, says: str, parts: Parts) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"python -m {module}",
        description=says,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--only", nargs="+", choices=parts, help="not all parts")
    add("--quick", action="store_true", help="a smoke run: its figures mean nothing")
    add("--json", type=Path, metavar="FILE", help="write figures and samples")
    add("--markdown", type=Path, metavar="PAGE", help="write the table into a page")
    return parser


if __name__ == "__main__":
    sys.exit(main())
