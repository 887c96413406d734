"""A batch: what a row costs, side by side with what one would use instead.

    python -m bench.batch --markdown docs/performance.md

Its parts: `drain`, rows a second and their CPU; `store`, bytes, upload and memory; and,
where it is asked for (half an hour), `million`: `store` with ten times as many rows.

Exit status: 0 it was measured, whether or not the targets were met; 2 it did not work.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from bench import batch_drain, batch_store, jobs
from bench.jobs import Parts
from bench.jobs_report import Marks

PARTS: Parts = {
    "drain": batch_drain.measures,
    "store": batch_store.measures,
    "million": batch_store.ten_times,
}
MARKS = Marks("<!-- batch: written by `make bench-batch` -->", "<!-- end of batch -->")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and report; returns the exit status."""
    return jobs.play("bench.batch", __doc__ or "", PARTS, MARKS, arguments)


if __name__ == "__main__":
    sys.exit(main())
