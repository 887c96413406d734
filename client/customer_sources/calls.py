"""What the sync and the async client share: arguments in, answers out. Pure.

Each client only carries these to the store, with or without `await`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple, TypeVar

import msgspec

from customer_sources import requests, submission
from customer_sources.contract.commands import Command
from customer_sources.contract.envelope import MOST_IDS, envelope
from customer_sources.contract.errors import (
    CommandInvalid,
    CustomerSourcesError,
    JobConflict,
)
from customer_sources.contract.events import terminal_event
from customer_sources.contract.names import Class, Keys
from customer_sources.contract.states import State
from customer_sources.submission import Submission

T = TypeVar("T")

DEFAULT_URL = "redis://127.0.0.1:6379/0"
LOOK_AGAIN_SECONDS = 30.0
"""While waiting for an end: published ends can be missed, so look now and then."""
HOUR_MS = 3_600_000
RETENTION_MS = 24 * HOUR_MS
KEY_WINDOW_MS = 7 * 24 * HOUR_MS
EVENTS_HARD_CAP = 5_000_000
CHUNK = 500
"""Commands that travel to the store at once: large enough to make the round trip
cheap, small enough that the store answers others in between."""


FEWEST_IDS = 10
SPREAD = 8
"""Messages that a chunk's wake-ups are spread over, if it is large enough."""


class Submitted(NamedTuple):
    """What became of one command of `submit_many`."""

    job_id: str
    """The job, or the id with which to repeat the command; "" where it is invalid."""
    state: State | None
    """None where there is an error."""
    error: CustomerSourcesError | None


def chunks(items: Iterable[T], size: int = CHUNK) -> Iterable[list[T]]:
    """Cut an iterable into lists, without reading ahead."""
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk


def prepare_many(
    keys: Keys, commands: Sequence[Mapping[str, Any]]
) -> list[Submission | CommandInvalid]:
    """Build each command that is valid, without a message of its own."""
    return [_prepare(keys, command) for command in commands]


def _prepare(keys: Keys, command: Mapping[str, Any]) -> Submission | CommandInvalid:
    try:
        return requests.build(keys, command, may_repeat=True, ring=False)
    except CommandInvalid as error:
        return error


class Tally:
    """Collects what became of a chunk, and for whom workers are to be woken."""

    def __init__(self, prepared: Sequence[Submission | CommandInvalid]) -> None:
        self._prepared = prepared
        self.valid = [one for one in prepared if isinstance(one, Submission)]
        self._to_ring: dict[Class, list[str]] = {}

    def results(
        self, replies: Sequence[Any], failure: CustomerSourcesError | None = None
    ) -> list[Submitted]:
        """Say of each command, in order, what became of it.

        Args:
            replies: the script's answers for `valid`, in order.
            failure: what befell the whole chunk; then there are no replies.
        """
        answers = iter(replies)
        results = []
        for one in self._prepared:
            if isinstance(one, CommandInvalid):
                results.append(Submitted("", None, one))
            elif failure is not None:
                results.append(Submitted(one.job_id, None, failure))
            else:
                results.append(self._result(one, next(answers)))
        return results

    def messages(self, keys: Keys) -> list[tuple[str, str]]:
        """Write the few messages that wake workers up for all: (list, entry).

        A message goes to one worker, so a handful of jobs is spread over several.
        """

        def size(ids: Sequence[str]) -> int:
            return min(MOST_IDS, max(FEWEST_IDS, len(ids) // SPREAD))

        return [
            (
                keys.queue(job_class.queue),
                envelope(job_class.queue, ids[start : start + size(ids)]),
            )
            for job_class, ids in self._to_ring.items()
            for start in range(0, len(ids), size(ids))
        ]

    def _result(self, one: Submission, reply: Any) -> Submitted:
        try:
            taken = submission.accepted(one, reply)
        except JobConflict as conflict:
            return Submitted(one.job_id, None, conflict)
        if taken.ring:
            self._to_ring.setdefault(one.job_class, []).append(one.job_id)
        return Submitted(one.job_id, taken.state, None)


def cancel_arguments(keys: Keys, job_id: str, command: Command | None) -> list[Any]:
    """Write the arguments of cancel.lua, the event that it may tell among them."""
    error = {"code": "cancelled", "message": "cancelled before anything was sent"}
    event = terminal_event(
        job_id,
        command,
        State.CANCELLED,
        now_ms=time.time_ns() // 1_000_000,
        details=error,
    )
    return [
        keys.prefix,
        job_id,
        msgspec.json.encode(error),
        event.encode(),
        RETENTION_MS,
        KEY_WINDOW_MS,
        EVENTS_HARD_CAP,
    ]
