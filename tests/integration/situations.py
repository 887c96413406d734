"""A ledger with a worker and a producer at it, and every situation of a job in it."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, NamedTuple

import redis

from customer_sources import CustomerSources, JobConflict, JobNotFound, State, scripts
from customer_sources.contract.ids import new_job_id
from customer_sources.contract.names import Keys
from customer_sources.contract.states import TERMINAL
from customer_sources.submission import Options
from tests.builders import come_due, ending, expire
from worker.ledger import Ledger

MINE, SETTLED = "t1", "what a person did"
NOW_MS = 1_767_225_600_000


class Subject(NamedTuple):
    """One job to try things on, alone in its lane."""

    id: str
    customer: str


Act = Callable[["World", Subject], Awaitable[None]]


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

    def told(self) -> int:  # of ends, not of what a person did after them
        told = [fields["event"] for _, fields in self.db.xrange(self.keys.events)]
        return len(told) - told.count(SETTLED)

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

    async def replay_as(self, job: Subject) -> None:
        """Let a job in review be replayed under this one's id."""
        other = self.subject()
        await ended(State.NEEDS_REVIEW)(self, other)
        self.db.xdel(self.keys.events, self.db.xrevrange(self.keys.events)[0][0])
        texts = (self.keys.queue("sources.bulk"), "a message", SETTLED, "", "", 9)
        replay = self.db.register_script(scripts.load("replay"))
        replay(args=[self.keys.prefix, other.id, job.id, *texts])

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

    async def lay_aside(self, job: Subject) -> None:
        await self.ledger.lay_aside(job.id, ending(State.NEEDS_REVIEW), "", "")

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


def damaged(situation: Act) -> Act:
    async def bring(world: World, job: Subject) -> None:
        await situation(world, job)
        world.db.hset(world.keys.job(job.id), "waits", "damaged")

    bring.__name__ = f"damaged_{situation.__name__}"
    return bring


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
    *(damaged(situation) for situation in (queued, running, waiting)),
    *(ended(state) for state in sorted(TERMINAL)),
)
