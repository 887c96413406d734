"""Which jobs `client.review` lists, and how it judges what the store holds of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis

from customer_sources import CommandInvalid, CustomerSources, Does, State
from customer_sources.contract.names import Keys
from customer_sources.review_calls import PAGE
from tests.integration.reviewing import WHY, listed, reviewed
from tests.integration.stands import OnAStore, Stand, got
from worker.ledger import Ledger


async def test_filters_leave_what_they_name(stand: Stand) -> None:
    lost = await reviewed(stand)
    broken = await reviewed(stand, state=State.FAILED, customer="cus_2")
    deleted = await reviewed(stand, "delete", customer="cus_3")
    other = await reviewed(stand, account="acme")

    async def ids(**wanted: Any) -> list[str]:
        return sorted([item.id for item in await listed(stand, **wanted)])

    assert await ids() == sorted([lost.id, broken.id, deleted.id, other.id])
    assert await ids(code="processing_error") == [broken.id]
    assert await ids(operation="delete") == [deleted.id]
    assert await ids(customer="cus_1") == sorted([lost.id, other.id])
    assert await ids(customer="cus_1", account="default") == [lost.id]
    assert await ids(account="acme") == [other.id]
    assert await ids(account="nobody") == []
    assert await ids(customer="cus_1", operation="delete") == []
    assert len(await ids(limit=2)) == 2
    assert await ids(limit=0) == []
    ended = (await got(stand.client.review.show(lost.id))).ended
    assert lost.id in await ids(since=ended)
    assert lost.id not in await ids(until=ended)
    assert await ids(since=datetime.now(UTC) + timedelta(hours=1)) == []


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"since": datetime(2026, 1, 1)}, "since"),  # noqa: DTZ001  that is the slip
        ({"until": datetime(2026, 1, 1)}, "until"),  # noqa: DTZ001  likewise
        ({"operation": "charge"}, "operation"),
        ({"limit": -1}, "limit"),
        ({"account": "Acme"}, "account"),
    ],
)
async def test_a_filter_that_can_match_nothing_is_refused_at_once(
    stand: Stand, wanted: dict[str, Any], field: str
) -> None:
    with pytest.raises(CommandInvalid, match=field):
        stand.client.review.list(**wanted)


async def test_a_list_is_whole_and_without_repeats_while_it_is_worked_off(
    client: CustomerSources, db: redis.Redis, keys: Keys
) -> None:
    """As `sources review replay --all` does it; many jobs ended in one moment."""
    ids = [f"job_{number:026}" for number in range(2 * PAGE + 50)]
    for number, job_id in enumerate(ids):
        moment = 1_767_225_600_000 + number // (2 * PAGE + 20)
        record = {"state": "failed", "ended": moment, "review": 1, "op": "create"}
        db.hset(keys.job(job_id), mapping=record)
        db.pexpire(keys.job(job_id), 60_000)
        db.zadd(keys.review, {job_id: moment})

    assert sorted(item.id for item in client.review.list()) == ids
    seen = []
    for item in client.review.list():
        client.review.discard(item.id, reason=WHY)
        seen.append(item.id)
    assert sorted(seen) == ids
    assert db.zcard(keys.review) == 0


async def test_past_the_horizon_a_replay_reads_instead_of_sending(
    client: CustomerSources, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    job = await reviewed(OnAStore(client, client, ledger, db, keys))
    db.hincrby(keys.job(job.id), "first_sent", -23 * 3_600_000)

    plan = client.review.plan(job.id)
    assert (plan.does, plan.key, plan.until) == (Does.READS_FIRST, "", None)
    assert plan.sentence == (
        "reads Stripe and compares, sends nothing: the key is past its 23 h"
    )


async def test_the_horizon_is_the_workers(
    client: CustomerSources, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    job = await reviewed(OnAStore(client, client, ledger, db, keys))
    await ledger.announce(live=False)
    assert db.hget(keys.meta, "horizon") == str(23 * 3_600_000)
    db.hset(keys.meta, "horizon", 1)
    db.hincrby(keys.job(job.id), "first_sent", -1)

    plan = client.review.plan(job.id)
    assert plan.sentence.endswith("past its 0.001 s")


async def test_a_command_that_cannot_be_read_is_listed_all_the_same(
    client: CustomerSources, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    job = await reviewed(OnAStore(client, client, ledger, db, keys))
    db.set(keys.command(job.id), "{", keepttl=True)

    (item,) = client.review.list()
    assert (item.id, item.customer, item.operation) == (job.id, "", "create")
    client.review.discard(job.id, reason=WHY)
    (event,) = [
        e for e in client.events(after="0", timeout=0) if e.id.endswith(":discarded")
    ]
    assert (event.source, event.partitionkey) == ("/customer-sources", "")
