"""claim, send, heartbeat, defer, commit: one owner at a time, and stale ones lose.

Time is not slept away: `expire` sets a lease's end into the past, as time would.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import redis

from customer_sources import CustomerSources, Job, State
from customer_sources.contract.names import Keys
from tests.builders import ending, expire
from worker.ledger import Ledger
from worker.replies import Claimed, Leave, Refused, Word


@pytest.fixture
def job(client: CustomerSources) -> Job:
    return client.customer.source.create(customer="cus_1", source="tok_visa")


async def _claim(ledger: Ledger, job: Job, token: str = "t1") -> Claimed:
    claimed = await ledger.claim(job.id, token)
    assert isinstance(claimed, Claimed)
    return claimed


async def test_the_first_to_claim_gets_the_job_and_leave_to_send(
    job: Job, ledger: Ledger
) -> None:
    claimed = await _claim(ledger, job)

    assert claimed.leave is Word.GO
    assert claimed.record["state"] == "running"
    assert claimed.record["sent"] == "1"
    assert "tok_visa" in claimed.command


async def test_the_second_to_claim_loses(job: Job, ledger: Ledger) -> None:
    await _claim(ledger, job)

    assert await ledger.claim(job.id, "t2") is Refused.BUSY


async def test_a_claim_whose_answer_was_lost_is_granted_again_to_its_owner(
    job: Job, ledger: Ledger
) -> None:
    await _claim(ledger, job)
    again = await _claim(ledger, job)

    assert again.leave is None
    assert again.record["runs"] == "1"


async def test_an_expired_lease_is_still_busy_until_upkeep_takes_over(
    job: Job, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    await _claim(ledger, job)
    expire(db, keys, job.id)

    assert await ledger.claim(job.id, "t2") is Refused.BUSY


async def test_a_job_behind_another_cannot_be_claimed(
    job: Job, client: CustomerSources, ledger: Ledger
) -> None:
    behind = client.customer.source.get(customer="cus_1", id="card_1")

    assert await ledger.claim(behind.id, "t2") is Refused.BEHIND


async def test_a_command_of_a_newer_version_is_left_for_a_newer_worker(
    job: Job, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    db.hset(keys.job(job.id), "v", 99)

    assert await ledger.claim(job.id, "t1") is Refused.NEWER


async def test_what_is_not_there_cannot_be_claimed(ledger: Ledger) -> None:
    assert await ledger.claim("job_unheard_of", "t1") is Refused.MISSING


async def test_every_request_asks_first_and_a_stale_run_is_told_to_stop(
    job: Job, ledger: Ledger
) -> None:
    await _claim(ledger, job)

    assert await ledger.send(job.id, "t1", unknown=False) == Leave(Word.GO)
    assert await ledger.send(job.id, "stale", unknown=False) == Leave(Word.SUPERSEDED)


async def test_the_horizon_counts_from_the_first_request_nobody_answered(
    job: Job, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    await _claim(ledger, job)
    long_ago = {"first_sent": 1, "unknown": 1}
    db.hset(keys.job(job.id), mapping=long_ago)

    assert await ledger.send(job.id, "t1", unknown=True) == Leave(Word.HORIZON)


async def test_an_answered_request_starts_the_horizon_anew(
    job: Job, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    await _claim(ledger, job)
    db.hset(keys.job(job.id), "first_sent", 1)

    assert await ledger.send(job.id, "t1", unknown=False) == Leave(Word.GO)
    assert int(db.hget(keys.job(job.id), "first_sent")) > 1


async def test_a_delete_has_no_horizon_because_it_has_no_key(
    client: CustomerSources, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    job = client.customer.source.delete(customer="cus_1", id="card_1")
    await _claim(ledger, job)
    db.hset(keys.job(job.id), mapping={"first_sent": 1, "unknown": 1})

    assert await ledger.send(job.id, "t1", unknown=True) == Leave(Word.GO)


async def test_nothing_is_sent_past_the_deadline(
    client: CustomerSources, ledger: Ledger
) -> None:
    passed = datetime.now(UTC) - timedelta(seconds=1)
    job = client.customer.source.create(
        customer="cus_1", source="tok_visa", deadline=passed
    )
    claimed = await _claim(ledger, job)

    assert claimed.leave is Word.DEADLINE
    assert "sent" not in claimed.record


async def test_patience_ends_a_job_that_stated_no_deadline(
    job: Job, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    await _claim(ledger, job)
    db.hset(keys.job(job.id), "tried_since", 1)

    assert await ledger.send(job.id, "t1", unknown=False) == Leave(Word.DEADLINE)


async def test_a_heartbeat_moves_the_lease_and_names_what_is_lost(
    job: Job, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    await _claim(ledger, job)
    expire(db, keys, job.id)

    assert await ledger.heartbeat([(job.id, "t1"), (job.id, "stale")]) == ["stale"]
    assert (await ledger.take_due()).ids["interactive"] == []


async def test_a_stale_heartbeat_moves_no_lease(
    job: Job, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    await _claim(ledger, job)
    expire(db, keys, job.id)
    await ledger.heartbeat([(job.id, "stale")])

    assert (await ledger.take_due()).ids["interactive"] == [job.id]


async def test_a_late_holder_comes_back_where_nobody_else_has_claimed(
    job: Job, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    await _claim(ledger, job)
    expire(db, keys, job.id)
    await ledger.take_due()

    assert await ledger.heartbeat([(job.id, "t1")]) == []
    assert db.hget(keys.job(job.id), "state") == "running"
    assert await ledger.claim(job.id, "t2") is Refused.BUSY


async def test_a_deferred_job_waits_and_keeps_its_place(
    job: Job, client: CustomerSources, ledger: Ledger
) -> None:
    behind = client.customer.source.get(customer="cus_1", id="card_1")
    await _claim(ledger, job)
    assert await ledger.defer(job.id, "t1", delay_ms=60_000, counts=True, unknown=False)

    assert await ledger.claim(job.id, "t2") is Refused.NOT_DUE
    assert await ledger.claim(behind.id, "t3") is Refused.BEHIND


async def test_a_defer_repeated_answers_the_same_and_changes_nothing(
    job: Job, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    await _claim(ledger, job)
    await ledger.defer(job.id, "t1", delay_ms=60_000, counts=False, unknown=True)
    before = db.hgetall(keys.job(job.id))

    assert await ledger.defer(job.id, "t1", delay_ms=0, counts=False, unknown=False)
    assert db.hgetall(keys.job(job.id)) == before


async def test_a_stale_defer_changes_nothing(
    job: Job, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    await _claim(ledger, job)
    before = db.hgetall(keys.job(job.id))

    assert not await ledger.defer(
        job.id, "stale", delay_ms=0, counts=True, unknown=False
    )
    assert db.hgetall(keys.job(job.id)) == before


async def test_only_what_counts_as_a_run_is_counted(
    job: Job, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    await _claim(ledger, job)
    await ledger.defer(job.id, "t1", delay_ms=0, counts=False, unknown=False)
    assert db.hget(keys.job(job.id), "runs") == "0"

    await _claim(ledger, job, "t2")
    await ledger.defer(job.id, "t2", delay_ms=0, counts=True, unknown=False)
    assert db.hget(keys.job(job.id), "runs") == "1"


async def test_a_proof_clears_unknown_and_nothing_else_does(
    job: Job, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    await _claim(ledger, job)
    await ledger.defer(job.id, "t1", delay_ms=0, counts=True, unknown=True)
    await _claim(ledger, job, "t2")
    assert db.hget(keys.job(job.id), "unknown") == "1"
    assert await ledger.send(job.id, "t2", unknown=False) == Leave(Word.GO)
    assert db.hget(keys.job(job.id), "unknown") == "1"

    await ledger.defer(job.id, "t2", delay_ms=0, counts=True, unknown=False)
    assert db.hget(keys.job(job.id), "unknown") is None


async def test_commit_writes_state_event_and_result_together(
    job: Job, client: CustomerSources, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    await _claim(ledger, job)
    assert await ledger.commit(job.id, "t1", ending()) == ""

    assert job.result(timeout=0) == {"id": "card_1"}
    assert db.xlen(keys.events) == 1
    assert not db.exists(keys.command(job.id), keys.lane("default:cus_1"))


async def test_a_commit_repeated_answers_the_same_and_tells_once(
    job: Job, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    await _claim(ledger, job)
    await ledger.commit(job.id, "t1", ending())

    assert await ledger.commit(job.id, "t1", ending(State.FAILED)) == ""
    assert db.hget(keys.job(job.id), "state") == "succeeded"
    assert db.xlen(keys.events) == 1


async def test_a_stale_commit_changes_nothing(
    job: Job, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    await _claim(ledger, job)
    before = db.hgetall(keys.job(job.id))

    assert await ledger.commit(job.id, "stale", ending()) is None
    assert db.hgetall(keys.job(job.id)) == before
    assert db.xlen(keys.events) == 0


async def test_a_superseded_run_cannot_end_the_job_of_its_successor(
    job: Job, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    await _claim(ledger, job)
    expire(db, keys, job.id)
    await ledger.take_due()
    await _claim(ledger, job, "t2")

    assert await ledger.commit(job.id, "t1", ending(State.FAILED)) is None
    assert not await ledger.defer(job.id, "t1", delay_ms=0, counts=True, unknown=False)
    assert await ledger.heartbeat([(job.id, "t1")]) == ["t1"]
    assert await ledger.commit(job.id, "t2", ending()) == ""


async def test_a_late_commit_counts_where_nobody_else_has_claimed(
    job: Job, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    await _claim(ledger, job)
    expire(db, keys, job.id)
    await ledger.take_due()

    assert await ledger.commit(job.id, "t1", ending()) == ""


@pytest.mark.parametrize("state", [State.FAILED, State.CANCELLED])
async def test_an_unknown_outcome_cannot_be_committed_as_nothing_happened(
    state: State, job: Job, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    await _claim(ledger, job)

    with pytest.raises(RuntimeError, match="unknown"):
        await ledger.commit(job.id, "t1", ending(state, unknown=True))
    assert db.hget(keys.job(job.id), "state") == "running"


async def test_commit_names_and_wakes_the_next_of_the_lane(
    job: Job, client: CustomerSources, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    behind = client.customer.source.get(customer="cus_1", id="card_1")
    await _claim(ledger, job)

    assert await ledger.commit(job.id, "t1", ending()) == behind.id
    assert db.zrange(keys.wake("interactive"), 0, -1) == [f"j:{behind.id}"]
    await _claim(ledger, behind, "t2")


async def test_what_needs_review_keeps_its_command_for_a_person(
    job: Job, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    await _claim(ledger, job)
    await ledger.commit(job.id, "t1", ending(State.NEEDS_REVIEW, unknown=True))

    assert db.zrange(keys.review, 0, -1) == [job.id]
    assert db.ttl(keys.command(job.id)) > 24 * 3600
