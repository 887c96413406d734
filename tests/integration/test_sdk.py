"""The SDK on a real store: results without polling, errors that can be acted on."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import redis

from customer_sources import (
    CommandInvalid,
    CustomerSources,
    JobConflict,
    JobNotFound,
    LedgerUnavailable,
    ResultTimeout,
    State,
)
from customer_sources.contract.names import Keys
from sandbox.store import Store
from tests.builders import KEPT, ending, wait_until
from worker.ledger import Ledger


@pytest.fixture
def own_store() -> Iterator[Store]:
    """A store that this test may stop and start."""
    with Store.start(aof=True, config=KEPT) as running:
        yield running


async def test_a_result_is_waited_for_without_asking_again(
    client: CustomerSources, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    job = client.customer.source.create(customer="cus_1", source="tok_visa")
    await ledger.claim(job.id, "t1")
    results: list[object] = []
    waiter = threading.Thread(target=lambda: results.append(job.result(timeout=20)))
    waiter.start()
    channel = keys.done_channel(job.id)
    wait_until(lambda: db.pubsub_numsub(channel)[0][1], "the waiter to listen")
    asked_before = _reads(db)
    threading.Event().wait(0.5)  # nothing happens, so nothing may be asked
    asked_meanwhile = _reads(db) - asked_before
    await ledger.commit(job.id, "t1", ending())
    waiter.join(timeout=5)

    assert results == [{"id": "card_1"}]
    assert asked_meanwhile <= 1  # the look that follows the subscription


def _reads(db: redis.Redis) -> int:
    return int(db.info("commandstats").get("cmdstat_hgetall", {"calls": 0})["calls"])


def test_a_result_that_does_not_come_in_time_says_where_the_job_is(
    client: CustomerSources,
) -> None:
    job = client.customer.source.create(customer="cus_1", source="tok_visa")

    with pytest.raises(ResultTimeout, match="queued"):
        job.result(timeout=0.05)


def test_a_job_can_be_found_again_by_its_id(client: CustomerSources) -> None:
    job = client.customer.source.create(customer="cus_1", source="tok_visa")

    assert client.job(job.id).state is State.QUEUED
    with pytest.raises(JobNotFound):
        client.job("job_" + "z" * 26)


def test_a_store_that_is_not_there_is_a_clear_error_with_the_jobs_id() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"redis://127.0.0.1:{nobody.getsockname()[1]}/0"
        with CustomerSources(url) as client, pytest.raises(LedgerUnavailable) as caught:
            client.customer.source.create(customer="cus_1", source="tok_visa")

    assert caught.value.job_id.startswith("job_")
    assert caught.value.job_id in str(caught.value)


def test_a_call_that_failed_is_repeated_with_the_id_that_its_error_carried(
    own_store: Store,
) -> None:
    with CustomerSources(own_store.url) as client:
        own_store.kill()
        with pytest.raises(LedgerUnavailable) as caught:
            client.customer.source.create(customer="cus_1", source="tok_visa")
        own_store.restart()

        job_id = caught.value.job_id
        for _ in range(2):  # and once more: it is one job
            job = client.customer.source.create(
                customer="cus_1", source="tok_visa", job_id=job_id
            )
            assert job.id == job_id
        with pytest.raises(JobConflict):
            client.customer.source.create(
                customer="cus_2", source="tok_visa", job_id=job_id
            )


def test_a_hung_store_is_an_error_and_not_a_hang(own_store: Store) -> None:
    with CustomerSources(own_store.url) as client:
        client.customer.source.create(customer="cus_1", source="tok_visa")
        own_store.pause()
        try:
            with pytest.raises(LedgerUnavailable):
                client.customer.source.create(customer="cus_1", source="tok_visa")
        finally:
            own_store.resume()


def test_an_accepted_job_survives_the_stores_kill(own_store: Store) -> None:
    """With its append-only file; a process' end loses nothing that was written."""
    with CustomerSources(own_store.url) as client:
        job = client.customer.source.create(customer="cus_1", source="tok_visa")
        own_store.kill()
        own_store.restart()

        assert client.job(job.id).state is State.QUEUED


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"not_before": datetime(2030, 1, 1)}, "not_before"),  # noqa: DTZ001
        ({"deadline": "tomorrow"}, "deadline"),
        ({"idempotency_key": ""}, "idempotency_key"),
        ({"job_id": "mine"}, "job_id"),
        ({"reference": "x" * 256}, "reference"),
    ],
)
def test_an_option_that_cannot_be_meant_names_itself_and_writes_nothing(
    options: dict[str, object],
    field: str,
    client: CustomerSources,
    db: redis.Redis,
    keys: Keys,
) -> None:
    with pytest.raises(CommandInvalid) as caught:
        client.customer.source.create(
            customer="cus_1",
            source="tok_visa",
            **options,  # type: ignore[arg-type]
        )
    assert [problem.field for problem in caught.value.problems] == [field]
    assert list(db.scan_iter(f"{keys.prefix}*")) == []


def test_a_moment_and_a_span_of_time_mean_the_same(
    client: CustomerSources, db: redis.Redis, keys: Keys
) -> None:
    span = client.customer.source.create(
        customer="cus_1", source="tok_visa", not_before=timedelta(hours=1)
    )
    moment = client.customer.source.create(
        customer="cus_1",
        source="tok_visa",
        not_before=datetime.now(UTC) + timedelta(hours=1),
    )
    dues = [int(db.hget(keys.job(job.id), "due")) for job in (span, moment)]

    assert abs(dues[0] - dues[1]) < 10_000
