"""Settling jobs in review one after another, paced, and telling what became of each."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from enum import StrEnum

import msgspec

from customer_sources import JobNotFound, NotInReview
from customer_sources.review import ReviewItem
from worker.cli.exits import Exit
from worker.cli.say import out, print_json
from worker.cli.tell import Output


class Did(StrEnum):
    """What became of one job."""

    REPLAYED = "replayed"
    DISCARDED = "discarded"
    WOULD = "would"
    """`--dry-run`: nothing was changed."""
    ALREADY = "already"
    """Somebody had done the same before."""
    NOT_IN_REVIEW = "not in review"
    NOT_FOUND = "not found"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One job as it is told."""

    job: str
    did: Did
    says: str = ""
    replay: str = ""
    """The id of the new job."""

    def __str__(self) -> str:
        words = [
            self.job,
            self.did.value,
            *(["as", self.replay] if self.replay else []),
        ]
        return " ".join(words) + (f": {self.says}" if self.says else "")


Act = Callable[[str], Row]
Show = Callable[[str], ReviewItem]


class Pace:
    """Lets so many a second through.

    Args:
        per_second: how many; more than 0.
    """

    def __init__(self, per_second: float) -> None:
        self._every = 1 / per_second
        self._next = time.monotonic()

    def wait(self) -> None:
        """Wait for the next turn; the first one is at once."""
        now = time.monotonic()
        time.sleep(max(0.0, self._next - now))
        self._next = max(self._next, now) + self._every


def judged(job_id: str, act: Act) -> Row:
    """Do it; a job that is not there, or not in review, is a row like any other."""
    try:
        return act(job_id)
    except JobNotFound as error:
        other = "" if error.job_id == job_id else str(error)
        return Row(job=job_id, did=Did.NOT_FOUND, says=other)
    except NotInReview as error:
        return Row(job=job_id, did=Did.NOT_IN_REVIEW, says=f"it is {error.state}")


def settle(jobs: Iterable[str], act: Act, pace: Pace, output: Output) -> Exit:
    """Settle jobs and tell of each; however it ends, what was done is told."""
    rows: list[Row] = []
    try:
        for job_id in jobs:
            pace.wait()
            row = judged(job_id, act)
            rows.append(row)
            if output is Output.TEXT:
                out.print(str(row), soft_wrap=True, markup=False)
    finally:
        _sum_up(rows, output)
    found = {row.did for row in rows}
    if Did.NOT_FOUND in found:
        return Exit.NOT_FOUND
    return Exit.FAILED if Did.NOT_IN_REVIEW in found else Exit.OK


def _sum_up(rows: list[Row], output: Output) -> None:
    counts = Counter(row.did.value for row in rows)
    if output is Output.JSON:
        print_json({"jobs": rows, "summary": counts})
        return
    words = ", ".join(f"{count} {did}" for did, count in counts.items())
    out.print(words or "no job like that in review", soft_wrap=True, markup=False)
