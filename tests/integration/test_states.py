"""`TRANSITIONS`, walked against the real store: every row is a step, and no step else.

Each test brings a job into one situation and lets every script at it, with the right
token and a stale one. What changed must be a row; all rows together must have changed.
"""

from __future__ import annotations

import itertools
from datetime import timedelta
from functools import partial

import pytest
import redis

from customer_sources import CustomerSources, State
from customer_sources.contract.names import Keys
from customer_sources.contract.states import TERMINAL, TRANSITIONS, Transition
from tests.integration.situations import (
    MINE,
    SITUATIONS,
    Act,
    World,
    late,
    running,
    waiting_in_doubt,
)
from worker.ledger import Ledger

STALE = "stale"
ROWS = {(row.source, row.target, row.script) for row in TRANSITIONS}
Step = tuple[State | None, State | None, str]
Attempt = tuple[str, Act]


@pytest.fixture
def world(
    client: CustomerSources, ledger: Ledger, db: redis.Redis, keys: Keys
) -> World:
    return World(client, ledger, db, keys)


# --- everything that the scripts can be asked


def with_token(script: str, token: str) -> list[Attempt]:
    """Ask a script for a run, in every way that it can be asked."""
    if script == "defer":
        return [
            (script, lambda w, j: w.defer(j, token)),
            (script, lambda w, j: w.defer(j, token, delay_ms=0)),
            (script, lambda w, j: w.defer(j, token, unknown=True)),
        ]
    if script == "commit":
        return [
            (script, partial(World.commit, token=token, state=state, unknown=unknown))
            for state in sorted(TERMINAL)
            for unknown in (False, True)
        ]
    return [(script, lambda w, j: getattr(w, script)(j, token))]


ATTEMPTS: list[Attempt] = [
    ("submit", lambda w, j: w.submit(j)),
    ("submit", lambda w, j: w.submit(j, not_before=timedelta(hours=1))),
    ("cancel", lambda w, j: w.cancel(j)),
    ("replay", lambda w, j: w.replay_as(j)),
    ("lay_aside", lambda w, j: w.lay_aside(j)),
    ("take_due", lambda w, j: w.upkeep(j)),
    ("take_due", lambda w, j: w.upkeep(j, elapsed=True)),
    *(
        attempt
        for script in ("claim", "send", "heartbeat", "defer", "commit")
        for token in (MINE, STALE, "")
        for attempt in with_token(script, token)
    ),
]


async def step(world: World, situation: Act, attempt: Attempt) -> Step | None:
    """Let one script at a new job in this situation; tell what changed, if anything."""
    script, act = attempt
    job = world.subject()
    await situation(world, job)
    before, told = world.state(job), world.told()
    await act(world, job)
    after = world.state(job)
    if after == before:
        assert world.told() == told
        return None
    assert world.told() == told + (after in TERMINAL)
    return before, after, script


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda it: it.__name__)
async def test_no_script_makes_a_step_that_is_no_row(
    world: World, situation: Act
) -> None:
    seen = [await step(world, situation, attempt) for attempt in ATTEMPTS]

    assert {change for change in seen if change} <= ROWS


@pytest.mark.parametrize(
    "row", TRANSITIONS, ids=lambda row: f"{row[0]}-{row[1]}-{row[2]}"
)
async def test_every_row_is_a_step_that_its_script_makes(
    world: World, row: Transition
) -> None:
    wanted: Step = (row.source, row.target, row.script)
    asked = [attempt for attempt in ATTEMPTS if attempt[0] == row.script]
    for situation, attempt in itertools.product(SITUATIONS, asked):
        if await step(world, situation, attempt) == wanted:
            return
    pytest.fail("no situation in which this script makes this step")


@pytest.mark.parametrize("situation", [waiting_in_doubt, late])
async def test_what_may_have_been_done_is_not_cancelled(
    world: World, situation: Act
) -> None:
    job = world.subject()
    await situation(world, job)

    await world.cancel(job)
    assert world.state(job) not in TERMINAL


@pytest.mark.parametrize("situation", [running, late])
@pytest.mark.parametrize("state", [State.FAILED, State.CANCELLED])
async def test_what_is_in_doubt_does_not_end_as_if_nothing_had_happened(
    world: World, situation: Act, state: State
) -> None:
    job = world.subject()
    await situation(world, job)

    await world.commit(job, MINE, state, unknown=True)
    assert world.state(job) not in TERMINAL


def test_an_end_is_never_left_again() -> None:
    assert not any(source in TERMINAL for source, _, _ in ROWS)
    assert {target for _, target, _ in ROWS} == set(State)
