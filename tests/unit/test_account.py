"""Adding up the three witnesses: what was accepted, what was told, what was done."""

from __future__ import annotations

import pytest

from customer_sources import Event
from customer_sources.contract.events import TYPE_PREFIX
from customer_sources.contract.names import MARKER
from worker.cli.account import Accepted, Account, Effect, add_up

VERBS = {
    "create": "customer.source.created",
    "get": "customer.source.retrieved",
    "delete": "customer.source.deleted",
}


def end(job_id: str, operation: str = "create", state: str = "succeeded") -> Event:
    """Tell the end of a job."""
    verb = VERBS[operation] if state == "succeeded" else f"source_job.{state}"
    return Event(
        id=f"{job_id}:terminal",
        type=TYPE_PREFIX + verb,
        source="/customer-sources/default",
        time="2026-01-01T00:00:00.000Z",
        correlationid=job_id,
        data={"state": state, "operation": operation},
    )


def made(job_id: str, source_id: str = "card_1") -> Effect:
    """A source that Stripe made for a job."""
    return Effect("source.created", source_id, {MARKER: job_id})


def gone(source_id: str = "card_1", change: str = "source.deleted") -> Effect:
    """A source that Stripe removed."""
    return Effect(change, source_id, {})


CREATE = Accepted("job_1", "create")
DELETE = Accepted("job_2", "delete", "card_1")
GET = Accepted("job_3", "get", "card_1")


def test_where_all_witnesses_agree_the_promise_held() -> None:
    account = add_up(
        [CREATE, GET, DELETE],
        [end("job_1"), end("job_3", "get"), end("job_2", "delete")],
        [made("job_1"), gone()],
    )

    assert account == Account(
        jobs=3,
        events={
            "customer.source.created": 1,
            "customer.source.deleted": 1,
            "customer.source.retrieved": 1,
        },
        effects={"source.created": 1, "source.deleted": 1},
        duplicates=0,
        lost=0,
        broken=[],
    )


def test_nothing_at_all_breaks_nothing() -> None:
    assert add_up([], [], []).broken == []


def test_a_detached_source_is_gone_too() -> None:
    effects = [gone(change="source.detached")]

    assert add_up([DELETE], [end("job_2", "delete")], effects).broken == []


@pytest.mark.parametrize("state", ["failed", "needs_review", "cancelled"])
def test_a_job_that_ended_without_an_effect_breaks_nothing(state: str) -> None:
    assert add_up([CREATE], [end("job_1", state=state)], []).broken == []


def test_a_job_in_review_may_have_had_its_effect() -> None:
    told = [end("job_1", state="needs_review")]

    assert add_up([CREATE], told, [made("job_1")]).broken == []


def test_a_job_without_an_end_is_lost() -> None:
    account = add_up([CREATE, DELETE], [end("job_1")], [made("job_1")])

    assert account.lost == 1
    assert account.broken == ["job_2: no terminal event"]


def test_a_success_that_stripe_does_not_know_of_is_lost() -> None:
    told = [end("job_1"), end("job_2", "delete")]
    account = add_up([CREATE, DELETE], told, [])

    assert account.lost == 2
    assert all("without an effect" in line for line in account.broken)


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_a_create_that_failed_although_stripe_did_it_breaks_the_promise(
    state: str,
) -> None:
    account = add_up([CREATE], [end("job_1", state=state)], [made("job_1")])

    assert account.broken == [f"job_1: {state} although Stripe did it"]


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_a_delete_that_failed_although_stripe_did_it_breaks_the_promise(
    state: str,
) -> None:
    told = [end("job_2", "delete", state)]

    assert add_up([DELETE], told, [gone()]).broken != []


def test_of_two_deletes_of_one_source_the_second_may_find_nothing() -> None:
    second = Accepted("job_4", "delete", "card_1")
    told = [end("job_2", "delete"), end("job_4", "delete", "failed")]

    assert add_up([DELETE, second], told, [gone()]).broken == []


@pytest.mark.parametrize("times", [2, 3])
def test_every_effect_beyond_the_first_is_a_duplicate(times: int) -> None:
    account = add_up([CREATE], [end("job_1")], [made("job_1")] * times)

    assert account.duplicates == times - 1
    assert len(account.broken) == 1
    assert str(times) in account.broken[0]


@pytest.mark.parametrize("times", [2, 3])
def test_every_end_beyond_the_first_is_a_duplicate(times: int) -> None:
    account = add_up([CREATE], [end("job_1")] * times, [made("job_1")])

    assert account.duplicates == times - 1
    assert len(account.broken) == 1


def test_a_source_deleted_twice_is_a_duplicate_of_its_delete_alone() -> None:
    account = add_up(
        [DELETE, GET],
        [end("job_2", "delete"), end("job_3", "get")],
        [gone(), gone()],
    )

    assert account.broken == ["job_2: 2 effects"]


def test_a_change_at_stripe_that_nobody_asked_for_breaks_the_promise() -> None:
    account = add_up(
        [CREATE], [end("job_1")], [made("job_1"), made("job_nobody_accepted")]
    )

    assert account.broken != []


def test_failures_are_told_apart_by_their_codes() -> None:
    failed = end("job_1", state="failed")
    failed.data["error"] = {"code": "card_declined"}

    assert add_up([CREATE], [failed], []).events == {
        "source_job.failed: card_declined": 1
    }


def test_events_that_end_no_job_are_not_counted_as_ends() -> None:
    notice = Event(
        id="e1",
        type=TYPE_PREFIX + "source_account.suspended",
        source="/customer-sources/default",
        time="2026-01-01T00:00:00.000Z",
        correlationid="job_1",
    )
    account = add_up([CREATE], [notice, end("job_1")], [made("job_1")])

    assert account.broken == []
    assert account.events == {"customer.source.created": 1}
