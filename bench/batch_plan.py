"""How fast a file is planned, and in how much memory: `python -m bench.batch_plan`.

Each file is planned by a process of its own; what is measured is its processor time, so
that others on the machine do not count, and the most memory it ever had.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

ROWS = (100_000, 1_000_000)
LEAST_ROWS_A_SECOND = 20_000
MOST_MEGABYTES = 200
HEADER = "operation,customer,id,source,exp_month,exp_year,metadata.order_id,reference\n"


class Figures(NamedTuple):
    """What one plan cost."""

    rows: int
    form: str
    rows_a_second: float
    megabytes: float
    """Most resident memory, the interpreter and all modules included."""
    bytes_a_row: float
    """Of the plan's chunks."""

    @property
    def met(self) -> bool:
        """Whether both targets were met."""
        fast = self.rows_a_second >= LEAST_ROWS_A_SECOND
        return fast and self.megabytes <= MOST_MEGABYTES


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; print a line for each file. 1 where a target was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=ROWS)
    parser.add_argument("--formats", nargs="+", choices=_WRITERS, default=[*_WRITERS])
    parser.add_argument("--one", metavar="FILE", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.one:
        print(msgspec.json.encode(_plan(Path(given.one))).decode())
        return 0
    all_met = True
    for rows in given.rows:
        for form in given.formats:
            figures = _measure(rows, form)
            all_met &= figures.met
            print(
                f"{figures.rows:>9,} rows of {form:5}  "
                f"{figures.rows_a_second:>7,.0f} rows/s  "
                f"{figures.megabytes:>4.0f} MB  "
                f"{figures.bytes_a_row:.1f} bytes a row in the plan",
                flush=True,
            )
    return 0 if all_met else 1


def _measure(rows: int, form: str) -> Figures:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, f"rows.{form}")
        with file.open("w") as sink:
            sink.writelines(_WRITERS[form](rows))
        words = [sys.executable, "-m", "bench.batch_plan", "--one", str(file)]
        done = subprocess.run(words, check=True, capture_output=True)
    return msgspec.json.decode(done.stdout, type=Figures)


def _plan(file: Path) -> Figures:
    from worker.batches.opening import open_input  # noqa: PLC0415  their memory counts
    from worker.batches.planning import Wanted, plan  # noqa: PLC0415  likewise

    started = time.process_time()
    with open_input(str(file)) as opened:
        manifest = plan(opened, file.parent / "plan", Wanted()).manifest
    took = time.process_time() - started
    assert manifest.rejected == 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return Figures(
        rows=manifest.rows,
        form=file.suffix,
        rows_a_second=manifest.rows / took,
        megabytes=peak / (2**20 if sys.platform == "darwin" else 2**10),
        bytes_a_row=manifest.size / manifest.rows,
    )


def _csv(rows: int) -> Iterator[str]:
    """Write rows in pairs: a new card, and a new expiry of an old one."""
    yield HEADER
    for number in range(rows):
        customer = f"cus_{number // 4:014}"
        if number % 2:
            month = number % 12 + 1
            card = f"card_{number:014}"
            yield f"update,{customer},{card},,{month},2031,order-{number},\n"
        else:
            yield f"create,{customer},,tok_visa,,,order-{number},row-{number}\n"


def _jsonl(rows: int) -> Iterator[str]:
    for number in range(rows):
        head = f'"customer":"cus_{number // 4:014}"'
        tail = f'"metadata":{{"order_id":"order-{number}"}}'
        if number % 2:
            middle = (
                f'"operation":"update","id":"card_{number:014}",'
                f'"exp_month":{number % 12 + 1},"exp_year":2031'
            )
        else:
            middle = (
                f'"operation":"create","source":"tok_visa","reference":"row-{number}"'
            )
        yield f"{{{head},{middle},{tail}}}\n"


_WRITERS = {"csv": _csv, "jsonl": _jsonl}

if __name__ == "__main__":
    sys.exit(main())
