"""`client.review`, sync and async, on a store and in memory: one contract."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from customer_sources import (
    CommandInvalid,
    Does,
    JobNotFound,
    NotInReview,
    State,
)
from customer_sources.aio_review import AsyncReview
from customer_sources.contract.ids import replay_id
from customer_sources.reviewing import Review
from tests.integration.reviewing import WHY, listed, reviewed
from tests.integration.stands import LOST, Stand, got

NOBODY = "job_" + "0" * 26


async def test_a_job_in_review_says_why_and_what_a_replay_would_do(
    stand: Stand,
) -> None:
    job = await reviewed(stand)

    item = await got(stand.client.review.show(job.id))
    assert [item] == await listed(stand)
    assert (item.id, item.state, item.operation) == (job.id, job.state, "create")
    assert (item.account, item.customer, item.source_id) == ("default", "cus_1", "")
    assert (item.code, item.message) == (LOST["code"], LOST["message"])
    assert abs(item.ended - datetime.now(UTC)) < timedelta(minutes=1)
    assert (item.unknown, item.replayed, item.discarded) == (True, "", None)
    assert item.key_safe_until is not None
    ahead = item.key_safe_until - datetime.now(UTC)
    assert timedelta(hours=22) < ahead <= timedelta(hours=23)

    plan = await got(stand.client.review.plan(job.id))
    assert plan == item.plan
    assert (plan.does, plan.key) == (Does.SAME_KEY, job.id)
    assert plan.until == item.key_safe_until
    assert plan.sentence.startswith(
        "sends again with the same key, which is safe until"
    )


async def test_a_replay_is_of_the_same_account_and_for_the_same_mode(
    stand: Stand,
) -> None:
    old = await reviewed(stand, account="acme", livemode=False)
    before = (await got(stand.client.snapshot(old.id))).record
    new = await got(stand.client.review.replay(old.id, reason=WHY))
    command = await got(stand.client.command(new.id))
    after = (await got(stand.client.snapshot(new.id))).record

    assert (command.account, command.livemode) == ("acme", False)
    for record in (before, after):
        assert (record["acct"], record["lane"]) == ("acme", "acme:cus_1")
    await stand.run()
    assert [event.data["account"] for event in stand.events()] == ["acme"] * 3


async def test_a_replay_gives_the_result_that_was_missing(stand: Stand) -> None:
    old = await reviewed(stand, reference="order-7")
    new = await got(stand.client.review.replay(old.id, reason=WHY, actor="ada"))
    assert (new.id, new.state) == (replay_id(old.id), State.QUEUED)
    await stand.run()

    assert (await got(new.result(timeout=5)))["id"] == "card_1"
    assert (await got(stand.client.job(old.id))).state is State.NEEDS_REVIEW
    assert await listed(stand) == []
    end, replayed, second_end = stand.events()
    assert [end.correlationid, second_end.correlationid] == [old.id, new.id]
    assert replayed.id == f"{old.id}:replayed"
    assert replayed.type == "dev.customersources.source_job.replayed"
    assert (replayed.correlationid, replayed.partitionkey) == (old.id, "cus_1")
    assert replayed.causationid == "order-7"
    assert replayed.data == {
        "state": "replayed",
        "operation": "create",
        "account": "default",
        "reason": WHY,
        "actor": "ada",
        "code": LOST["code"],
        "replay": new.id,
    }


async def test_replaying_twice_gives_the_same_job_and_tells_once(stand: Stand) -> None:
    old = await reviewed(stand)
    first = await got(stand.client.review.replay(old.id, reason=WHY))
    again = await got(stand.client.review.replay(old.id, reason=WHY))
    await stand.run()
    late = await got(stand.client.review.replay(old.id, reason=WHY))

    assert {first.id, again.id, late.id} == {replay_id(old.id)}
    assert late.state is State.SUCCEEDED
    assert len(stand.events()) == 3


async def test_what_was_settled_can_still_be_shown(stand: Stand) -> None:
    old = await reviewed(stand)
    new = await got(stand.client.review.replay(old.id, reason=WHY))
    await stand.run()
    other = await reviewed(stand, customer="cus_2")
    await got(stand.client.review.discard(other.id, reason="done by hand"))
    await got(stand.client.review.discard(other.id, reason="done by hand"))

    assert await listed(stand) == []
    item = await got(stand.client.review.show(old.id))
    assert (item.plan, item.replayed, item.discarded) == (None, new.id, None)
    item = await got(stand.client.review.show(other.id))
    assert (item.plan, item.replayed) == (None, "")
    assert abs(item.discarded - datetime.now(UTC)) < timedelta(minutes=1)
    (event,) = [e for e in stand.events() if e.data["state"] == "discarded"]
    assert (event.id, event.data["reason"]) == (f"{other.id}:discarded", "done by hand")
    assert "actor" not in event.data
    for job, word in ((old, "replayed"), (other, "discarded")):
        with pytest.raises(NotInReview, match=word):
            await got(stand.client.review.plan(job.id))
    with pytest.raises(NotInReview, match="discarded"):
        await got(stand.client.review.replay(other.id, reason=WHY))
    with pytest.raises(NotInReview, match="replayed"):
        await got(stand.client.review.discard(old.id, reason=WHY))


async def test_a_failure_that_may_pass_is_replayed_with_a_new_key(stand: Stand) -> None:
    old = await reviewed(stand, state=State.FAILED)

    (item,) = await listed(stand)
    assert (item.state, item.unknown) == (State.FAILED, False)
    assert item.key_safe_until is None
    assert item.plan is not None
    assert (item.plan.does, item.plan.key) == (Does.NEW_KEY, replay_id(old.id))
    assert "Stripe is known to have done nothing" in item.plan.sentence
    new = await got(stand.client.review.replay(old.id, reason=WHY))
    await stand.run()
    assert (await got(new.result(timeout=5)))["id"] == "card_1"


async def test_what_has_no_key_is_simply_done_again(stand: Stand) -> None:
    deleted = await reviewed(stand, "delete")
    read = await reviewed(stand, "get")

    plan = await got(stand.client.review.plan(deleted.id))
    assert (plan.does, plan.sentence) == (Does.DELETES_AGAIN, "sends the DELETE again")
    plan = await got(stand.client.review.plan(read.id))
    assert plan.does is Does.READS_AGAIN
    assert (await got(stand.client.review.show(read.id))).key_safe_until is None


async def test_what_is_not_in_review_is_told_apart_from_what_is_not_there(
    stand: Stand,
) -> None:
    job = await got(
        stand.client.customer.source.create(customer="cus_1", source="tok_visa")
    )
    review = stand.client.review
    for state in (State.QUEUED, State.SUCCEEDED):
        for call in (review.show, review.plan):
            with pytest.raises(NotInReview) as caught:
                await got(call(job.id))
            assert (caught.value.job_id, caught.value.state) == (job.id, state)
        for settle in (review.replay, review.discard):
            with pytest.raises(
                NotInReview, match=f"{job.id} is not in review.*{state}"
            ):
                await got(settle(job.id, reason=WHY))
        await stand.run()
    for call in (review.show, review.plan):
        with pytest.raises(JobNotFound, match=NOBODY):
            await got(call(NOBODY))
    for settle in (review.replay, review.discard):
        with pytest.raises(JobNotFound, match=NOBODY):
            await got(settle(NOBODY, reason=WHY))


@pytest.mark.parametrize(
    ("words", "field"),
    [
        ({"reason": ""}, "reason"),
        ({"reason": " \n"}, "reason"),
        ({"reason": None}, "reason"),
        ({"reason": "x" * 501}, "reason"),
        ({"reason": "half \ud83d"}, "reason"),
        ({"reason": "4242424242424242"}, "reason"),
        ({"reason": "they sent 4242 4242 4242 4242, twice"}, "reason"),
        ({"reason": WHY, "actor": "x" * 101}, "actor"),
        ({"reason": WHY, "actor": 7}, "actor"),
    ],
)
async def test_a_reason_that_must_not_be_stored_is_refused(
    stand: Stand, words: dict[str, Any], field: str
) -> None:
    job = await reviewed(stand)
    for settle in (stand.client.review.replay, stand.client.review.discard):
        with pytest.raises(CommandInvalid) as caught:
            await got(settle(job.id, **words))
        assert [problem.field for problem in caught.value.problems] == [field]
        assert "4242" not in str(caught.value)

    assert len(await listed(stand)) == 1
    assert len(stand.events()) == 1


async def test_a_token_in_a_reason_is_masked(stand: Stand) -> None:
    job = await reviewed(stand)
    await got(stand.client.review.discard(job.id, reason=" tok_1AbCdEf was used "))

    assert stand.events()[-1].data["reason"] == "tok_*** was used"


def test_both_clients_have_the_same_calls() -> None:
    def calls(of: type) -> dict[str, list[str]]:
        return {
            name: list(inspect.signature(one).parameters)
            for name, one in inspect.getmembers(of, inspect.isfunction)
            if not name.startswith("_")
        }

    assert calls(Review) == calls(AsyncReview)
    assert set(calls(Review)) == {"list", "show", "plan", "replay", "discard"}
