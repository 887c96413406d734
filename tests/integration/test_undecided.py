"""Who is undecided: from the first run that decides nothing until the end."""

from __future__ import annotations

import msgspec
import pytest
import redis

from customer_sources import State
from customer_sources.batches.rows import Row
from customer_sources.contract.names import Keys
from tests.batch_plans import of_rows
from tests.builders import ending
from tests.integration.looked import DONE, Looked, looked
from tests.integration.test_ledger_damaged import as_string
from tests.integration.undecided import HOUR, TOKEN, Undecided, settings, undecided
from worker.unreadable import lay_aside

__all__ = ["looked", "settings", "undecided"]  # fixtures, borrowed


async def test_a_job_is_undecided_once_however_often_it_is_put_off(
    undecided: Undecided,
) -> None:
    first, second = await undecided.job(), await undecided.job()
    undecided.stopped.forward(HOUR)
    await undecided.stopped.claim(first, TOKEN)
    assert undecided.waiting() == [first, second]
    await undecided.put_off(first)

    assert undecided.waiting() == [first, second]


@pytest.mark.parametrize(
    "state", [State.SUCCEEDED, State.FAILED, State.NEEDS_REVIEW, State.CANCELLED]
)
async def test_a_run_that_ends_a_job_decides_it(
    undecided: Undecided, state: State
) -> None:
    job_id = await undecided.job()
    undecided.stopped.forward(HOUR)
    await undecided.stopped.claim(job_id, TOKEN)
    assert undecided.waiting() == [job_id]

    await undecided.stopped.ledger.commit(job_id, TOKEN, ending(state))
    assert undecided.waiting() == []


async def test_a_job_that_is_cancelled_is_undecided_no_more(
    undecided: Undecided,
) -> None:
    job_id = await undecided.job()
    undecided.stopped.cancel(job_id)

    assert undecided.stopped.record(job_id)["state"] == "cancelled"
    assert undecided.waiting() == []


async def test_a_cancel_that_has_to_wait_leaves_it_undecided(
    undecided: Undecided,
) -> None:
    job_id = await undecided.claimed()
    await undecided.put_off(job_id, quiet_ms=60_000)
    undecided.stopped.cancel(job_id)
    assert undecided.waiting() == [job_id]

    undecided.stopped.forward(60_000)
    assert await undecided.sweep() == {"put_forward": 1}


async def test_a_job_that_is_laid_aside_is_undecided_no_more(
    undecided: Undecided, db: redis.Redis, keys: Keys
) -> None:
    job_id = await undecided.job()
    db.hset(keys.job(job_id), "due", "soon")
    await lay_aside(undecided.stopped.ledger, job_id)

    assert undecided.stopped.record(job_id)["state"] == "needs_review"
    assert undecided.waiting() == []


async def test_a_job_whose_record_lost_its_operation_is_forgotten_as_well(
    undecided: Undecided, db: redis.Redis, keys: Keys
) -> None:
    job_id = await undecided.job()
    undecided.stopped.forward(HOUR)
    await undecided.stopped.claim(job_id, TOKEN)
    db.hdel(keys.job(job_id), "op")
    await undecided.stopped.ledger.commit(job_id, TOKEN, ending())

    assert undecided.waiting() == []


async def test_what_stands_in_the_place_of_the_index_stops_no_job(
    undecided: Undecided, db: redis.Redis, keys: Keys
) -> None:
    as_string(db, keys.undecided)
    job_id = await undecided.job()
    undecided.stopped.forward(HOUR)
    await undecided.stopped.claim(job_id, TOKEN)
    await undecided.stopped.ledger.commit(job_id, TOKEN, ending())

    assert undecided.stopped.record(job_id)["state"] == "succeeded"
    db.delete(keys.undecided)


async def put_off_row(looked: Looked, undecided: Undecided) -> str:
    """Bring in a batch of one verify row, and have its run decide nothing."""
    row = Row(
        number=1,
        operation="verify",
        customer="cus_1",
        id="ba_1",
        body="amounts[0]=32&amounts[1]=45",
        asked=msgspec.Raw(b"{}"),
    )
    looked.plan = of_rows([row])
    looked.bring_in()
    await looked.feed(await looked.look())
    (job_id,) = await looked.stopped.grant()
    await looked.stopped.claim(job_id, TOKEN)
    await undecided.put_off(job_id)
    assert undecided.waiting() == [job_id]
    return job_id


async def test_a_row_of_a_batch_is_undecided_until_its_outcome_is_written(
    looked: Looked, undecided: Undecided
) -> None:
    job_id = await put_off_row(looked, undecided)
    assert await undecided.sweep() == {"put_forward": 1}
    await looked.stopped.claim(job_id, TOKEN)
    ended = msgspec.structs.replace(ending(), result=DONE.encode())
    await looked.stopped.ledger.commit(job_id, TOKEN, ended)

    assert undecided.waiting() == []
    assert looked.batch.succeeded == 1


async def test_a_row_that_ends_with_its_batch_is_undecided_no_more(
    looked: Looked, undecided: Undecided
) -> None:
    await put_off_row(looked, undecided)
    looked.client.batches.cancel(looked.plan.id)
    await looked.look()

    assert looked.batch.unprocessed == 1
    assert undecided.waiting() == []


async def test_a_row_that_is_parked_is_passed_over(
    looked: Looked, undecided: Undecided
) -> None:
    job_id = await put_off_row(looked, undecided)
    looked.client.batches.pause(looked.plan.id)
    assert await undecided.sweep() == {"put_forward": 1}
    await looked.stopped.claim(job_id, TOKEN)
    assert looked.stopped.record(job_id)["parked"] == "1"

    assert await undecided.sweep() == {"put_forward": 0, "in_line": 1}
    looked.client.batches.cancel(looked.plan.id)
    await looked.look()
