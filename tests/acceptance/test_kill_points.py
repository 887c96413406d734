"""Workers killed at every step between claim and commit: one effect, one event."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest
import redis
from celery import Celery

from customer_sources.contract.ids import job_id_for_key
from customer_sources.contract.names import PREFIX, Keys
from tests.acceptance.plant import QUICK, Plant, plant_in
from tests.builders import wait_until
from worker.cli import children

RECOVERED_WITHIN = 15.0
"""Seconds from a kill to the end of the dead worker's jobs; a promise of the product,
so here a time is asserted."""
PATIENCE = 0.5
"""Seconds after which another command is given, if the one before has not ended and
nobody has died of it: the worker beside has it."""

AT_THE_FIRST_REQUEST = [
    "before the claim",
    "claimed, not told so",
    "claimed, command not read",
    "connected, not allowed to leave",
    "allowed to leave, no byte out",
    "last byte out, no answer",
    "answer there, not read",
    "answer read, not decided",
    "decided, not committed",
    "committed, not told so",
]
AFTER_A_REFUSAL = [
    "allowed to send again, not sent",
    "undecided, not deferred",
    "deferred, not told so",
]

Submit = Callable[[int], str]


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    """One worker for all tests here, which lives on beside those that die."""
    with plant_in(tmp_path_factory.mktemp("plant")) as one:
        one.start_worker(**QUICK)
        yield one


@pytest.fixture
def start_mortal(plant: Plant, tmp_path: Path) -> Iterator[Callable[[str], Popen[str]]]:
    """Start a worker that dies at a point."""
    started: list[Popen[str]] = []
    path = tmp_path / "mortal.log"
    settings = {f"SOURCES_{name.upper()}": value for name, value in QUICK.items()}

    def start(point: str) -> Popen[str]:
        with path.open("w") as log:
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
        wait_until(lambda: "worker_ready" in path.read_text(), "it to be ready")
        return mortal

    yield start
    for mortal in started:
        children.stop(mortal)


@pytest.fixture
def hold_to_account(
    plant: Plant, start_mortal: Callable[[str], Popen[str]]
) -> Callable[[str, Submit], None]:
    """Give commands until a worker has died of them, and see what became of each."""

    def check(point: str, submit: Submit) -> None:
        mortal = start_mortal(point)
        accepted: list[str] = []
        patience = time.monotonic()

        def died() -> bool:
            nonlocal patience
            if set(plant.told()) >= set(accepted) or time.monotonic() > patience:
                accepted.append(submit(len(accepted)))
                patience = time.monotonic() + PATIENCE
            return mortal.poll() is not None

        wait_until(died, f"the worker to die: {point}")
        killed_at = time.monotonic()
        assert mortal.returncode == -signal.SIGKILL
        plant.sandbox.clear_faults()
        wait_until(
            lambda: set(plant.told()) >= set(accepted),
            "every event",
            seconds=RECOVERED_WITHIN,
        )
        assert time.monotonic() - killed_at < RECOVERED_WITHIN
        assert plant.effects() == plant.told()
        assert set(plant.told().values()) == {1}

    return check


@pytest.fixture
def submit(plant: Plant) -> Submit:
    def one(number: int) -> str:
        source = plant.client.customer.source
        return source.create(customer=f"cus_{number}", source="tok_visa").id

    return one


@pytest.mark.parametrize("point", AT_THE_FIRST_REQUEST)
def test_a_worker_killed_there_leaves_one_effect_and_one_event(
    point: str, hold_to_account: Callable[[str, Submit], None], submit: Submit
) -> None:
    hold_to_account(point, submit)


@pytest.mark.parametrize("point", AFTER_A_REFUSAL)
def test_a_worker_killed_after_a_refusal_leaves_one_effect_and_one_event(
    point: str,
    hold_to_account: Callable[[str, Submit], None],
    submit: Submit,
    plant: Plant,
) -> None:
    plant.sandbox.set_faults([{"fault": "error_503_unsaved"}])
    hold_to_account(point, submit)


def test_what_a_worker_found_due_and_never_rang_for_is_found_again(
    hold_to_account: Callable[[str, Submit], None], plant: Plant
) -> None:
    def submit_for_later(number: int) -> str:
        return plant.client.customer.source.create(
            customer=f"cus_{number}",
            source="tok_visa",
            not_before=timedelta(seconds=0.07 * (1 + number % 7)),
        ).id

    hold_to_account("found due, not rung for", submit_for_later)


@pytest.mark.parametrize(
    "point", ["command read, not accepted", "command accepted, not run"]
)
def test_an_inbox_entry_that_a_killed_worker_had_read_is_one_job(
    point: str, hold_to_account: Callable[[str, Submit], None], plant: Plant
) -> None:
    db = redis.Redis.from_url(plant.store.url, decode_responses=True)

    def put(number: int) -> str:
        command = (
            f'{{"operation":"create","customer":"cus_{number}","source":"tok_visa"}}'
        )
        entry = str(db.xadd(Keys().inbox, {"command": command}))
        return job_id_for_key("default", f"inbox:{entry}")

    with db:
        hold_to_account(point, put)


def test_a_celery_message_that_a_killed_worker_had_accepted_is_one_job(
    hold_to_account: Callable[[str, Submit], None], plant: Plant
) -> None:
    app = Celery(broker=plant.store.url, set_as_current=False)
    app.conf.broker_transport_options = {"global_keyprefix": PREFIX}

    def send(number: int) -> str:
        options: dict[str, Any] = {
            "kwargs": {"customer": f"cus_{number}", "source": "tok_visa"},
            "task_id": f"order-{number}",
            "queue": "sources.interactive",
            "ignore_result": True,
        }
        with app.connection_for_write() as connection:
            app.send_task("sources.create", connection=connection, **options)
        return job_id_for_key("default", f"celery:order-{number}")

    hold_to_account("command accepted, not run", send)
