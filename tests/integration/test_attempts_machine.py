"""No order of events lets a guess slip the count, or be made twice.

Walks at random, by seeds that a failure names. Takes some seconds;
ATTEMPTS_WALKS=1000 goes for longer.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import Any, TypeVar

import pytest

from config.settings import Settings
from customer_sources.contract.states import State
from customer_sources.submission import Options
from sandbox.store import Store
from tests.integration.guess_machine import (
    PAIRS,
    TARGET,
    Books,
    CountingStripe,
    GuessJob,
)
from tests.integration.guess_workers import GuessWorkers
from tests.integration.ledger_machine.world import WORKERS, Bench, World

WALKS = int(os.environ.get("ATTEMPTS_WALKS", "60"))
STEPS = 40
MOST_JOBS = 6
HOUR_MS = 3_600_000
LEASE_MS = 31_000
ACTS = {"run": 12, "go_on": 3, "submit": 2, "cancel": 1, "replay": 2, "arrive": 3}
ACTS |= {"beat": 1, "wait": 1}
SAID = {"wrong": 3, "other": 3, "third": 2, "right": 1}
WAITS = {0: 4, 2_000: 16, 70_000: 6, 20 * HOUR_MS: 1, 25 * HOUR_MS: 1}
TRIES = {"answered": 6, "answer lost": 3, "lost": 2, "late": 3, "turned away": 3}
"""What becomes of a request."""
THEN = {"ends": 6, "ends, twice": 2, "dies": 2, "lingers": 2, "gives up": 4}
"""What becomes of a run."""

T = TypeVar("T")


class Walk:
    """Producers, workers, time and a person at the guesses at one account."""

    def __init__(self, bench: Bench, seed: int) -> None:
        self._rng = Random(seed)  # noqa: S311  repeatable, and no secret
        self.world = World(bench)
        self.books = Books(CountingStripe())
        self.workers = GuessWorkers(self.world, self.books)
        self.steps: list[str] = []
        """What was done, for who reads of a failure."""

    def go(self) -> None:
        for _ in range(3):
            self.submit()
        for _ in range(STEPS):
            act = self._drawn(ACTS)
            self.steps.append(act)
            getattr(self, act)()
            self.hold_to_account()

    def submit(self) -> None:
        if len(self.books.jobs) >= MOST_JOBS:
            return
        job_id, pair = self.world.new_id(), self._drawn(SAID)
        use_reserve = self._rng.random() < 1 / 3
        self.world.tick()
        self.world.client.submit(
            "verify",
            {"amounts": PAIRS[pair]},
            Options(job_id=job_id, use_reserve=use_reserve),
            customer="cus_1",
            source_id="ba_1",
        )
        self.books.jobs.append(GuessJob(job_id, job_id, pair, use_reserve))

    def run(self) -> None:
        """Let a worker take a job, mostly the head of the lane, and go on with it."""
        self.wait()
        if not (live := [job for job in self.books.jobs if job.ended is None]):
            return
        job = live[0] if self._rng.random() < 3 / 4 else self._rng.choice(live)
        then = self._drawn(THEN)
        worker = self._rng.randrange(WORKERS)
        run = self.workers.claim(job, worker, twice=then == "ends, twice")
        if run is not None:
            self.workers.go_on(run, self._tries(), then)

    def go_on(self) -> None:
        """Let a worker go on that was slow, in time or not."""
        if self.workers.runs:
            run = self._rng.choice(self.workers.runs)
            self.workers.go_on(run, self._tries(), self._drawn(THEN))

    def beat(self) -> None:
        self.workers.beat(self._rng.randrange(WORKERS))

    def cancel(self) -> None:
        if not (live := [job for job in self.books.jobs if job.ended is None]):
            return
        job = self._rng.choice(live)
        self.world.tick()
        if self.world.client.cancel(job.id).state is State.CANCELLED:
            job.ended = State.CANCELLED

    def replay(self) -> None:
        review = [job for job in self.books.jobs if job.ended is State.NEEDS_REVIEW]
        if not (open_ := [job for job in review if not job.replayed]):
            return
        job = self._rng.choice(open_)
        self.world.tick()
        again = self.world.client.review.replay(job.id, reason="looked at it")
        job.replayed = True
        self.books.jobs.append(GuessJob(again.id, job.key, job.pair, job.use_reserve))

    def arrive(self) -> None:
        """Let a request arrive that was late."""
        if not (flights := self.books.flights):
            return
        flight = flights.pop(self._rng.randrange(len(flights)))
        if flight.can_arrive(self.world.now):
            self.books.stripe.take(flight.job, self.world.now)

    def wait(self) -> None:
        """Let time pass, with upkeep."""
        ms = self._drawn(WAITS)
        self.world.pass_time(ms)
        self.world.upkeep(0)
        if ms > LEASE_MS:  # an outage, as upkeep sees it: it forgives once
            self.world.pass_time(LEASE_MS)
            self.world.upkeep(0)

    def hold_to_account(self) -> None:
        kept = self.world.db.hgetall(self.world.keys.attempts(TARGET))
        counted = {str(name): str(value) for name, value in kept.items()}
        assert list(self.books.broken(counted, self.world.now)) == []
        stream: Any = self.world.db.xrange(self.world.keys.events)
        events = [fields["event"] for _, fields in stream]
        told = Counter(
            job.id
            for job in self.books.jobs
            for event in events
            if f'"{job.id}:terminal"' in event
        )
        assert told == {job.id: 1 for job in self.books.jobs if job.ended}

    def _tries(self) -> Sequence[str]:
        return [self._drawn(TRIES) for _ in range(self._rng.randrange(3))]

    def _drawn(self, weights: dict[T, int]) -> T:
        return self._rng.choices([*weights], [*weights.values()])[0]


@pytest.mark.timeout(0 if "ATTEMPTS_WALKS" in os.environ else 120)
def test_every_guess_is_counted_whatever_happens_in_whatever_order(
    store: Store, settings: Settings, request: pytest.FixtureRequest
) -> None:
    bench = Bench(store.url, settings)
    request.addfinalizer(bench.close)
    for seed in range(WALKS):
        walk = Walk(bench, seed)
        try:
            walk.go()
        except AssertionError as error:
            error.add_note(f"seed {seed}: {', '.join(walk.steps)}")
            raise
        finally:
            walk.world.close()
