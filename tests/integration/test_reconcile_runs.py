"""How a look at Stripe is run: fenced like a send, and never at the cost of truth."""

from __future__ import annotations

from typing import Any

import pytest

from customer_sources import State
from customer_sources.contract.names import MARKER
from tests.builders import come_due, expire
from tests.integration.conftest import World
from tests.integration.doubts import (
    a_day_later,
    attach,
    card_token,
    code,
    legacy_source,
    lose_answers,
    record,
    sent,
)
from tests.integration.interception import GoOn, intercepted
from worker.answers import TryResult
from worker.rates import Rates
from worker.replies import Claimed, Word
from worker.stripe_api import StripeRequest


async def in_doubt(world: World) -> Any:
    """A create that was executed, and of which nobody read an answer."""
    job = world.client.customer.source.create(
        customer="cus_1", source=card_token(world)
    )
    return await lose_answers(world, job)


@pytest.mark.parametrize(
    "fault",
    ["unauthorized", "rate_limited", "error_503_unsaved", "drop_after_commit"],
)
async def test_a_look_that_fails_is_repeated_and_the_doubt_stays(
    fault: str, world: World, rates: Rates
) -> None:
    job = await in_doubt(world)
    world.sandbox.set_faults([{"fault": fault, "operation": "list"}])
    await a_day_later(world, job)
    assert job.state is State.WAITING
    assert record(world, job)["unknown"] == "1"
    now_ms = int(world.db.time()[0]) * 1000 + 1000
    assert int(record(world, job)["quiet_until"]) <= now_ms  # a lost read is harmless
    tries = len(sent(world, job))

    world.sandbox.clear_faults()
    resumed = await rates.resume("default", "by hand") == "RESUMED"
    assert resumed == (fault == "unauthorized")
    await world.run_until_ended(job)
    assert code(world, job) == "reconciled"
    assert len(sent(world, job)) == tries


async def test_a_read_that_is_answered_under_a_refused_key_ends_the_suspension(
    world: World, rates: Rates
) -> None:
    job = await in_doubt(world)
    await rates.suspend("default", "", "401", "list")
    await a_day_later(world, job)
    assert job.state is State.WAITING
    assert await rates.resume("default", "by hand") == "RESUMED"

    await rates.suspend("default", "", "401", "list")
    world.db.hset(f"{world.keys.prefix}account:default", "probe_at", 1)
    await world.run_until_ended(job)
    assert code(world, job) == "reconciled"
    assert await rates.resume("default", "by hand") == "NOT_SUSPENDED"


async def test_a_hitch_while_reading_costs_a_try_and_no_run(world: World) -> None:
    job = await in_doubt(world)
    world.sandbox.set_faults([{"fault": "drop_after_commit", "count": 2}])
    await a_day_later(world, job)

    assert code(world, job) == "reconciled"


async def test_a_read_that_settles_no_verdict_of_doubt_leaves_none(
    world: World,
) -> None:
    """A delete that was refused is in no doubt, and is none while it is looked into."""
    source = legacy_source(world)
    world.sandbox.set_faults(
        [{"fault": "error_503_unsaved", "operation": "get_source"}]
    )
    job = world.client.customer.source.delete(customer="cus_1", id=source)
    await world.run_once(job)
    assert job.state is State.WAITING
    assert "unknown" not in record(world, job)

    world.sandbox.clear_faults()
    await world.run_until_ended(job)
    assert (job.state, code(world, job)) == (State.FAILED, "resource_missing")


async def test_a_worker_that_is_to_stop_looks_no_further(world: World) -> None:
    job = await in_doubt(world)
    world.sandbox.seed({"cus_1": [f"card_{number}" for number in range(250)]})

    async def told_to_stop(_: StripeRequest, go_on: GoOn) -> TryResult:
        world.engine.draining = True
        return await go_on()

    before = len(world.sandbox.requests())
    with intercepted(told_to_stop):
        await a_day_later(world, job)

    assert len(world.sandbox.requests()) == before + 1
    assert job.state is State.WAITING
    assert record(world, job)["unknown"] == "1"


async def test_a_look_that_lost_its_lease_reads_and_writes_nothing_more(
    world: World,
) -> None:
    job = await in_doubt(world)
    world.sandbox.seed({"cus_1": [f"card_{number}" for number in range(250)]})

    async def answer_too_late(_: StripeRequest, go_on: GoOn) -> TryResult:
        answer = await go_on()
        expire(world.db, world.keys, job.id)
        await world.ledger.take_due()
        await world.ledger.claim(job.id, "successor")
        return answer

    before = len(world.sandbox.requests())
    with intercepted(answer_too_late):
        await a_day_later(world, job)

    assert len(world.sandbox.requests()) == before + 1
    assert job.state is State.RUNNING
    assert world.events() == []


async def test_a_read_marks_nothing_and_minds_no_limit(world: World) -> None:
    job = world.client.customer.source.create(customer="cus_1", source="tok_visa")
    assert isinstance(await world.ledger.claim(job.id, "mine"), Claimed)
    world.db.hset(world.keys.job(job.id), mapping={"deadline": 1, "ask": 1})
    before = record(world, job)

    assert await may_read(world, job, "mine") is Word.GO
    assert record(world, job) == before
    assert await may_read(world, job, "stale") is Word.SUPERSEDED

    expire(world.db, world.keys, job.id)
    await world.ledger.take_due()
    assert await may_read(world, job, "mine") is Word.SUPERSEDED


async def may_read(world: World, job: Any, token: str) -> Word:
    leave = await world.ledger.send(job.id, token, unknown=True, read="list")
    return leave.word


async def test_a_replayed_job_sends_the_key_and_looks_for_the_mark_of_the_old_one(
    world: World,
) -> None:
    old = "job_of_before"
    source = world.client.customer.source
    job = source.create(customer="cus_1", source=card_token(world))
    stored = world.db.get(world.keys.command(job.id))
    world.db.set(world.keys.command(job.id), stored.replace(job.id, old))
    world.db.hset(world.keys.job(job.id), "key", old)
    await lose_answers(world, job)
    assert {r.idempotency_key for r in world.sandbox.requests() if r.customer} == {old}

    attach(world, card_token(world), **{f"metadata[{MARKER}]": job.id})
    await a_day_later(world, job)
    assert job.result(timeout=0)["metadata"] == {MARKER: old}


async def test_a_cancel_asked_in_doubt_is_answered_by_the_truth(world: World) -> None:
    job = await in_doubt(world)
    world.client.cancel(job.id)
    come_due(world.db, world.keys, job.id)
    await a_day_later(world, job)

    assert (job.state, code(world, job)) == (State.SUCCEEDED, "reconciled")


async def test_a_cancel_asked_in_doubt_is_granted_where_nothing_was_done(
    world: World,
) -> None:
    job = world.client.customer.source.create(
        customer="cus_1", source=card_token(world)
    )
    world.sandbox.set_faults([{"fault": "drop_before_commit"}])
    await world.run_once(job)
    world.sandbox.set_faults([])
    world.client.cancel(job.id)
    come_due(world.db, world.keys, job.id)
    await a_day_later(world, job)

    assert job.state is State.CANCELLED
    assert world.changes() == []


async def test_the_story_of_a_look_tells_its_reads_apart(world: World) -> None:
    job = await in_doubt(world)
    await a_day_later(world, job)

    *_, last = world.client.history(job.id)
    assert last.facts["code"] == "reconciled"
    assert [attempt.get("read") for attempt in last.facts["tries"]] == [True]


async def test_the_log_line_of_a_look_names_its_requests(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    job = await in_doubt(world)
    await a_day_later(world, job)

    read = world.sandbox.requests()[-1]
    assert read.method == "GET"
    assert read.request_id in capsys.readouterr().out
