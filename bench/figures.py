"""What benchmarks of rates and lanes share: options, the report, the exit status.

Unlike `bench.jobs`, which says how fast it is, these hold a promise: a target that is
missed is an exit status of 1.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, NamedTuple, NoReturn, TypeAlias

import msgspec
import redis

from bench import jobs_bytes, jobs_report
from bench.jobs_report import Marks, Measure, Report
from sandbox.store import Store, StoreUnavailable

MET, MISSED, DID_NOT_RUN = 0, 1, 2
SHORTEST = 5.0
"""Seconds of a window in which anything can be measured."""

Part: TypeAlias = Callable[[float | None, IO[str]], Iterable[Measure]]
"""Measures, over so many seconds (None: as many as its target is stated for), and has
its processes log into the file."""


class Bench(NamedTuple):
    """A benchmark: its name as a module, what it says of itself, and its parts."""

    module: str
    about: str
    marks: Marks
    parts: Mapping[str, Part]


def play(bench: Bench, arguments: Sequence[str] | None) -> int:
    """Measure and report.

    Returns:
        0 where every target was met, 1 where one was missed, 2 where it did not work.
    """
    given = _parser(bench).parse_args(arguments)
    for name in [name for name in os.environ if name.startswith("SOURCES_")]:
        del os.environ[name]  # settings are those that are stated
    signal.signal(signal.SIGTERM, _leave)  # so that everything is ended
    with tempfile.TemporaryFile("w+") as logs:
        try:
            report = _measure(bench, given, logs)
        except (StoreUnavailable, RuntimeError, OSError, redis.RedisError) as error:
            sys.stderr.write(_tail(logs))
            print(
                f"the run did not work: {error!r} ({error.__cause__!r})",
                file=sys.stderr,
            )
            return DID_NOT_RUN
        except KeyboardInterrupt:
            print("interrupted; everything is ended", file=sys.stderr)
            return DID_NOT_RUN
        if given.logs:
            given.logs.write_text(_tail(logs, None), encoding="utf-8")
    if given.json:
        given.json.write_bytes(msgspec.json.encode(report))
    if given.markdown:
        section = jobs_report.markdown(report)
        jobs_report.write_section(given.markdown, section, bench.marks)
    print(jobs_report.text(report))
    return MET if all(measure.met for measure in report.measures) else MISSED


def _measure(bench: Bench, given: argparse.Namespace, logs: IO[str]) -> Report:
    with Store.start() as store, redis.Redis.from_url(store.url) as admin:
        machine = jobs_report.here(jobs_bytes.told(admin))
    measures: list[Measure] = []
    for part in given.only or bench.parts:
        print(f"{part} ...", file=sys.stderr)
        measures += bench.parts[part](given.seconds, logs)
    words = ["python -m", bench.module]
    words += ["--only", *given.only] if given.only else []
    words += [f"--seconds {given.seconds:g}"] if given.seconds else []
    return Report(played=" ".join(words), machine=machine, measures=measures)


def _tail(logs: IO[str], length: int | None = 4000) -> str:
    logs.seek(0)
    text = logs.read()
    return text if length is None else text[-length:]


def _leave(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _seconds(text: str) -> float:
    seconds = float(text)
    if seconds < SHORTEST:
        raise argparse.ArgumentTypeError(f"at least {SHORTEST:g}")
    return seconds


def _parser(bench: Bench) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"python -m {bench.module}",
        description=bench.about,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--only", nargs="+", choices=bench.parts, help="not all parts")
    add("--seconds", type=_seconds, help="a shorter run: length of what is measured")
    add("--json", type=Path, metavar="FILE", help="write figures and samples")
    add("--logs", type=Path, metavar="FILE", help="write what the workers logged")
    add("--markdown", type=Path, metavar="PAGE", help="write the table into a page")
    return parser
