"""The story of a job as the ledger kept it: runs, requests, waits, decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened. No parameter of the command ever stands in it."""

    at: int
    """When it was written down, in milliseconds since the epoch."""
    what: str
    """`run`, `worker_gone`, `lease_ran_out`, `store_restarted`, `cancel_asked`,
    `put_forward` (by a sweep); more may come, and are to be shown as they are."""
    facts: Mapping[str, Any] = {}
    """Of a run: `run`, `ms`, `tries`, `outcome`, `code`, and where the job went on
    `unknown` and `again_in` (seconds). Of a try: `ms` since the run's start, then
    `status`, `request`, `code`, `replayed`, `read` (it only looked);
    or `not_sent` or `no_answer` with why."""


def parse_history(stored: Sequence[Any]) -> list[Line]:
    """Read stored lines, oldest first; what cannot be read is left out."""
    return [line for text in stored if (line := _parse(text)) is not None]


def _parse(text: str) -> Line | None:
    moment, _, rest = text.partition(" ")
    try:
        facts = msgspec.json.decode(rest)
        return Line(at=int(moment), what=str(facts.pop("what")), facts=facts)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
