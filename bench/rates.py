"""What becomes of a limit: how much of it is used, and who waits for whom.

    python -m bench.rates --markdown docs/performance.md

Every part has a store, a sandbox that holds the limit, and workers with default rates:
the sandbox's journal tells what was sent and when, and this process tells how long jobs
took. Run it on a machine that does nothing else; all parts take about 23 minutes.

Exit status: 0 every target was met; 1 one was missed; 2 it did not work.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from bench import (
    figures,
    rates_allowance,
    rates_beside,
    rates_crowd,
    rates_outage,
)
from bench.jobs_report import Marks

BENCH = figures.Bench(
    module="bench.rates",
    about=__doc__,
    marks=Marks(
        "<!-- rates: written by `make bench-rates` -->", "<!-- end of rates -->"
    ),
    parts={
        "allowance": rates_allowance.measures,
        "beside": rates_beside.measures,
        "batch": rates_beside.batch_measures,
        "crowd": rates_crowd.measures,
        "outage": rates_outage.measures,
    },
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and report; returns the exit status."""
    return figures.play(BENCH, arguments)


if __name__ == "__main__":
    sys.exit(main())
