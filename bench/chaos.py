"""Chaos: thousands of jobs while everything is killed, and then an account.

    python -m bench.chaos --seed 7 --minutes 10

Real workers on a real store with an append-only file, against the sandbox. Workers are
killed, stopped and asked to leave; connections are cut; the store is killed, restarted
and hangs; more than one request in five to Stripe goes wrong. docs/chaos.md says how to
read it.

Exit status: 0 the promise held, 1 it was broken, 2 the run itself did not work.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import msgspec

from bench import chaos_plan, chaos_report
from bench.chaos_account import Account, add_up
from bench.chaos_run import Chaos, play
from bench.chaos_witnesses import Witnesses
from sandbox.store import StoreUnavailable

HELD, BROKEN, DID_NOT_RUN = 0, 1, 2
HASTE = {"read_seconds": "3", "request_seconds": "5", "quiet_seconds": "5"}
"""For a short run: an unanswered request of a sandbox on this machine cannot arrive a
minute later, so a verdict of doubt need not wait for that."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What `--json` writes."""

    played: str
    account: Account
    witnesses: Witnesses


def main(arguments: Sequence[str] | None = None) -> int:
    """Play, add up, report; returns the exit status."""
    given = _parser().parse_args(arguments)
    chaos = Chaos(
        seed=given.seed,
        minutes=given.minutes,
        workers=given.workers,
        rate=given.rate,
        customers=given.customers,
        patience=given.patience,
        settings=HASTE if given.haste else {},
    )
    if given.plan:
        print(chaos_plan.told(chaos.plan))
        return HELD
    for name in [name for name in os.environ if name.startswith("SOURCES_")]:
        del os.environ[name]  # default settings are the point
    signal.signal(signal.SIGTERM, _leave)  # so that everything is ended
    started = time.monotonic()

    def say(news: str) -> None:
        if not given.quiet:
            print(f"[{time.monotonic() - started:7.1f}] {news}", file=sys.stderr)

    try:
        witnesses = play(chaos, say, given.keep)
    except (StoreUnavailable, RuntimeError, OSError) as error:
        print(f"the run did not work: {error!r} ({error.__cause__!r})", file=sys.stderr)
        return DID_NOT_RUN
    except KeyboardInterrupt:
        print("interrupted; everything is ended", file=sys.stderr)
        return DID_NOT_RUN
    return conclude(witnesses, given)


def conclude(witnesses: Witnesses, given: argparse.Namespace) -> int:
    """Judge, write what was asked for, and turn the verdict into an exit status."""
    account, weather = add_up(witnesses), witnesses.weather
    played = " ".join(["python -m bench.chaos", *_words(given)])
    if given.json:
        report = Report(played=played, account=account, witnesses=witnesses)
        given.json.write_bytes(msgspec.json.encode(report))
    if given.markdown:
        section = chaos_report.markdown(account, weather, played)
        chaos_report.write_section(given.markdown, section)
    print(chaos_report.text(account, weather))
    return BROKEN if account.broken else HELD


def _words(given: argparse.Namespace) -> list[str]:
    """Write the options that play this run again: what differs from a usual one."""
    words = [f"--seed {given.seed}", f"--minutes {given.minutes:g}"]
    usual = _parser().parse_args([])
    words += [
        f"--{name} {value:g}"
        for name in ("workers", "rate", "customers", "patience")
        if (value := getattr(given, name)) != getattr(usual, name)
    ]
    return [*words, *(["--haste"] if given.haste else [])]


def _leave(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.chaos",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add, usual = parser.add_argument, Chaos(seed=1, minutes=10)
    add("--seed", type=int, default=usual.seed, help="the plan, and all orders")
    add("--minutes", type=float, default=usual.minutes, help="length of the plan")
    add("--workers", type=int, default=usual.workers, help="worker processes")
    add("--rate", type=float, default=usual.rate, help="orders a second")
    add("--customers", type=int, default=usual.customers, help="of each account")
    add("--patience", type=float, default=usual.patience, help="seconds for the rest")
    add("--haste", action="store_true", help="short time limits, for a short run")
    add("--plan", action="store_true", help="print the plan, do nothing")
    add("--quiet", action="store_true", help="no news while it runs")
    add("--keep", type=Path, metavar="DIR", help="keep the store and the logs there")
    add("--json", type=Path, metavar="FILE", help="write account and witnesses")
    add("--markdown", type=Path, metavar="PAGE", help="write the report into a page")
    return parser


if __name__ == "__main__":
    sys.exit(main())
