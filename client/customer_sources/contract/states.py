"""The states of a job and every way from one to another.

`TRANSITIONS` is the table that the Lua scripts implement; docs/states.md is drawn
from it and a test walks each row against a real store.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class State(StrEnum):
    """Where a job is. The last four are terminal and are written exactly once."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    NEEDS_REVIEW = "needs_review"
    CANCELLED = "cancelled"

    @property
    def is_terminal(self) -> bool:
        """Whether the job has ended and told its one terminal event."""
        return self in TERMINAL


TERMINAL = frozenset(
    {State.SUCCEEDED, State.FAILED, State.NEEDS_REVIEW, State.CANCELLED}
)


class Transition(NamedTuple):
    """One row: the script that makes the step, and when it does."""

    source: State | None
    target: State
    script: str
    when: str


TRANSITIONS = (
    Transition(None, State.QUEUED, "submit", "accepted"),
    Transition(None, State.WAITING, "submit", "accepted with a not_before ahead"),
    Transition(None, State.QUEUED, "replay", "another job of the command, from review"),
    Transition(State.QUEUED, State.RUNNING, "claim", "head of its lane"),
    Transition(State.WAITING, State.RUNNING, "claim", "due, before upkeep saw it"),
    Transition(State.WAITING, State.QUEUED, "take_due", "due"),
    Transition(State.RUNNING, State.QUEUED, "take_due", "lease ran out"),
    Transition(State.QUEUED, State.RUNNING, "heartbeat", "holder was only late"),
    Transition(State.RUNNING, State.WAITING, "defer", "to be tried again later"),
    Transition(State.QUEUED, State.WAITING, "defer", "holder was only late"),
    Transition(State.RUNNING, State.SUCCEEDED, "commit", "Stripe did it"),
    Transition(State.RUNNING, State.FAILED, "commit", "Stripe is known not to have"),
    Transition(State.RUNNING, State.NEEDS_REVIEW, "commit", "nobody can know"),
    Transition(State.RUNNING, State.CANCELLED, "commit", "asked, nothing was sent"),
    Transition(State.QUEUED, State.SUCCEEDED, "commit", "holder was only late"),
    Transition(State.QUEUED, State.FAILED, "commit", "holder was only late"),
    Transition(State.QUEUED, State.NEEDS_REVIEW, "commit", "holder was only late"),
    Transition(State.QUEUED, State.CANCELLED, "commit", "holder was only late"),
    Transition(State.QUEUED, State.NEEDS_REVIEW, "lay_aside", "its record is damaged"),
    Transition(State.WAITING, State.NEEDS_REVIEW, "lay_aside", "its record is damaged"),
    Transition(State.RUNNING, State.NEEDS_REVIEW, "lay_aside", "damaged while it ran"),
    Transition(State.QUEUED, State.CANCELLED, "cancel", "nothing can have been sent"),
    Transition(State.WAITING, State.CANCELLED, "cancel", "nothing can have been sent"),
)
