"""Trying again within a run, as long as it is a matter of seconds."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_result

from worker import delays
from worker.outcomes import Later

T = TypeVar("T")


class Retrying:
    """Repeats attempts that came back with a `Later` worth a moment's wait.

    Args:
        rng: the chance in delays.
        stopping: whether the process is to stop, so that nothing is repeated.
    """

    def __init__(self, rng: random.Random, stopping: Callable[[], bool]) -> None:
        self._rng = rng
        self._stopping = stopping

    async def run(self, attempt: Callable[..., Awaitable[T]], *args: Any) -> T:
        """Return what the attempt comes to in the end."""
        first = await attempt(*args)
        if not _is_worth_a_moment(first):
            return first  # nearly always; the machinery below costs a tenth of a run
        made = [first]

        async def again() -> T:
            return made.pop() if made else await attempt(*args)

        retrying = AsyncRetrying(
            retry=retry_if_result(_is_worth_a_moment),
            wait=self._pause,
            stop=self._is_enough,
            retry_error_callback=_last_outcome,
        )
        return await retrying(again)

    def _is_enough(self, state: RetryCallState) -> bool:
        """Whether a run that has not decided anything gives way to a wake-up."""
        return (
            self._stopping()
            or state.attempt_number >= delays.QUICK_TRIES
            or (state.seconds_since_start or 0) >= delays.QUICK_SECONDS
        )

    def _pause(self, state: RetryCallState) -> float:
        outcome = _last_outcome(state)
        asked = outcome.delay if isinstance(outcome, Later) and outcome.delay else 0.0
        return max(asked, delays.quick(state.attempt_number, self._rng))


def _is_worth_a_moment(outcome: object) -> bool:
    """Whether the next try belongs into this run."""
    if not isinstance(outcome, Later) or not outcome.soon:
        return False
    return outcome.delay is None or outcome.delay <= delays.LONGEST_QUICK


def _last_outcome(state: RetryCallState) -> Any:
    return state.outcome.result() if state.outcome else None
