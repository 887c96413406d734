"""Watches turn by turn, at a clock that stands still: each is taken and told once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import redis

from customer_sources import CustomerSources
from customer_sources.contract.names import Keys
from customer_sources.contract.states import State
from tests.integration.watched import ACCOUNT, CUSTOMER, Watched, watched
from worker.replies import Claimed
from worker.watch_ledger import AGAIN_MS
from worker.watching import GIVEN_UP_MS, LOOK_MS

WRONG_MODE = "No such source: 'ba_1'; a similar object exists in live mode"
__all__ = ["watched"]  # a fixture, borrowed


async def test_a_watch_asks_when_deposits_are_due_and_again_and_then_gives_up(
    watched: Watched,
) -> None:
    opened = await watched.planned(reference="order-7")
    assert (opened.state, opened.told, opened.status) == ("waiting", 0, None)
    assert opened.next == opened.arrives

    for told in (1, 2, 3):
        await watched.see("new")
        assert (watched.now.state, watched.now.told) == ("due", told)
        assert watched.now.status == "new"
    assert watched.now.next == watched.now.expires
    await watched.see("validated")

    ended = watched.now
    assert (ended.state, ended.next, ended.why) == ("expired", None, "")
    assert ended.status == "validated"
    assert watched.told() == ["due", "due", "due", "expired"]
    due, *_, last = watched.events()
    assert due.data["attempts"] == {"used": 0, "left": 3}
    assert [one.data.get("reminder") for one in watched.events()] == [0, 1, 2, None]
    assert (due.subject, due.partitionkey) == (ACCOUNT, CUSTOMER)
    assert (due.correlationid, due.causationid) == (opened.id, "order-7")
    assert (due.id, last.id) == (f"{opened.id}:due:0", f"{opened.id}:terminal")
    assert last.data["status"] == "validated"


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("verified", "verified"),
        ("verification_failed", "failed"),
        ("errored", "failed"),
    ],
)
async def test_a_look_that_finds_the_end_tells_that_and_nothing_else(
    watched: Watched, status: str, state: str
) -> None:
    await watched.planned()

    await watched.see(status)

    assert (watched.now.state, watched.now.status) == (state, status)
    assert watched.told() == [state]
    assert watched.events()[0].data["why"] == status
    assert not watched.stopped.db.exists(watched.keys.watches)


@pytest.mark.parametrize("status", ["new", "validated", "", "of_tomorrow"])
async def test_an_account_that_can_still_be_verified_goes_on(
    watched: Watched, status: str
) -> None:
    await watched.planned()

    await watched.see(status)

    assert watched.told() == ["due"]
    assert watched.events()[0].data["status"] == (status or None)


async def test_a_deleted_account_is_told_as_deleted(watched: Watched) -> None:
    opened = await watched.planned()
    watched.come(opened.next)
    await watched.turn()

    gone = {"code": "resource_missing", "message": "No such source"}
    await watched.end_look(State.FAILED, "resource_missing", gone)
    await watched.turn()

    assert watched.told() == ["deleted"]
    assert (watched.now.state, watched.now.status) == ("deleted", None)


@pytest.mark.parametrize(
    ("state", "code", "result"),
    [
        (State.FAILED, "deadline_passed", {"code": "deadline_passed"}),
        (State.NEEDS_REVIEW, "worker_died", {"code": "worker_died"}),
        (State.SUCCEEDED, "succeeded", {"id": "ba_1", "status": 7}),
        (State.SUCCEEDED, "succeeded", ["no", "object"]),
        (State.FAILED, "resource_missing", {"message": WRONG_MODE}),
    ],
)
async def test_a_look_without_an_answer_holds_nothing_up(
    watched: Watched, state: State, code: str, result: Any
) -> None:
    opened = await watched.planned()
    watched.come(opened.next)
    await watched.turn()

    await watched.end_look(state, code, result)
    await watched.turn()

    (event,) = watched.events()
    assert (event.data["state"], event.data["status"]) == ("due", None)
    assert watched.now.looked is None


async def test_a_status_seen_before_is_not_told_as_of_now(watched: Watched) -> None:
    await watched.planned()
    await watched.see("new")
    looked = watched.now.looked
    watched.come(watched.now.next)
    await watched.turn()
    await watched.end_look(State.FAILED, "deadline_passed", {})
    await watched.turn()

    assert watched.events()[-1].data["status"] is None
    assert (watched.now.status, watched.now.looked) == ("new", looked)


async def test_a_look_whose_job_is_lost_is_given_up(
    watched: Watched, db: redis.Redis, keys: Keys
) -> None:
    opened = await watched.planned()
    watched.come(opened.next)
    await watched.turn()
    job_id = watched.look
    assert (
        int(watched.stopped.record(job_id)["deadline"]) == watched.stopped.now + LOOK_MS
    )

    watched.stopped.forward(GIVEN_UP_MS - 1)
    await watched.turn()
    assert (watched.look, watched.told()) == (job_id, [])
    watched.stopped.forward(1)
    await watched.turn()
    assert (watched.look, watched.told()) == ("", ["due"])

    # What comes of it later changes nothing.
    assert isinstance(await watched.stopped.claim(job_id), Claimed)
    await watched.end(job_id, State.SUCCEEDED, "succeeded", {"status": "verified"})
    await watched.turn()
    assert watched.told() == ["due"]
    assert not db.exists(keys.job(job_id))


async def test_a_look_is_a_get_of_its_own_that_leaves_nothing(
    watched: Watched, client: CustomerSources, db: redis.Redis, keys: Keys
) -> None:
    opened = await watched.planned()
    watched.come(opened.next)
    await watched.turn()
    job_id = watched.look
    command, record = client.command(job_id), watched.stopped.record(job_id)
    assert command is not None
    assert (command.operation, command.id) == ("get", ACCOUNT)
    assert (record["class"], record["lane"]) == ("scheduled", "")

    await watched.answer("new")

    assert not [*db.scan_iter(f"{keys.job(job_id)}*")]
    assert not list(client.events(after="0", timeout=0)), "a job of ours tells no event"


async def test_a_look_that_a_person_cancels_is_one_without_an_answer(
    watched: Watched, client: CustomerSources
) -> None:
    opened = await watched.planned()
    watched.come(opened.next)
    await watched.turn()

    watched.stopped.cancel(watched.look)
    await watched.turn()

    assert watched.told() == ["due"]
    assert len(list(client.events(after="0", timeout=0))) == 1


# --- once, whoever does it


async def test_two_workers_at_one_turn_take_it_once(watched: Watched) -> None:
    watched.open()
    await watched.due()
    assert await watched.ledger.due() == [], "it is named to one of them"
    await asyncio.gather(watched.turn(), watched.turn(watched.other))
    assert watched.now.state == "new", "who was given it has died, say"

    watched.stopped.forward(AGAIN_MS)
    await asyncio.gather(watched.turn(), watched.turn(watched.other))
    assert watched.now.state == "waiting"
    watched.come(watched.now.next)
    await asyncio.gather(watched.turn(), watched.turn(watched.other))
    await watched.answer("new")
    await asyncio.gather(watched.turn(), watched.turn(watched.other))
    assert watched.told() == ["due"]


async def test_a_turn_that_is_taken_again_is_stale_and_tells_nothing(
    watched: Watched,
) -> None:
    opened = await watched.planned()
    watched.come(opened.next)
    await watched.turn()
    await watched.answer("new")
    due = await watched.due()
    turn = watched.would(due)

    taken = [await watched.ledger.take(due, turn) for _ in range(3)]

    assert taken == [True, False, False]
    assert watched.told() == ["due"]


async def test_a_turn_is_stale_once_more_is_known(watched: Watched) -> None:
    opened = await watched.planned()
    watched.come(opened.next)
    await watched.turn()
    await watched.answer("new")
    due = await watched.due()
    await watched.decided("verify", "verified", "succeeded")

    assert not await watched.ledger.take(due, watched.would(due))
    await watched.turn()

    assert watched.told() == ["verified"]
