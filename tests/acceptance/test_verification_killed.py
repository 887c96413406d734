"""Workers killed at every step of a verify: one guess, one event, and a true count."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from subprocess import Popen
from typing import NamedTuple

import pytest
import redis

from customer_sources import Job, State
from customer_sources.contract.names import Keys, target_name
from tests.acceptance.plant import QUICK, Plant, plant_in
from tests.builders import wait_until
from worker.cli import children

# Two at a time: a job of which three workers died is taken for the cause.
POINTS = [
    ("claimed, not told so", "claimed, command not read"),
    ("allowed to send again, not sent", "allowed to leave, no byte out"),
    ("last byte out, no answer", "answer read, not decided"),
    ("decided, not committed", "committed, not told so"),
]
PATIENCE = 0.5
"""Seconds after which another command is given, if nobody has died of those before."""
NUMBERS = count(1)

Start = Callable[[str], Popen[str]]


class Guessed(NamedTuple):
    """A verify job, and what became of its guess at Stripe and in the store."""

    job: Job
    customer: str
    account: str
    is_right: bool

    def hold_to_account(self, plant: Plant) -> None:
        effects = plant.sandbox.effects()
        made = [one.change for one in effects if one.object == self.account]
        if self.is_right:
            assert self.job.refresh().state is State.SUCCEEDED
            assert (made, self.used(plant)) == (["source.verified"], 0)
        else:
            assert self.job.refresh().state is State.FAILED
            missed = ["source.verification_attempt_failed"]
            assert (made, self.used(plant)) == (missed, 1)

    def used(self, plant: Plant) -> int:
        """How many guesses the store counts as used."""
        key = Keys().attempts(target_name("default", self.customer, self.account))
        with redis.Redis.from_url(plant.store.url, decode_responses=True) as db:
            kept = {str(name): str(value) for name, value in db.hgetall(key).items()}
        return int(kept.get("used", 0)) + sum(name[:5] == "held:" for name in kept)


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    """One worker for all tests here, which lives on beside those that die."""
    with plant_in(tmp_path_factory.mktemp("plant")) as one:
        one.start_worker(**QUICK)
        yield one


@pytest.fixture
def start(plant: Plant, tmp_path: Path) -> Iterator[Start]:
    """Start a worker that dies at a point."""
    started: list[Popen[str]] = []
    settings = {f"SOURCES_{name.upper()}": value for name, value in QUICK.items()}

    def start(point: str) -> Popen[str]:
        with (tmp_path / f"{point}.log").open("w") as log:
            mortal = children._start(
                ["-m", "tests.acceptance.mortal_worker", point],
                env={
                    **os.environ,
                    "SOURCES_REDIS_URL": plant.store.url,
                    "STRIPE_API_BASE": plant.sandbox.url,
                    "STRIPE_API_KEY": children.SANDBOX_KEY,
                    **settings,
                },
                stdout=log,
                stderr=log,
            )
        started.append(mortal)
        return mortal

    yield start
    for mortal in started:
        children.stop(mortal)


def guess(plant: Plant) -> Guessed:
    """Guess at an account of its own, right and wrong in turn."""
    number = next(NUMBERS)
    customer, account, is_right = f"cus_{number}", f"ba_{number}", number % 2 == 0
    plant.sandbox.seed({customer: [account]})
    job = plant.client.customer.source.verify(
        customer=customer, id=account, amounts=[32, 45] if is_right else [1, 2]
    )
    return Guessed(job, customer, account, is_right)


@pytest.mark.parametrize("points", POINTS, ids=" - ".join)
def test_a_guess_is_made_and_counted_once_whenever_its_worker_dies(
    points: tuple[str, str], plant: Plant, start: Start
) -> None:
    mortals = [start(point) for point in points]
    guesses: list[Guessed] = []
    patience = time.monotonic()

    def all_died() -> bool:
        nonlocal patience
        is_done = {one.job.id for one in guesses} <= set(plant.told())
        if is_done or time.monotonic() > patience:
            guesses.append(guess(plant))
            patience = time.monotonic() + PATIENCE
        return all(mortal.poll() is not None for mortal in mortals)

    wait_until(all_died, f"workers to die: {points}")
    assert {mortal.returncode for mortal in mortals} == {-signal.SIGKILL}
    ids = {one.job.id for one in guesses}
    wait_until(lambda: ids <= set(plant.told()), "every event")

    for one in guesses:
        one.hold_to_account(plant)
    assert Counter({job_id: plant.told()[job_id] for job_id in ids}) == Counter(ids)
