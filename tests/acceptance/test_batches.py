"""Batches with real workers: each row one outcome and one effect, in file order."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

import pytest
import redis

from customer_sources import CustomerSources
from customer_sources.batches.calls import Settings
from customer_sources.batches.outcomes import Outcome
from customer_sources.batches.status import Batch, BatchState
from customer_sources.contract.events import TYPE_PREFIX
from customer_sources.contract.names import MARKER, Keys
from sandbox.journal import Effect
from sandbox.remote import RemoteSandbox
from tests.acceptance.conftest import StartWorker
from tests.batch_plans import Plan, plan
from tests.builders import wait_until


def bring_in(client: CustomerSources, one: Plan, **settings: Any) -> None:
    client.batches.open(one.manifest, Settings(**settings))
    for number, chunk in enumerate(one.chunks):
        client.batches.put(one.id, number, chunk)


def wait_for(client: CustomerSources, one: Plan, *states: BatchState) -> Batch:
    def look() -> Batch | None:
        batch = client.batches.get(one.id)
        return batch if batch.state in states else None

    seen = wait_until(look, f"{one.id} to be {' or '.join(states)}", 40)
    assert seen is not None
    return seen


def outcomes(client: CustomerSources, one: Plan) -> Mapping[int, Outcome]:
    return {
        number: outcome
        for chunk in range(len(one.chunks))
        for number, outcome in client.batches.outcomes(one.id, chunk).items()
    }


def created(sandbox: RemoteSandbox) -> list[Effect]:
    return [one for one in sandbox.effects() if one.change == "source.created"]


def assert_one_effect_each(
    client: CustomerSources, sandbox: RemoteSandbox, one: Plan
) -> None:
    """Exactly the rows that succeeded were done, each once."""
    told = outcomes(client, one)
    succeeded = {
        one.job_id(row): told[row.number].source
        for row in one.rows
        if row.number in told and told[row.number].state == "succeeded"
    }
    done = [(effect.metadata[MARKER], effect.object) for effect in created(sandbox)]
    assert len(done) == len(succeeded)
    assert dict(done) == succeeded


def told_of(client: CustomerSources, one: Plan) -> list[str]:
    """What the events said of the batch, in order, but for how far it is."""
    events = [e for e in client.events(after="0", timeout=0) if e.subject == one.id]
    kinds = [event.type.removeprefix(f"{TYPE_PREFIX}source_batch.") for event in events]
    return [kind for kind in kinds if kind != "progress"]


def rows_told(client: CustomerSources) -> list[str]:
    """Ids of the rows that told an event of their own."""
    events = client.events(after="0", timeout=0)
    return [event.correlationid for event in events if event.correlationid]


def wait_for_told(client: CustomerSources, one: Plan, *kinds: str) -> None:
    def told() -> bool:
        return told_of(client, one) == list(kinds)

    wait_until(told, f"the events {kinds}")


def test_every_row_has_one_outcome_and_one_effect_in_the_order_of_its_customer(
    client: CustomerSources, sandbox: RemoteSandbox, start_worker: StartWorker
) -> None:
    start_worker()
    one = plan(300, customers=100, chunk_rows=80)
    bring_in(client, one)

    batch = wait_for(client, one, BatchState.COMPLETED)

    assert (batch.rows, batch.fed, batch.done, batch.succeeded) == (300,) * 4
    assert (batch.failed, batch.needs_review, batch.unprocessed) == (0, 0, 0)
    assert batch.codes == {}
    told = outcomes(client, one)
    assert sorted(told) == list(range(1, 301))
    assert {outcome.runs for outcome in told.values()} == {1}
    assert all(outcome.request for outcome in told.values())
    assert_one_effect_each(client, sandbox, one)

    number = {one.job_id(row): row.number for row in one.rows}
    by_customer = defaultdict(list)
    for request in sandbox.requests():
        by_customer[request.path].append(number[str(request.idempotency_key)])
    assert len(by_customer) == 100
    assert all(rows == sorted(rows) for rows in by_customer.values())
    assert rows_told(client) == []
    wait_for_told(client, one, "started", "completed")


def test_a_canary_holds_after_its_rows_and_resume_goes_on(
    client: CustomerSources, sandbox: RemoteSandbox, start_worker: StartWorker
) -> None:
    start_worker()
    one = plan(60)
    bring_in(client, one, canary=10)

    held = wait_for(client, one, BatchState.HELD)
    assert (held.why, held.fed, held.succeeded, held.in_flight) == ("canary", 10, 10, 0)
    assert sorted(outcomes(client, one)) == list(range(1, 11))
    assert len(created(sandbox)) == 10

    client.batches.resume(one.id)
    batch = wait_for(client, one, BatchState.COMPLETED)
    assert batch.succeeded == 60
    assert_one_effect_each(client, sandbox, one)
    wait_for_told(client, one, "started", "held", "resumed", "completed")


def test_too_many_failures_hold_a_batch_until_it_is_told_to_go_on(
    client: CustomerSources, sandbox: RemoteSandbox, start_worker: StartWorker
) -> None:
    """What fails is at the beginning: after it was looked at, the share is counted
    anew."""
    start_worker()
    one = plan(200, fails=lambda number: number <= 20 or number % 20 == 0)
    bring_in(client, one, max_errors=0.5, concurrency=5)

    held = wait_for(client, one, BatchState.HELD)
    assert held.why == "errors"
    assert 20 <= held.done <= 25
    assert held.codes == {"card_declined": held.failed}

    client.batches.resume(one.id)
    batch = wait_for(client, one, BatchState.COMPLETED)
    assert (batch.succeeded, batch.failed) == (171, 29)
    told = outcomes(client, one)
    assert Counter(outcome.state for outcome in told.values()) == {
        "succeeded": 171,
        "failed": 29,
    }
    assert_one_effect_each(client, sandbox, one)
    wait_for_told(client, one, "started", "held", "resumed", "completed")


def test_a_batch_of_which_every_row_has_ended_is_over_however_many_failed(
    client: CustomerSources, start_worker: StartWorker
) -> None:
    start_worker()
    one = plan(25, fails=lambda number: number > 15)
    bring_in(client, one, max_errors=0.39, concurrency=1)

    batch = wait_for(client, one, BatchState.COMPLETED, BatchState.HELD)
    assert (batch.state, batch.failed) == (BatchState.COMPLETED, 10)


@pytest.fixture
def slow_worker(start_worker: StartWorker) -> None:
    """A worker that lets rows stand in line for a permit."""
    start_worker(operation_rate="60")


def in_flight(db: redis.Redis, keys: Keys, one: Plan) -> list[str]:
    """Ids of the rows in flight, in file order."""
    members = db.zrange(keys.batch_live(one.id), 0, -1)
    return [str(member).partition(":")[2] for member in members]


def all_wait(db: redis.Redis, keys: Keys, one: Plan) -> bool:
    """Whether no row is being run, or stands in a line to be."""
    records = [db.hgetall(keys.job(row)) for row in in_flight(db, keys, one)]
    return all(
        not record or (record["state"] == "queued" and not {"line", "due"} & {*record})
        for record in records
    )


@pytest.mark.usefixtures("slow_worker")
def test_a_paused_batch_begins_nothing_but_what_somebody_urgent_waits_behind(
    client: CustomerSources, sandbox: RemoteSandbox, db: redis.Redis, keys: Keys
) -> None:
    one = plan(300, customers=100)
    bring_in(client, one)
    wait_until(lambda: client.batches.get(one.id).done >= 30, "thirty rows")

    client.batches.pause(one.id)
    wait_until(lambda: all_wait(db, keys, one), "what was begun to be resolved")
    parked = in_flight(db, keys, one)
    done = client.batches.get(one.id).done
    assert done == len(created(sandbox)) == 300 - len(parked)

    last = next(row for row in one.rows if one.job_id(row) == parked[-1])
    ahead = [
        row
        for row in one.rows
        if row.customer == last.customer and one.job_id(row) in parked
    ]
    urgent = client.customer.source.create(customer=last.customer, source="tok_visa")
    urgent.result(timeout=20)

    batch = client.batches.get(one.id)
    assert (batch.state, batch.done) == (BatchState.PAUSED, done + len(ahead))
    lately = [effect.metadata[MARKER] for effect in created(sandbox)][done:]
    assert lately == [*map(one.job_id, ahead), urgent.id]

    client.batches.resume(one.id)
    assert wait_for(client, one, BatchState.COMPLETED).succeeded == 300
    assert len(created(sandbox)) == 301


@pytest.mark.usefixtures("slow_worker")
def test_a_cancelled_batch_leaves_unprocessed_what_was_not_begun(
    client: CustomerSources, sandbox: RemoteSandbox
) -> None:
    """Not even an event of its own is told of such a row."""
    one = plan(400, customers=7, chunk_rows=100)
    bring_in(client, one, concurrency=150, row_events=True)
    wait_until(lambda: client.batches.get(one.id).done >= 20, "twenty rows")

    client.batches.cancel(one.id)
    batch = wait_for(client, one, BatchState.CANCELLED)

    assert batch.done == 400
    assert 20 <= batch.succeeded < 200
    assert batch.unprocessed == 400 - batch.succeeded
    told = outcomes(client, one)
    states = Counter(outcome.state for outcome in told.values())
    assert states["succeeded"] == batch.succeeded
    assert states["unprocessed"] == batch.fed - batch.succeeded
    assert_one_effect_each(client, sandbox, one)
    wait_for_told(client, one, "started", "cancelled")
    assert len(rows_told(client)) == batch.succeeded


def test_a_worker_killed_in_the_middle_costs_no_row_and_repeats_none(
    client: CustomerSources, sandbox: RemoteSandbox, start_worker: StartWorker
) -> None:
    victim = start_worker(operation_rate="150")
    sandbox.set_faults([{"fault": "latency", "seconds": 0.2}])
    one = plan(400, customers=200, chunk_rows=100)
    bring_in(client, one)
    wait_until(lambda: client.batches.get(one.id).done >= 100, "a quarter of it")
    victim.kill()
    victim.wait()
    start_worker()

    batch = wait_for(client, one, BatchState.COMPLETED)

    assert (batch.done, batch.succeeded) == (400, 400)
    told = outcomes(client, one)
    assert sorted(told) == list(range(1, 401))
    assert max(outcome.runs for outcome in told.values()) > 1
    assert_one_effect_each(client, sandbox, one)
    wait_for_told(client, one, "started", "completed")


def test_a_row_tells_an_event_of_its_own_where_that_was_asked(
    client: CustomerSources, start_worker: StartWorker
) -> None:
    start_worker()
    one = plan(10)
    bring_in(client, one, row_events=True)
    wait_for(client, one, BatchState.COMPLETED)

    assert sorted(rows_told(client)) == sorted(map(one.job_id, one.rows))


def test_a_rate_below_one_row_a_second_is_slow_and_not_never(
    client: CustomerSources, start_worker: StartWorker
) -> None:
    start_worker()
    one = plan(3)
    bring_in(client, one, rate=0.8)
    assert wait_for(client, one, BatchState.COMPLETED).succeeded == 3
