"""Order per customer: 10,000 jobs, 500 customers, four workers, answers get lost.

    python -m bench.lanes --markdown docs/performance.md

No limit is in the way, so that workers race as fast as they can. What was submitted is
held against what the sandbox's journal says was done. And what a job costs in a lane of
100,000.

Exit status: 0 every target was met; 1 one was missed; 2 it did not work.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from bench import figures, lanes_length, lanes_run
from bench.jobs_report import Marks

BENCH = figures.Bench(
    module="bench.lanes",
    about=__doc__,
    marks=Marks(
        "<!-- lanes: written by `make bench-lanes` -->", "<!-- end of lanes -->"
    ),
    parts={"order": lanes_run.measures, "length": lanes_length.measures},
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and report; returns the exit status."""
    return figures.play(BENCH, arguments)


if __name__ == "__main__":
    sys.exit(main())
