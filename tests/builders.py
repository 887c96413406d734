"""Plain functions that make what tests need. No fixtures, no state."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import redis

from customer_sources.contract.names import Keys
from customer_sources.contract.states import State
from worker.replies import Ending

T = TypeVar("T")

KEPT = {"appendfsync": "always"}
"""Settings of a store that loses nothing it has answered for. With a sync every second
a slow disk lets a kill undo the last two seconds, as `docs/guarantees.md` says."""


def ending(state: State = State.SUCCEEDED, *, unknown: bool = False) -> Ending:
    """What a commit writes; contents do not matter to the ledger."""
    return Ending(
        state=state,
        code=state.value,
        result=b'{"id":"card_1"}',
        event=b'{"id":"e","type":"t","source":"s","time":"now"}',
        unknown=unknown,
        review=state is State.NEEDS_REVIEW,
    )


def wait_until(look: Callable[[], T], description: str, seconds: float = 30.0) -> T:
    """Look until something true is seen; fail with a sentence, never sleep blindly."""
    ends_at = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < ends_at, f"waited {seconds} s for {description}"
        time.sleep(0.01)
    return seen


def expire(db: redis.Redis, keys: Keys, job_id: str) -> None:
    """Let a job's lease run out, as time would."""
    db.hset(keys.job(job_id), "lease_until", 1)
    come_due(db, keys, job_id)


def pass_time(db: redis.Redis, keys: Keys, job_id: str, *moments: str) -> None:
    """Let moments of a record lie a minute and a half further back, as time would."""
    for name in moments:
        db.hincrby(keys.job(job_id), name, -90_000)


def come_due(
    db: redis.Redis, keys: Keys, job_id: str, job_class: str = "interactive"
) -> None:
    """Let a job's wake-up come due, as time would."""
    if db.hexists(keys.job(job_id), "due"):
        db.hset(keys.job(job_id), "due", 1)
    db.zadd(keys.wake(job_class), {f"j:{job_id}": 1}, xx=True)
