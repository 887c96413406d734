"""An account whose key is refused: its jobs wait in line, and nobody else's do."""

from __future__ import annotations

from typing import Any

from customer_sources.contract.names import DEFAULT_ACCOUNT
from tests.integration.stopped import KEY, Stopped, account
from worker.replies import Claimed, Refused, Word

SECOND = 1_000
MINUTE = 60 * SECOND
KEY_ID = account().key_id


async def test_a_refused_key_suspends_its_account_and_is_told_once(
    stopped: Stopped,
) -> None:
    await stopped.announce()

    words = [await _refuse(stopped) for _ in range(3)]

    assert words == ["SUSPENDED", "ALREADY", "ALREADY"]
    (event,) = _told(stopped)
    assert event.type.endswith("source_account.suspended")
    assert event.data["account"] == DEFAULT_ACCOUNT
    assert event.data["refused"] == "401 api_key_expired"
    assert event.data["operation"] == "create"
    assert KEY not in str(event)


async def test_its_jobs_stand_in_line_and_cost_nothing(stopped: Stopped) -> None:
    await stopped.announce()
    await _refuse(stopped)
    sent = stopped.known().get("sent")
    jobs = [stopped.submit(operation) for operation in ("create", "delete", "get")]

    for job in jobs:
        assert await stopped.claim(job) is Refused.QUEUED

    assert await stopped.grant() == []
    assert stopped.gate_opens_in() == MINUTE
    assert stopped.known().get("sent") == sent
    assert [stopped.record(job).get("runs") for job in jobs] == [None] * 3
    assert await stopped.goes(account="another")


async def test_a_run_that_is_on_its_way_sends_nothing_more(stopped: Stopped) -> None:
    await stopped.announce()
    job = stopped.submit()
    await stopped.claim(job)
    await _refuse(stopped)

    for read in ("", "get"):
        word, wait_ms, *_ = await stopped.send(job, read=read)
        assert (word, wait_ms) == (Word.WAIT, MINUTE)


async def test_a_refusal_of_a_key_that_is_not_used_any_more_suspends_nobody(
    stopped: Stopped,
) -> None:
    await stopped.announce()
    await stopped.announce(key="sk_test_newer")

    assert await _refuse(stopped) == "OTHER_KEY"

    assert "suspended" not in stopped.known()
    assert _told(stopped) == []


async def test_an_operator_resumes_it_and_everybody_goes_on_at_once(
    stopped: Stopped,
) -> None:
    await stopped.announce()
    await _refuse(stopped)
    jobs = [stopped.submit(operation) for operation in ("create", "delete")]
    for job in jobs:
        await stopped.claim(job)
    assert await stopped.grant() == []

    words = [await stopped.resume() for _ in range(2)]

    assert words == ["RESUMED", "NOT_SUSPENDED"]
    _, event = _told(stopped)
    assert event.type.endswith("source_account.resumed")
    assert event.data["reason"] == "asked"
    assert sorted(await stopped.grant()) == sorted(jobs)
    assert "probe" not in stopped.record(jobs[0])


async def test_an_account_of_which_nobody_has_heard_cannot_be_resumed(
    stopped: Stopped,
) -> None:
    assert await stopped.resume("nobody") == "MISSING"
    assert _told(stopped) == []


async def test_a_new_key_resumes_it_and_is_told_once(stopped: Stopped) -> None:
    await stopped.announce()
    await _refuse(stopped)
    waits = stopped.submit()
    await stopped.claim(waits)
    await stopped.grant()

    words = [await stopped.announce(key="sk_test_newer") for _ in range(2)]

    assert words == ["RESUMED", "ANNOUNCED"]
    _, event = _told(stopped)
    assert event.data["reason"] == "the key has changed"
    assert await stopped.grant() == [waits]


async def test_the_same_key_said_again_resumes_nothing(stopped: Stopped) -> None:
    await stopped.announce()
    await _refuse(stopped)

    said = [await stopped.announce(changed=new) for new in (True, False)]

    assert said == ["ANNOUNCED", "KNOWN"]
    assert "suspended" in stopped.known()


async def test_a_worker_that_only_repeats_an_old_key_changes_nothing(
    stopped: Stopped,
) -> None:
    await stopped.announce(key="sk_test_newer")

    assert await stopped.announce(changed=False) == "KNOWN"

    assert stopped.known()["key"] == account(key="sk_test_newer").key_id


async def test_an_account_without_a_key_waits_until_there_is_one(
    stopped: Stopped,
) -> None:
    """No worker has heard of it: its file comes later."""
    asked = "acme", "", "account_unknown", "create"
    assert await stopped.suspend(*asked) == "SUSPENDED"
    waits = stopped.submit(account="acme")
    assert await stopped.claim(waits) is Refused.QUEUED
    assert await stopped.grant() == []

    assert await stopped.announce("acme", changed=False) == "RESUMED"

    assert await stopped.grant() == [waits]
    assert await stopped.suspend(*asked) == "OTHER_KEY"


async def test_the_key_is_tried_once_a_minute(stopped: Stopped) -> None:
    await stopped.announce()
    await _refuse(stopped)
    for operation in ("create", "delete", "get") * 3:
        await stopped.claim(stopped.submit(operation))

    served = await stopped.served(5 * MINUTE + SECOND, step=SECOND)

    assert [when // SECOND for when, _ in served] == [60, 120, 180, 240, 300]
    assert {stopped.record(job)["probe"] for _, job in served} == {"1"}


async def test_the_key_is_tried_with_what_it_was_refused_for(stopped: Stopped) -> None:
    """A restricted key may be good for other operations, which proves nothing."""
    await stopped.announce()
    await _refuse(stopped, operation="delete")
    for operation in ("create", "delete", "get"):
        await stopped.claim(stopped.submit(operation))

    served = await stopped.served(2 * MINUTE + SECOND, step=SECOND)

    operations = [stopped.record(job)["op"] for _, job in served]
    assert operations[0] == "delete"
    assert len(operations) == 2


async def test_a_claim_may_be_the_try_of_a_minute(stopped: Stopped) -> None:
    await stopped.announce()
    await _refuse(stopped)
    stopped.forward(MINUTE)

    claimed = await stopped.claim(stopped.submit())

    assert isinstance(claimed, Claimed)
    assert claimed.record["probe"] == "1"
    assert await stopped.claim(stopped.submit()) is Refused.QUEUED


async def test_a_key_that_is_refused_again_waits_for_another_minute(
    stopped: Stopped,
) -> None:
    await stopped.announce()
    await _refuse(stopped)
    job = stopped.submit()
    stopped.forward(MINUTE)
    await stopped.claim(job)

    assert await _refuse(stopped) == "ALREADY"
    await stopped.put_off(job)

    assert "probe" not in stopped.record(job)
    stopped.forward(MINUTE)
    assert isinstance(await stopped.claim(job), Claimed)
    assert len(_told(stopped)) == 1


async def _refuse(stopped: Stopped, operation: str = "create") -> str:
    """Have Stripe refuse the key that `account()` has."""
    refused = "401 api_key_expired"
    return await stopped.suspend(DEFAULT_ACCOUNT, KEY_ID, refused, operation)


def _told(stopped: Stopped) -> list[Any]:
    """What was told of accounts."""
    events = stopped.client.events(after="0", timeout=0)
    return [event for event in events if "source_account" in event.type]
