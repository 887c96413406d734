"""The story of a run, for the person who will ask what happened to a job.

One JSON line for each run: what every request came back with, and what was decided.
Statuses, codes and request ids only; no parameter of a command ever stands in it.
"""

from __future__ import annotations

import time
from typing import Any, assert_never

import msgspec

from worker.answers import Answered, MaybeSent, NotSent, TryResult
from worker.outcomes import Later, Outcome

MOST_TRIES = 20
"""Told of one run, the latest: a list of a thousand sources has ten pages."""
LONGEST_WORD = 64


class Story:
    """What one run's requests came back with."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._tries: list[dict[str, Any]] = []

    def add(self, result: TryResult, *, read: bool = False) -> None:
        """Take a try down; `read`: it only looked at what Stripe has."""
        told: dict[str, Any] = {"ms": self._elapsed(), "read": read}
        match result:
            case Answered():
                told["status"] = result.status
                told["request"] = result.request_id[:LONGEST_WORD]
                told["code"] = result.code[:LONGEST_WORD]
                told["replayed"] = result.replayed
            case NotSent(reason):
                told["not_sent"] = reason[:LONGEST_WORD]
            case MaybeSent(reason):
                told["no_answer"] = reason[:LONGEST_WORD]
            case _:
                assert_never(result)
        self._tries.append({name: value for name, value in told.items() if value})
        del self._tries[:-MOST_TRIES]

    @property
    def is_short(self) -> bool:
        """Whether there was one request, and it was answered."""
        return len(self._tries) == 1 and "status" in self._tries[0]

    def line(self, number: int, outcome: Outcome, delay: float | None = None) -> bytes:
        """Write the run's line.

        Args:
            number: which run of the job.
            outcome: what was decided.
            delay: seconds until the job is looked at again, where it has not ended.
        """
        line: dict[str, Any] = {
            "what": "run",
            "run": number,
            "ms": self._elapsed(),
            "tries": self._tries,
            "outcome": type(outcome).__name__.lower(),
            "code": outcome.code[:LONGEST_WORD],
        }
        if isinstance(outcome, Later):
            line["unknown"] = outcome.unknown
            line["again_in"] = round(delay or 0, 1)
        return msgspec.json.encode(line)

    def _elapsed(self) -> int:
        return round((time.monotonic() - self._started) * 1000)
