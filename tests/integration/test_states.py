"""`TRANSITIONS`, walked against the real store: every row is a step, and no step else.

Each test brings a job into one situation and lets every script at it, with the right
token and a stale one. What changed must be a row; all rows together must have changed.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple

import pytest
import redis

from customer_sources import CustomerSources, JobConflict, JobNotFound, State
from customer_sources.contract.ids import new_job_id
from customer_sources.contract.names import Keys
from customer_sources.contract.states import TERMINAL, TRANSITIONS, Transition
from customer_sources.submission import Options
from tests.builders import come_due, ending, expire
from worker.ledger import Ledger

MINE, STALE = "t1", "stale"
NOW_MS = 1_767_225_600_000

ROWS = {(row.source, row.target, row.script) for row in TRANSITIONS}


class Subject(NamedTuple):
    """One job to try things on, alone in its lane."""

    id: str
    customer: str


Step = tuple[State | None, State | None, str]
Act = Callable[["World", Subject], Awaitable[None]]
Attempt = tuple[str, Act]


class World:
    """A ledger with a worker and a producer at it."""

    def __init__(
        self, client: CustomerSources, ledger: Ledger, db: redis.Redis, keys: Keys
    ) -> None:
        self.client, self.ledger, self.db, self.keys = client, ledger, db, keys
        self._numbers = itertools.count()

    def subject(self) -> Subject:
        return Subject(new_job_id(NOW_MS), f"cus_{next(self._numbers)}")

    def state(self, job: Subject) -> State | None:
        state = self.db.hget(self.keys.job(job.id), "state")
        return None if state is None else State(str(state))

    def told(self) -> int:
        return int(self.db.xlen(self.keys.events))

    async def submit(self, job: Subject, **options: Any) -> None:
        given = Options(job_id=job.id, **options)
        with contextlib.suppress(JobConflict):
            self.client.submit(
                "create", {"source": "tok_visa"}, given, customer=job.customer
            )

    async def read(self, job: Subject) -> None:
        given = Options(job_id=job.id)
        self.client.submit("get", {}, given, customer=job.customer, source_id="card_1")

    async def cancel(self, job: Subject) -> None:
        with contextlib.suppress(JobNotFound):
            self.client.cancel(job.id)

    async def claim(self, job: Subject, token: str) -> None:
        await self.ledger.claim(job.id, token)

    async def send(self, job: Subject, token: str) -> None:
        await self.ledger.send(job.id, token, unknown=False)

    async def heartbeat(self, job: Subject, token: str) -> None:
        await self.ledger.heartbeat([(job.id, token)])

    async def defer(
        self, job: Subject, token: str, *, delay_ms: int = 60_000, unknown: bool = False
    ) -> None:
        await self.ledger.defer(
            job.id, token, delay_ms=delay_ms, counts=True, unknown=unknown
        )

    async def commit(
        self, job: Subject, token: str, state: State, *, unknown: bool = False
    ) -> None:
        with contextlib.suppress(RuntimeError):  # unproven, told loudly
            await self.ledger.commit(job.id, token, ending(state, unknown=unknown))

    async def upkeep(self, job: Subject, *, elapsed: bool = False) -> None:
        self.db.delete(self.keys.pulse)  # no outage, however slow this machine is
        if elapsed:
            self._let_time_pass(job)
        await self.ledger.take_due()

    def _let_time_pass(self, job: Subject) -> None:
        if self.state(job) is State.RUNNING:
            expire(self.db, self.keys, job.id)
        elif self.state(job) is not None:
            come_due(self.db, self.keys, job.id)
            come_due(self.db, self.keys, job.id, "scheduled")


@pytest.fixture
def world(
    client: CustomerSources, ledger: Ledger, db: redis.Redis, keys: Keys
) -> World:
    return World(client, ledger, db, keys)


# --- situations


async def nothing(world: World, job: Subject) -> None:
    """Never heard of."""


async def queued(world: World, job: Subject) -> None:
    await world.submit(job)


async def outside(world: World, job: Subject) -> None:
    await world.submit(job, not_before=timedelta(hours=1))


async def running(world: World, job: Subject) -> None:
    await world.submit(job)
    await world.claim(job, MINE)


async def late(world: World, job: Subject) -> None:
    await running(world, job)
    await world.upkeep(job, elapsed=True)


async def late_with_a_read(world: World, job: Subject) -> None:
    await world.read(job)
    await world.claim(job, MINE)
    await world.upkeep(job, elapsed=True)


async def waiting(world: World, job: Subject) -> None:
    await running(world, job)
    await world.defer(job, MINE)


async def waiting_in_doubt(world: World, job: Subject) -> None:
    await running(world, job)
    await world.defer(job, MINE, unknown=True)


async def waiting_and_due(world: World, job: Subject) -> None:
    await running(world, job)
    await world.defer(job, MINE, delay_ms=0)


def ended(state: State) -> Act:
    async def bring(world: World, job: Subject) -> None:
        await running(world, job)
        await world.commit(job, MINE, state)

    bring.__name__ = f"ended_{state}"
    return bring


SITUATIONS = (
    nothing,
    queued,
    outside,
    running,
    late,
    late_with_a_read,
    waiting,
    waiting_in_doubt,
    waiting_and_due,
    *(ended(state) for state in sorted(TERMINAL)),
)


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
