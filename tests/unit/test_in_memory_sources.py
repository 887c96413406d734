"""The stand-in for other teams' tests: what it adds to the client it stands for."""

from __future__ import annotations

import ast
import inspect
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import customer_sources.testing
from customer_sources import (
    AsyncCustomerSources,
    CustomerSources,
    JobFailed,
    JobNeedsReview,
    ResultTimeout,
    State,
)
from customer_sources.testing import AsyncInMemorySources, InMemorySources
from customer_sources.testing.script import Scripted
from tests.unit.test_events import BANK_ACCOUNT_FIELDS, CARD_FIELDS

PAIRS = [
    (CustomerSources, InMemorySources),
    (AsyncCustomerSources, AsyncInMemorySources),
]
INHERITED = {"job", "submit_many"}
"""Built by the real client on what the stand-in replaces."""


@pytest.fixture
def sources() -> InMemorySources:
    return InMemorySources()


def public(cls: type) -> dict[str, Any]:
    return {
        name: value
        for name, value in inspect.getmembers(cls, inspect.isfunction)
        if not name.startswith("_")
    }


@pytest.mark.parametrize(("real", "stand_in"), PAIRS)
def test_nothing_that_needs_a_store_is_left_in_it(real: type, stand_in: type) -> None:
    replaced = public(real).keys() - INHERITED

    assert replaced <= vars(stand_in).keys()
    assert public(stand_in).keys() == public(real).keys() | public(Scripted).keys()
    for name in replaced:
        ours, theirs = (inspect.signature(vars(c)[name]) for c in (stand_in, real))
        assert ours == theirs, name


@pytest.mark.parametrize("month", ["", "ab", "7", 7, "\u0667", "-1"], ids=repr)
def test_a_month_that_stripe_would_refuse_breaks_nothing(
    sources: InMemorySources, month: str | int
) -> None:
    source = sources.customer.source
    card = source.update(customer="cus_1", id="card_1", exp_month=month).result()

    assert card["exp_month"] in {7, 12}


@pytest.mark.parametrize(
    ("source_id", "names"),
    [
        ("card_1", CARD_FIELDS),
        ("ba_1", BANK_ACCOUNT_FIELDS),
        ("src_1", "id object customer created currency livemode status type usage"),
    ],
)
def test_an_object_has_every_field_that_an_event_tells_of_its_kind(
    sources: InMemorySources, source_id: str, names: str
) -> None:
    source = sources.customer.source.get(customer="cus_1", id=source_id).result()

    assert set(names.split()) - {"default_for_currency"} <= set(source)


def test_it_depends_on_the_client_alone() -> None:
    folder = Path(customer_sources.testing.__file__).parent
    trees = [ast.parse(path.read_text("utf-8")) for path in folder.glob("*.py")]
    imported = {
        name.partition(".")[0]
        for tree in trees
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }

    assert not imported & {"config", "sandbox", "tasks", "worker", "tests"}
    assert {"customer_sources", "redis", "msgspec"} <= imported


def test_objects_are_plausible_and_echo_what_was_asked(
    sources: InMemorySources,
) -> None:
    source = sources.customer.source
    card = source.create(
        customer="cus_1", source="tok_visa", metadata={"order": "7"}
    ).result()
    changed = source.update(
        customer="cus_1", id="card_9", exp_year=2031, address_zip="10115", name=""
    ).result()

    assert (card["id"], card["object"], card["customer"]) == ("card_1", "card", "cus_1")
    assert card["metadata"]["order"] == "7"
    assert (changed["id"], changed["exp_year"]) == ("card_9", 2031)
    assert (changed["address_zip"], changed["name"]) == ("10115", None)
    assert source.create(customer="cus_1", source="btok_us").result()["id"] == "ba_2"
    assert source.create(customer="cus_1", source="src_7").result()["id"] == "src_7"
    assert source.get(customer="cus_1", id="src_7").result()["object"] == "source"
    assert source.list(customer="cus_1").result()["data"][0]["customer"] == "cus_1"
    verified = source.verify(customer="cus_1", id="ba_2", amounts=[32, 45]).result()
    assert verified["status"] == "verified"
    gone = source.delete(customer="cus_1", id="ba_2").result()
    assert gone == {"id": "ba_2", "object": "bank_account", "deleted": True}


def test_once_comes_first_and_then_the_latest_word_for_the_customer(
    sources: InMemorySources,
) -> None:
    sources.fail("get", "rate_limit")
    sources.succeed("get", {"id": "card_x"}, customer="cus_1")
    sources.needs_review("get", once=True)

    def ask(customer: str) -> dict[str, Any]:
        return sources.customer.source.get(customer=customer, id="card_1").result()

    with pytest.raises(JobNeedsReview, match="key_expired"):
        ask("cus_1")
    assert ask("cus_1") == {"id": "card_x"}
    with pytest.raises(JobFailed, match="rate_limit"):
        ask("cus_2")


def test_only_what_a_worker_would_tell_comes_back(sources: InMemorySources) -> None:
    sources.succeed("create", {"id": "src_1", "client_secret": "src_1_secret_x"})
    sources.fail("delete", "declined", message="No tok_abc here", decline_code="lost")
    job = sources.customer.source.create(customer="cus_1", source="src_1")

    assert job.result() == {"id": "src_1"}
    with pytest.raises(JobFailed) as caught:
        sources.customer.source.delete(customer="cus_1", id="src_1").result()
    assert caught.value.error["message"] == "No tok_*** here"
    assert caught.value.error["decline_code"] == "lost"


def test_a_result_that_somebody_changes_stays_as_it_was(
    sources: InMemorySources,
) -> None:
    answer = {"id": "card_1"}
    sources.succeed("create", answer)
    job = sources.customer.source.create(customer="cus_1", source="tok_visa")
    job.result()["id"] = answer["id"] = "card_2"

    assert job.result() == {"id": "card_1"}


def test_a_missing_source_can_be_taken_for_deleted(sources: InMemorySources) -> None:
    sources.fail("delete", "resource_missing", param="id")
    delete = sources.customer.source.delete

    with pytest.raises(JobFailed):
        delete(customer="cus_1", id="card_1").result()
    fine = delete(customer="cus_1", id="card_1", missing_ok=True)
    assert fine.result() == {"id": "card_1", "deleted": True}


@pytest.mark.parametrize(
    ("runs", "states"),
    [
        ("by_hand", [State.QUEUED, State.QUEUED]),
        ("on_result", [State.QUEUED, State.SUCCEEDED]),
        ("at_once", [State.SUCCEEDED, State.SUCCEEDED]),
    ],
)
def test_jobs_run_when_the_test_wants_them_to(runs: str, states: list[State]) -> None:
    sources = InMemorySources(runs=runs)
    job, other = (
        sources.customer.source.get(customer=f"cus_{n}", id="card_1") for n in (1, 2)
    )
    assert job.state is State.QUEUED  # as the call said when it returned
    before = job.refresh().state
    if runs == "by_hand":
        with pytest.raises(ResultTimeout):
            other.result(timeout=3600)
    else:
        other.result()

    assert [before, job.refresh().state] == states
    assert sources.run() == (2 if runs == "by_hand" else 0)


def test_a_timeout_of_nothing_makes_nothing_run(sources: InMemorySources) -> None:
    job = sources.customer.source.get(customer="cus_1", id="card_1")
    with pytest.raises(ResultTimeout, match="still queued"):
        job.result(timeout=0)

    assert job.result(timeout=0.01)


def test_reading_events_waits_for_them_too(sources: InMemorySources) -> None:
    job = sources.customer.source.get(customer="cus_1", id="card_1")
    assert list(sources.events(after="0", timeout=0)) == []

    (event,) = sources.events(group="billing")
    assert event.correlationid == job.id
    assert sources.told == [event]


@pytest.mark.parametrize("runs", ["on_result", "at_once"])
def test_time_passes_when_the_test_says_so(runs: str) -> None:
    sources = InMemorySources(runs=runs)
    get = sources.customer.source.get
    later = get(customer="cus_1", id="card_1", not_before=timedelta(days=3))
    late = get(customer="cus_1", id="card_2", not_before=timedelta(days=5))
    with pytest.raises(ResultTimeout):
        later.result()
    sources.advance(timedelta(days=4))

    assert later.result()["id"] == "card_1"
    with pytest.raises(ResultTimeout, match="waiting"):
        late.result()
    with pytest.raises(ValueError, match="forward"):
        sources.advance(timedelta(days=-1))


def test_what_is_due_later_runs_later_than_what_was_submitted_meanwhile(
    sources: InMemorySources,
) -> None:
    get = sources.customer.source.get
    get(customer="cus_1", id="second", not_before=timedelta(hours=1))
    get(customer="cus_1", id="first")
    sources.advance(timedelta(hours=2))
    get(customer="cus_1", id="third")
    sources.run()

    assert [event.subject for event in sources.told] == ["first", "second", "third"]
    assert [one.id for one in sources.commands] == ["second", "first", "third"]


def test_past_its_deadline_a_job_fails(sources: InMemorySources) -> None:
    job = sources.customer.source.create(
        customer="cus_1", source="tok_visa", deadline=timedelta(minutes=5)
    )
    sources.advance(timedelta(minutes=6))

    with pytest.raises(JobFailed, match="deadline_passed"):
        job.result()


def test_a_script_that_cannot_be_meant_is_refused(sources: InMemorySources) -> None:
    with pytest.raises(ValueError, match="no operation 'retrieve'; one of: create"):
        sources.fail("retrieve", "card_declined")
    with pytest.raises(ValueError, match="data"):
        sources.succeed("list", {"id": "card_1"})
    with pytest.raises(ValueError, match="sometimes"):
        InMemorySources(runs="sometimes")


async def test_the_asyncio_twin_waits_for_nothing_either() -> None:
    async with AsyncInMemorySources() as sources:
        sources.fail("create", "card_declined", once=True)
        refused = await sources.customer.source.create(customer="cus_1", source="tok")
        with pytest.raises(JobFailed, match="card_declined"):
            await refused.result()
        fine = await sources.customer.source.create(customer="cus_1", source="tok")
        assert (await fine.result())["id"] == "card_1"


def test_the_stand_in_can_be_left_and_used_again(sources: InMemorySources) -> None:
    with sources as inside:
        job = inside.customer.source.create(customer="cus_1", source="tok_visa")

    assert sources.job(job.id).result()
    assert sources.workers() == ["in-memory"]
