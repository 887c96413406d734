"""replay.lua and discard.lua: a job in review is settled once, and never done twice."""

from __future__ import annotations

import json
from typing import Any

import pytest
import redis

from customer_sources import CustomerSources, Job, NotInReview, State
from customer_sources.contract.ids import replay_id
from customer_sources.contract.names import Keys
from tests.builders import ending
from worker.ledger import Ledger
from worker.replies import Claimed, Ending

WHY = "Stripe was down"


async def in_review(
    client: CustomerSources, ledger: Ledger, *, unknown: bool = True, **more: Any
) -> Job:
    """A create that ended in review after a request of it had left."""
    job = client.customer.source.create(
        **{"customer": "cus_1", "source": "tok_visa"} | more
    )
    await ledger.claim(job.id, "t1")
    await ledger.commit(job.id, "t1", ending(State.NEEDS_REVIEW, unknown=unknown))
    return job.refresh()


def told(client: CustomerSources) -> list[str]:
    """What was told beside the ends of jobs."""
    events = client.events(after="0", timeout=0)
    return [event.data["state"] for event in events if event.data]


async def test_a_replay_is_a_new_job_with_the_same_bytes(
    client: CustomerSources, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    old = await in_review(client, ledger)
    command = db.get(keys.command(old.id))
    db.delete(keys.queue("sources.interactive"))
    new = client.review.replay(old.id, reason=WHY)

    assert (new.id, new.state) == (replay_id(old.id), State.QUEUED)
    assert db.get(keys.command(new.id)) == command
    before, after = db.hgetall(keys.job(old.id)), db.hgetall(keys.job(new.id))
    for field in ("fp", "op", "effect", "class", "lane", "v"):
        assert after[field] == before[field]
    assert db.zrange(keys.lane("default:cus_1"), 0, -1) == [new.id]
    assert db.zscore(keys.wake("interactive"), f"j:{new.id}") is not None
    (message,) = db.lrange(keys.queue("sources.interactive"), 0, -1)
    assert new.id in json.loads(message)["headers"]["argsrepr"]


async def test_the_end_of_the_old_job_stays_as_it_was_told(
    client: CustomerSources, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    old = await in_review(client, ledger)
    before, life = db.hgetall(keys.job(old.id)), db.pttl(keys.job(old.id))
    new = client.review.replay(old.id, reason=WHY)

    assert db.hgetall(keys.job(old.id)) == before | {"replayed": new.id}
    assert 0 < db.pttl(keys.job(old.id)) <= life
    assert db.zrange(keys.review, 0, -1) == []
    assert told(client) == ["replayed"]


async def test_two_operators_make_one_job(
    client: CustomerSources, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    old = await in_review(client, ledger)
    first = client.review.replay(old.id, reason=WHY, actor="ada")
    second = client.review.replay(old.id, reason="me too", actor="grace")

    assert (second.id, second.state) == (first.id, State.QUEUED)
    assert db.zcard(keys.lane("default:cus_1")) == 1
    assert told(client) == ["replayed"]
    await ledger.claim(first.id, "t2")
    await ledger.commit(first.id, "t2", ending())
    assert client.review.replay(old.id, reason=WHY).state is State.SUCCEEDED


async def test_a_replay_stands_at_the_end_of_its_lane(
    client: CustomerSources, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    old = await in_review(client, ledger)
    head = client.customer.source.create(customer="cus_1", source="tok_amex")
    rung = db.llen(keys.queue("sources.interactive"))
    new = client.review.replay(old.id, reason=WHY)

    assert db.zrange(keys.lane("default:cus_1"), 0, -1) == [head.id, new.id]
    assert db.zrange(keys.wake("interactive"), 0, -1) == [f"j:{head.id}"]
    assert db.llen(keys.queue("sources.interactive")) == rung
    await ledger.claim(head.id, "t2")
    assert await ledger.commit(head.id, "t2", ending()) == new.id


async def test_an_unordered_read_is_replayed_without_a_lane(
    client: CustomerSources, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    old = client.customer.source.get(customer="cus_1", id="card_1", ordered=False)
    await ledger.claim(old.id, "t1")
    await ledger.commit(old.id, "t1", ending(State.NEEDS_REVIEW))
    new = client.review.replay(old.id, reason=WHY)

    assert list(db.scan_iter(f"{keys.prefix}lane:*")) == []
    assert isinstance(await ledger.claim(new.id, "t2"), Claimed)


async def test_a_doubt_is_taken_over_with_its_key_and_its_age(
    client: CustomerSources, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    old = await in_review(client, ledger)
    db.hset(keys.job(old.id), "quiet_until", 7)
    kept = db.hgetall(keys.job(old.id))
    new = client.review.replay(old.id, reason=WHY)

    carried = db.hgetall(keys.job(new.id))
    assert (carried["unknown"], carried["key"]) == ("1", old.id)
    assert carried["first_sent"] == kept["first_sent"]
    assert carried["quiet_until"] == "7"


async def test_a_replay_of_a_replay_keeps_the_first_key(
    client: CustomerSources, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    old = await in_review(client, ledger)
    new = client.review.replay(old.id, reason=WHY)
    await ledger.claim(new.id, "t2")
    await ledger.commit(new.id, "t2", ending(State.NEEDS_REVIEW, unknown=True))
    third = client.review.replay(new.id, reason=WHY)

    assert len({old.id, new.id, third.id}) == 3
    assert db.hget(keys.job(third.id), "key") == old.id
    first_sent = db.hget(keys.job(old.id), "first_sent")
    assert db.hget(keys.job(third.id), "first_sent") == first_sent


async def test_where_nothing_was_done_nothing_is_taken_over(
    client: CustomerSources, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    old = await in_review(client, ledger, unknown=False)
    new = client.review.replay(old.id, reason=WHY)

    carried = {"key", "unknown", "first_sent", "quiet_until"}
    assert carried & db.hgetall(keys.job(new.id)).keys() == set()


async def test_a_doubt_that_was_cleared_before_gives_a_replay_a_key_of_its_own(
    client: CustomerSources, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    """The key of the first job has an executed error saved under it."""
    old = await in_review(client, ledger)
    new = client.review.replay(old.id, reason=WHY)
    await ledger.claim(new.id, "t2")
    await ledger.commit(new.id, "t2", ending(State.NEEDS_REVIEW, unknown=False))
    third = client.review.replay(new.id, reason=WHY)

    assert db.hget(keys.job(third.id), "key") is None
    assert client.review.show(new.id).replayed == third.id


async def test_a_deadline_that_has_passed_does_not_bind_the_replay(
    client: CustomerSources, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    old = await in_review(client, ledger)
    db.hset(keys.job(old.id), "deadline", 1)
    new = client.review.replay(old.id, reason=WHY)

    assert db.hget(keys.job(new.id), "deadline") is None


async def test_what_is_discarded_leaves_review_and_is_told_once(
    client: CustomerSources, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    old = await in_review(client, ledger)
    before = db.hgetall(keys.job(old.id))
    client.review.discard(old.id, reason="done by hand", actor="ada")
    client.review.discard(old.id, reason="done by hand")

    after = db.hgetall(keys.job(old.id))
    assert int(after.pop("discarded")) >= int(before["ended"])
    assert after == before
    assert db.zcard(keys.review) == 0
    assert told(client) == ["discarded"]


async def test_who_comes_second_with_the_other_wish_is_told(
    client: CustomerSources, ledger: Ledger
) -> None:
    replayed = await in_review(client, ledger)
    client.review.replay(replayed.id, reason=WHY)
    with pytest.raises(NotInReview) as caught:
        client.review.discard(replayed.id, reason=WHY)
    assert caught.value.state == "replayed"

    discarded = await in_review(client, ledger, customer="cus_2")
    client.review.discard(discarded.id, reason=WHY)
    with pytest.raises(NotInReview) as caught:
        client.review.replay(discarded.id, reason=WHY)
    assert caught.value.state == "discarded"


@pytest.mark.parametrize("state", [State.SUCCEEDED, State.FAILED, State.CANCELLED])
async def test_what_ended_otherwise_is_not_in_review(
    client: CustomerSources, ledger: Ledger, db: redis.Redis, keys: Keys, state: State
) -> None:
    job = client.customer.source.create(customer="cus_1", source="tok_visa")
    await ledger.claim(job.id, "t1")
    await ledger.commit(job.id, "t1", ending(state))

    for settle in (client.review.replay, client.review.discard):
        with pytest.raises(NotInReview) as caught:
            settle(job.id, reason=WHY)
        assert caught.value.state == state
    assert db.exists(keys.job(replay_id(job.id))) == 0


async def test_a_failure_that_another_job_may_mend_is_in_review(
    client: CustomerSources, ledger: Ledger
) -> None:
    job = client.customer.source.create(customer="cus_1", source="tok_visa")
    await ledger.claim(job.id, "t1")
    failed = Ending(
        state=State.FAILED,
        code="processing_error",
        result=b'{"code":"processing_error","message":"Try again."}',
        event=b'{"id":"e","type":"t.failed","source":"s","time":"now"}',
        review=True,
    )
    await ledger.commit(job.id, "t1", failed)

    assert client.review.replay(job.id, reason=WHY).state is State.QUEUED
    assert told(client) == ["replayed"]


async def test_a_replay_that_cannot_be_told_is_not_done(
    client: CustomerSources, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    old = await in_review(client, ledger)
    db.delete(keys.events)
    db.set(keys.events, "somebody else's", px=60_000)
    for settle in (client.review.replay, client.review.discard):
        with pytest.raises(ConnectionError):
            settle(old.id, reason=WHY)

    assert client.review.show(old.id).plan is not None
    assert db.exists(keys.job(replay_id(old.id))) == 0


async def test_a_replay_never_writes_over_a_job_that_is_there(
    client: CustomerSources, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    old = await in_review(client, ledger)
    there = client.customer.source.create(
        customer="cus_2", source="tok_amex", job_id=replay_id(old.id)
    )
    before = db.hgetall(keys.job(there.id))

    assert client.review.replay(old.id, reason=WHY).id == there.id
    assert db.hgetall(keys.job(there.id)) == before


async def test_both_stories_tell_who_did_it_and_why_and_pass_with_their_jobs(
    client: CustomerSources, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    old = await in_review(client, ledger)
    new = client.review.replay(old.id, reason=WHY, actor="ada")

    words = {"reason": WHY, "actor": "ada"}
    (line,) = client.history(old.id)
    assert (line.what, line.facts) == ("replayed", {"replay": new.id, **words})
    (line,) = client.history(new.id)
    assert (line.what, line.facts) == ("replay_of", {"job": old.id, **words})
    assert 0 < db.pttl(keys.log(old.id)) <= db.pttl(keys.job(old.id)) + 1000
