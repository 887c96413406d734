"""The stand-in in memory keeps the real client's contract: each test runs on both."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from customer_sources import (
    CommandInvalid,
    JobCancelled,
    JobConflict,
    JobFailed,
    JobNeedsReview,
    JobNotFound,
    ResultTimeout,
    State,
)
from customer_sources.contract.ids import job_id_for_key
from customer_sources.testing import InMemorySources
from tests.integration.stands import (
    CARD,
    DECLINED,
    LOST,
    Stand,
    got,
)

NOBODY = "job_" + "0" * 26
CALLS: dict[str, dict[str, Any]] = {
    "create": {"customer": "cus_1", "source": "tok_visa"},
    "list": {"customer": "cus_1", "limit": 3},
    "get": {"customer": "cus_1", "id": "card_1"},
    "update": {"customer": "cus_1", "id": "card_1", "name": "Ada"},
    "delete": {"customer": "cus_1", "id": "card_1"},
    "verify": {"customer": "cus_1", "id": "ba_1", "amounts": [32, 45]},
}


async def create(stand: Stand, **more: Any) -> Any:
    return await got(stand.client.customer.source.create(**CALLS["create"] | more))


@pytest.mark.parametrize("operation", CALLS)
async def test_each_operation_is_accepted_run_and_told(
    stand: Stand, operation: str
) -> None:
    answer = {"object": "list", "has_more": False, "data": [CARD]}
    expected = answer if operation == "list" else CARD
    stand.answer(operation, State.SUCCEEDED, expected)
    job = await got(
        getattr(stand.client.customer.source, operation)(**CALLS[operation])
    )
    assert job.state is State.QUEUED
    await stand.run()

    assert await got(job.result(timeout=5)) == expected
    assert job.state is State.SUCCEEDED
    (event,) = stand.events()
    assert event.id == f"{job.id}:terminal"
    assert event.type.startswith("dev.customersources.customer.source.")
    assert (event.partitionkey, event.correlationid) == ("cus_1", job.id)
    assert event.data["operation"] == operation
    assert event.data["list" if operation == "list" else "source"] == expected


async def test_the_same_key_is_the_same_job_in_whatever_state(stand: Stand) -> None:
    first = await create(stand, idempotency_key="k")
    assert (await create(stand, idempotency_key="k")).id == first.id
    await stand.run()
    again = await create(stand, idempotency_key="k")

    assert (again.id, again.state) == (first.id, State.SUCCEEDED)
    assert len(stand.events()) == 1


async def test_ids_that_come_from_a_key_are_the_same_everywhere(stand: Stand) -> None:
    job = await create(stand, idempotency_key="order-1")

    assert (
        job.id
        == InMemorySources()
        .customer.source.create(
            customer="cus_9", source="tok_amex", idempotency_key="order-1"
        )
        .id
    )


async def test_a_key_or_an_id_that_is_taken_is_a_conflict(stand: Stand) -> None:
    job = await create(stand, idempotency_key="k")

    for option in ({"idempotency_key": "k"}, {"job_id": job.id}):
        with pytest.raises(JobConflict) as caught:
            await create(stand, customer="cus_2", **option)
        assert caught.value.job_id == job.id


async def test_accounts_share_no_job_no_lane_and_no_event(stand: Stand) -> None:
    names = ["default", "acme", "other"]
    jobs = [await create(stand, account=name, idempotency_key="k") for name in names]
    again = await create(stand, account="acme", idempotency_key="k")
    records = [(await got(stand.client.snapshot(job.id))).record for job in jobs]
    asked = [await got(stand.client.command(job.id)) for job in jobs]
    await stand.run()

    assert [job.id for job in jobs] == [job_id_for_key(name, "k") for name in names]
    assert again.id == jobs[1].id
    assert [record["lane"] for record in records] == [f"{n}:cus_1" for n in names]
    assert [record.get("acct") for record in records] == [None, "acme", "other"]
    assert [command.account for command in asked] == names
    told = {event.correlationid: event for event in stand.events()}
    assert [told[job.id].data["account"] for job in jobs] == names
    assert [told[job.id].source for job in jobs] == [
        f"/customer-sources/{name}" for name in names
    ]


async def test_a_stated_mode_is_kept_and_is_part_of_the_question(stand: Stand) -> None:
    job = await create(stand, idempotency_key="k", livemode=False)

    assert (await got(stand.client.command(job.id))).livemode is False
    assert (await create(stand, idempotency_key="k", livemode=False)).id == job.id
    for other in ({}, {"livemode": None}, {"livemode": True}):
        with pytest.raises(JobConflict):
            await create(stand, idempotency_key="k", **other)


@pytest.mark.parametrize(
    ("more", "fields"),
    [
        ({"customer": "a b", "limit": 1}, ["customer", "limit"]),
        ({"source": "4242424242424242"}, ["source"]),
        ({"idempotency_key": ""}, ["idempotency_key"]),
        ({"deadline": "tomorrow"}, ["deadline"]),
        ({"priority": "first"}, ["priority"]),
        ({"account": "Acme", "livemode": 1}, ["account", "livemode"]),
        ({"account": "", "idempotency_key": "k"}, ["account"]),
    ],
)
async def test_what_is_wrong_is_named_and_nothing_is_accepted(
    stand: Stand, more: dict[str, Any], fields: list[str]
) -> None:
    command = {"operation": "create", **CALLS["create"], **more}
    (result,) = await got(stand.client.submit_many([command]))
    assert isinstance(result.error, CommandInvalid)
    assert [problem.field for problem in result.error.problems] == fields
    if "limit" not in more:
        with pytest.raises(CommandInvalid) as caught:
            await create(stand, **more)
        assert [problem.field for problem in caught.value.problems] == fields
    await stand.run()

    assert stand.events() == []


@pytest.mark.parametrize(
    ("state", "details", "error"),
    [
        (State.FAILED, DECLINED, JobFailed),
        (State.NEEDS_REVIEW, LOST, JobNeedsReview),
    ],
)
async def test_an_end_without_an_object_is_an_error_with_a_code(
    stand: Stand, state: State, details: dict[str, Any], error: type[JobFailed]
) -> None:
    stand.answer("create", state, details)
    job = await create(stand, reference="order-7")
    await stand.run()

    with pytest.raises(error) as caught:
        await got(job.result(timeout=5))
    assert (caught.value.code, caught.value.error) == (details["code"], details)
    assert str(caught.value).startswith(job.id)
    (event,) = stand.events()
    assert event.type == f"dev.customersources.source_job.{state.value}"
    assert event.data["error"] == details
    assert event.causationid == "order-7"
    command = await got(stand.client.command(job.id))
    assert (command is not None) == (state is State.NEEDS_REVIEW)


async def test_a_job_that_has_not_run_can_be_cancelled(stand: Stand) -> None:
    job = await create(stand)
    assert (await got(stand.client.cancel(job.id))).state is State.CANCELLED
    assert (await got(stand.client.cancel(job.id))).state is State.CANCELLED
    await stand.run()

    with pytest.raises(JobCancelled) as caught:
        await got(job.result(timeout=5))
    assert caught.value.code == "cancelled"
    assert [event.data["state"] for event in stand.events()] == ["cancelled"]


async def test_a_job_that_has_ended_is_not_cancelled_any_more(stand: Stand) -> None:
    job = await create(stand)
    await stand.run()

    assert (await got(stand.client.cancel(job.id))).state is State.SUCCEEDED
    assert len(stand.events()) == 1


async def test_a_job_that_nobody_knows_is_not_found(stand: Stand) -> None:
    for call in (
        stand.client.job,
        stand.client.cancel,
        stand.client.snapshot,
        stand.client.wait,
    ):
        with pytest.raises(JobNotFound, match=NOBODY):
            await got(call(NOBODY))
    assert await got(stand.client.command(NOBODY)) is None


async def test_a_timeout_of_nothing_only_looks(stand: Stand) -> None:
    job = await create(stand)
    with pytest.raises(ResultTimeout, match=f"{job.id} is still queued"):
        await got(job.result(timeout=0))
    await stand.run()

    assert await got(job.result(timeout=0))
    assert (await got(stand.client.job(job.id))).state is State.SUCCEEDED


async def test_the_jobs_of_a_customer_are_told_in_the_order_submitted(
    stand: Stand,
) -> None:
    jobs = [await create(stand, idempotency_key=f"k{n}") for n in range(5)]
    await stand.run()

    assert [event.correlationid for event in stand.events()] == [j.id for j in jobs]


@pytest.mark.parametrize(
    "ahead", [timedelta(days=1), datetime.now(UTC) + timedelta(days=1)]
)
async def test_what_is_scheduled_waits_and_holds_nobody_up(
    stand: Stand, ahead: timedelta | datetime
) -> None:
    later = await create(stand, not_before=ahead)
    now = await create(stand)
    assert (later.state, now.state) == (State.WAITING, State.QUEUED)
    await stand.run()

    assert (await got(now.refresh())).state is State.SUCCEEDED
    with pytest.raises(ResultTimeout, match="waiting"):
        await got(later.result(timeout=0))
    assert (await got(stand.client.cancel(later.id))).state is State.CANCELLED


async def test_many_are_told_apart(stand: Stand) -> None:
    fine = {"operation": "create", **CALLS["create"]}
    keyed = fine | {"idempotency_key": "k"}
    results = await got(
        stand.client.submit_many(
            [keyed, keyed, keyed | {"customer": "cus_2"}, {"operation": 1}, fine]
        )
    )

    assert [result.state for result in results] == [
        *(State.QUEUED, State.QUEUED, None, None, State.QUEUED)
    ]
    assert results[0] == results[1]
    assert isinstance(results[2].error, JobConflict)
    assert results[2].job_id == results[0].job_id
    assert isinstance(results[3].error, CommandInvalid)
    assert results[3].job_id == ""
    await stand.run()
    assert len(stand.events()) == 2


async def test_what_many_gave_is_repeated_by_many(stand: Stand) -> None:
    command = {"operation": "create", **CALLS["create"]}
    (first,) = await got(stand.client.submit_many([command]))
    again = {**command, "job_id": first.job_id}
    (second,) = await got(stand.client.submit_many([again]))
    await stand.run()

    assert second == first
    assert len(stand.events()) == 1


async def test_a_record_says_the_same_before_and_after_the_end(stand: Stand) -> None:
    job = await create(stand, deadline=timedelta(hours=1), idempotency_key="k")
    before = (await got(stand.client.snapshot(job.id))).record
    await stand.run()
    after = (await got(stand.client.snapshot(job.id))).record

    assert (before["op"], before["state"], before["class"], before["keyed"]) == (
        *("create", "queued", "interactive", "1"),
    )
    assert before["lane"] == "default:cus_1"
    assert int(before["deadline"]) - int(before["at"]) == 3_600_000
    assert {"state", "op", "at", "ended", "runs", "code", "fp"} <= set(after)
    assert (after["fp"], after["at"]) == (before["fp"], before["at"])
