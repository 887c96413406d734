"""The table of outcomes, at the wire: reads, deletes, and a key that stays in use.

Tests are named after their row of the table; see `test_outcome_classes.py`.
"""

from __future__ import annotations

from contextlib import AbstractContextManager

import pytest

from customer_sources import JobFailed, State
from customer_sources.contract.names import MARKER
from tests.integration.conftest import World
from tests.integration.doubts import (
    MINUTE,
    attach,
    call,
    card_token,
    code,
    delete_customer,
    later,
    legacy_source,
    lose_answers,
    record,
)
from tests.integration.interception import GoOn, intercepted
from worker.answers import Answered, TryResult
from worker.stripe_api import StripeRequest

SOURCES = "/v1/customers/cus_1/sources"


async def key_in_use(request: StripeRequest, go_on: GoOn) -> TryResult:
    """Be at work on the first request with a key, and stay at it."""
    if request.method == "GET":
        return await go_on()
    error = {"code": "idempotency_key_in_use", "type": "invalid_request_error"}
    return Answered(status=409, body={"error": error})


@pytest.mark.parametrize("fault", ["drop_before_commit", "drop_after_commit"])
async def test_any_post_c409_for_minutes_is_read_and_waited_for_with_its_key(
    fault: str, world: World
) -> None:
    job = world.client.customer.source.create(
        customer="cus_1", source=card_token(world)
    )
    await lose_answers(world, job, fault)
    with intercepted(key_in_use):
        await later(world, job, 2 * MINUTE)
        assert job.state is State.WAITING
        await later(world, job, 4 * MINUTE)

    if fault == "drop_after_commit":
        assert code(world, job) == "reconciled"
    else:
        assert record(world, job)["unknown"] == "1"
        await world.run_until_ended(job)
    assert job.result(timeout=0)["metadata"] == {MARKER: job.id}
    assert world.changes() == ["source.created"]


# --- get, list


@pytest.mark.parametrize(
    "fault",
    ["drop_after_commit", "error_503_unsaved", "rate_limited", "lock_timeout"],
)
@pytest.mark.parametrize("operation", ["get", "list"])
async def test_list_and_get_n1_e5xx_l429_k429_are_repeated_without_doubt(
    fault: str, operation: str, world: World
) -> None:
    world.sandbox.seed({"cus_1": ["card_1"]})
    world.sandbox.set_faults([{"fault": fault, "count": 5}])
    source = world.client.customer.source
    job = (
        source.get(customer="cus_1", id="card_1")
        if operation == "get"
        else source.list(customer="cus_1")
    )
    await world.run_once(job)
    assert "unknown" not in record(world, job)

    await world.run_until_ended(job)
    assert job.state is State.SUCCEEDED


@pytest.mark.parametrize("gone", ["source", "customer"])
async def test_get_404_is_not_found_and_says_what(gone: str, world: World) -> None:
    if gone == "customer":
        delete_customer(world)
    job = world.client.customer.source.get(customer="cus_1", id="card_none")
    await world.run_once(job)

    with pytest.raises(JobFailed, match=f"No such {gone}") as caught:
        job.result(timeout=0)
    assert caught.value.code == "resource_missing"


@pytest.mark.parametrize("vanishings", [1, 2])
async def test_list_with_a_cursor_vanished_midway_begins_again(
    vanishings: int, world: World
) -> None:
    cards = [f"card_{number:03}" for number in range(250)]
    world.sandbox.seed({"cus_1": cards})
    job = world.client.customer.source.list(customer="cus_1", all_pages=True)
    with second_page_vanishing(world, times=vanishings):
        await world.run_once(job)

    gone = ["card_150", "card_149"][:vanishings]  # the last of each first page
    left = [card for card in cards if card not in gone]
    assert [card["id"] for card in job.result(timeout=0)["data"]] == left[::-1]


async def test_list_whose_cursor_vanishes_for_ever_fails(world: World) -> None:
    world.sandbox.seed({"cus_1": [f"card_{number:03}" for number in range(250)]})
    job = world.client.customer.source.list(customer="cus_1", all_pages=True)
    with second_page_vanishing(world, times=100):
        await world.run_once(job)

    with pytest.raises(JobFailed, match="resource_missing"):
        job.result(timeout=0)


def second_page_vanishing(world: World, times: int) -> AbstractContextManager[None]:
    """Let somebody delete the source that the next page is to begin after."""
    left = [None] * times

    async def deleted_first(request: StripeRequest, go_on: GoOn) -> TryResult:
        _, _, cursor = request.path.partition("starting_after=")
        if cursor and left:
            left.pop()
            call(world, "DELETE", f"{SOURCES}/{cursor}")
        return await go_on()

    return intercepted(deleted_first)


# --- delete


async def test_delete_s_with_deleted_true_is_done(world: World) -> None:
    world.sandbox.seed({"cus_1": ["card_1"]})
    job = world.client.customer.source.delete(customer="cus_1", id="card_1")
    await world.run_once(job)

    assert job.result(timeout=0)["deleted"] is True


async def test_delete_s_with_status_consumed_is_detached(world: World) -> None:
    source = attach(world, legacy_source(world))
    job = world.client.customer.source.delete(customer="cus_1", id=source)
    await world.run_once(job)

    assert job.result(timeout=0)["status"] == "consumed"


async def test_delete_404_after_an_unknown_outcome_is_done(world: World) -> None:
    world.sandbox.seed({"cus_1": ["card_1"]})
    job = world.client.customer.source.delete(customer="cus_1", id="card_1")
    await lose_answers(world, job)
    await world.run_until_ended(job)

    assert code(world, job) == "already_absent_after_unknown"
    assert world.changes() == ["source.deleted"]


@pytest.mark.parametrize("missing_ok", [True, False])
async def test_delete_404_on_the_first_attempt_is_as_the_job_says(
    world: World, *, missing_ok: bool
) -> None:
    job = world.client.customer.source.delete(
        customer="cus_1", id="card_none", missing_ok=missing_ok
    )
    await world.run_once(job)

    expected = (State.SUCCEEDED, "already_absent")
    if not missing_ok:
        expected = (State.FAILED, "resource_missing")
    assert (job.state, code(world, job)) == expected


@pytest.mark.parametrize("lost", [True, False])
async def test_delete_of_an_already_detached_src_is_done(
    world: World, *, lost: bool
) -> None:
    source = attach(world, legacy_source(world))
    job = world.client.customer.source.delete(customer="cus_1", id=source)
    if lost:
        await lose_answers(world, job)
    else:
        call(world, "DELETE", f"{SOURCES}/{source}")
    await world.run_until_ended(job)

    absent = "already_absent_after_unknown" if lost else "already_absent"
    assert (job.state, code(world, job)) == (State.SUCCEEDED, absent)


async def test_delete_of_a_src_that_was_never_attached_fails(world: World) -> None:
    source = legacy_source(world)
    job = world.client.customer.source.delete(customer="cus_1", id=source)
    await world.run_once(job)

    assert (job.state, code(world, job)) == (State.FAILED, "resource_missing")


@pytest.mark.parametrize("lost", [True, False])
async def test_delete_with_the_customer_gone_is_done_only_after_doubt(
    world: World, *, lost: bool
) -> None:
    world.sandbox.seed({"cus_1": ["card_1"]})
    job = world.client.customer.source.delete(
        customer="cus_1", id="card_1", missing_ok=True
    )
    if lost:
        await lose_answers(world, job, "drop_before_commit")
    delete_customer(world)
    await world.run_until_ended(job)

    assert job.state is (State.SUCCEEDED if lost else State.FAILED)


@pytest.mark.parametrize("fault", ["drop_before_commit", "drop_after_commit"])
async def test_delete_out_of_time_is_told_by_whether_it_is_there(
    fault: str, world: World
) -> None:
    world.sandbox.seed({"cus_1": ["card_1"]})
    job = world.client.customer.source.delete(customer="cus_1", id="card_1")
    await lose_answers(world, job, fault)
    before = len(world.sandbox.requests())
    world.db.hset(world.keys.job(job.id), mapping={"deadline": 1, "quiet_until": 1})
    await world.run_once(job)

    methods = {request.method for request in world.sandbox.requests()[before:]}
    assert methods == {"GET"}
    expected = (State.FAILED, "deadline_passed")
    if fault == "drop_after_commit":
        expected = (State.SUCCEEDED, "already_absent_after_unknown")
    assert (job.state, code(world, job)) == expected
    assert len(world.events()) == 1
