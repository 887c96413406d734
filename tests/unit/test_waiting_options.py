"""`when`, `added_at`, `use_reserve`, `watch`: what is stored, and what is refused."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest

from customer_sources import CommandInvalid, State, requests, submission
from customer_sources.contract.commands import Command
from customer_sources.contract.names import Keys
from customer_sources.submission import Options, Submission
from customer_sources.testing import AsyncInMemorySources, InMemorySources
from tasks.messages import read
from tests.unit.celery_messages import message
from worker.batches.checking import Asked, Checker

KEYS = Keys("p:")
BA = {"customer": "cus_1", "id": "ba_1"}
ADDED = datetime(2026, 6, 18, 14, tzinfo=UTC)
TEXT = "2026-06-18T10:00:00-04:00"
WAITS = {"when": "deposits_arrived", "added_at": TEXT}
BOTH = {"amounts": [32, 45]}
Way = Callable[..., Submission]


def by_call(operation: str = "verify", /, **said: Any) -> Submission:
    params = {name: said.pop(name) for name in ("source", "card") if name in said}
    params |= BOTH if operation == "verify" else {}
    address = {
        "customer": "cus_1",
        "source_id": "" if operation == "create" else "ba_1",
    }
    options = Options(**said)
    return submission.build(KEYS, operation, params, options, **address)


def by_json(operation: str = "verify", /, **said: Any) -> Submission:
    text = json.dumps({"operation": operation, **usual(operation), **said})
    return requests.build(KEYS, json.loads(text))


def by_celery(operation: str = "verify", /, **said: Any) -> Submission:
    kwargs = usual(operation) | said
    entry = json.dumps(message(headers={"task": f"sources.{operation}"}, kwargs=kwargs))
    asked = read(entry, len(entry))
    assert asked is not None
    return requests.build(KEYS, asked.command)


def usual(operation: str) -> dict[str, Any]:
    """What the command of an operation cannot do without."""
    address = {"customer": "cus_1"} if operation == "create" else BA
    return address | (BOTH if operation == "verify" else {})


either_way = pytest.mark.parametrize("build", [by_call, by_json, by_celery])


def command_of(one: Submission) -> Command:
    return msgspec.json.decode(str(one.arguments[11]), type=Command)


def refused(build: Way, *operation: str, **said: Any) -> dict[str, str]:
    with pytest.raises(CommandInvalid) as caught:
        build(*operation, **said)
    return {problem.field: problem.message for problem in caught.value.problems}


# --- what is stored


@either_way
def test_what_a_verify_waits_for_is_in_its_command_and_in_its_record(
    build: Way,
) -> None:
    one = build(**WAITS, use_reserve=True)
    command = command_of(one)

    assert (command.when, command.use_reserve) == ("deposits_arrived", True)
    assert command.added_at == round(ADDED.timestamp() * 1000)
    assert one.arguments[-1] == 1


@either_way
def test_a_create_may_ask_to_be_watched(build: Way) -> None:
    for said in ({"source": "btok_1"}, {"source": "tok_1"}, {}):
        one = build("create", **said, watch=True)
        assert command_of(one).watch
        assert one.arguments[-1] == 0


def test_what_is_not_said_leaves_no_trace() -> None:
    """So commands of before are read as ever, and are found again by their keys."""
    one = by_call()
    stored = str(one.arguments[11])

    assert one.arguments[-1] == 0
    for name in ("when", "added_at", "use_reserve", "watch"):
        assert name not in stored
    usual = {"use_reserve": False, "when": None, "added_at": None, "watch": False}
    assert by_call(**usual).arguments[2] == one.arguments[2]


def test_each_of_them_is_another_command() -> None:
    later = {"when": "deposits_arrived", "added_at": "2026-06-18T10:00:00.001-04:00"}
    verifies = [by_call(**said) for said in ({}, WAITS, later, {"use_reserve": True})]
    creates = [by_call("create", watch=watch) for watch in (False, True)]

    assert len({one.arguments[2] for one in verifies}) == 4
    assert len({one.arguments[2] for one in creates}) == 2


def test_the_same_moment_is_the_same_command_however_it_is_said() -> None:
    tokyo = ADDED.astimezone(timezone(timedelta(hours=9)))
    said = (TEXT, "2026-06-18T14:00:00Z", ADDED, tokyo)
    commands = [by_call(when="deposits_arrived", added_at=one) for one in said]

    assert len({one.arguments[2] for one in commands}) == 1
    assert len({one.arguments[11] for one in commands}) == 1


@pytest.mark.parametrize("field", ["not_before", "deadline"])
def test_times_are_taken_as_text_in_every_way_in(field: str) -> None:
    place = {"not_before": 7, "deadline": 8}[field]
    for build in (by_call, by_json, by_celery):
        assert build(**{field: "PT2H"}).arguments[place] == "+7200000"
        assert build(**{field: "P1W"}).arguments[place] == "+604800000"
        at_a_moment = build(**{field: TEXT})
        assert at_a_moment.arguments[place] == round(ADDED.timestamp() * 1000)


def test_a_job_that_waits_for_a_text_is_for_later() -> None:
    assert by_json(not_before="P3D").job_class == "scheduled"
    assert by_call(not_before="-P3D").job_class == "interactive"


# --- what is refused


@either_way
@pytest.mark.parametrize(
    ("operation", "said", "field", "words"),
    [
        ("verify", {"when": "deposits_arrived"}, "added_at", "missing: say when the"),
        ("verify", {"added_at": TEXT}, "added_at", "only together with when=dep"),
        ("verify", WAITS | {"when": "tomorrow"}, "when", "expected deposits_arrived"),
        ("verify", WAITS | {"when": 1}, "when", "expected deposits_arrived"),
        ("verify", WAITS | {"when": ""}, "when", "expected deposits_arrived"),
        ("verify", WAITS | {"added_at": "P3D"}, "added_at", "expected a time like"),
        ("verify", WAITS | {"added_at": 7}, "added_at", "expected a time like"),
        ("verify", WAITS | {"added_at": "2026-06-18"}, "added_at", "has no time zone"),
        ("verify", WAITS | {"added_at": "2999-01-01T00:00Z"}, "added_at", "is in the"),
        ("verify", {"use_reserve": "yes"}, "use_reserve", "expected true or false"),
        ("verify", {"watch": True}, "watch", "only on create"),
        ("create", {"use_reserve": True}, "use_reserve", "only on verify"),
        ("create", {"watch": True, "card": "tok_visa"}, "watch", "only for a bank"),
        ("create", {"watch": True, "source": "src_1"}, "watch", "only for a bank"),
        ("create", {"watch": "yes"}, "watch", "expected true or false"),
        ("verify", {"deadline": "P1M"}, "deadline", "expected a time like"),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_mends_it(
    build: Way, operation: str, said: dict[str, Any], field: str, words: str
) -> None:
    problems = refused(build, operation, **said)

    assert list(problems) == [field]
    assert problems[field].startswith(words)


@either_way
@pytest.mark.parametrize("operation", ["update", "delete", "get"])
def test_only_a_verify_waits_for_deposits(build: Way, operation: str) -> None:
    problems = refused(build, operation, **WAITS)

    assert problems == {"when": "only on verify", "added_at": "only on verify"}


def test_a_clock_that_is_a_little_ahead_is_no_reason_to_refuse() -> None:
    soon = datetime.now(UTC) + timedelta(minutes=2)

    assert by_call(when="deposits_arrived", added_at=soon).arguments[-1] == 1


@pytest.mark.parametrize(
    "edge", [datetime.min.replace(tzinfo=UTC), datetime.fromtimestamp(0, UTC)], ids=str
)
def test_a_moment_long_ago_is_a_moment(edge: datetime) -> None:
    """0 stands for none in what is stored."""
    assert command_of(by_call(when="deposits_arrived", added_at=edge)).added_at == 1


def test_rows_of_a_batch_turn_switches_and_wait_for_nothing_of_their_own() -> None:
    checker = Checker(Asked())
    verify = {"operation": "verify", **BA, **BOTH}
    create = {"operation": "create", "customer": "cus_1", "source": "btok_1"}

    assert checker.check(1, verify | {"use_reserve": True}).use_reserve
    assert checker.check(1, create | {"watch": True}).watch
    with pytest.raises(CommandInvalid) as caught:
        checker.check(1, verify | WAITS)
    problems = {one.field: one.message for one in caught.value.problems}
    assert set(problems) == {"when", "added_at"}
    assert all("--not-before" in words for words in problems.values())


# --- in memory


def test_in_memory_a_verify_waits_until_deposits_can_have_arrived() -> None:
    sources = InMemorySources()
    job = sources.customer.source.verify(
        **BA, **BOTH, when="deposits_arrived", added_at=datetime.now(UTC)
    )
    sources.run()
    assert job.state is State.WAITING
    sources.advance(timedelta(days=4, seconds=1))

    sources.run()
    assert sources.job(job.id).state is State.SUCCEEDED


def test_in_memory_all_of_it_can_be_said_with_asyncio_too() -> None:
    async def say() -> None:
        sources = AsyncInMemorySources()
        verify = await sources.customer.source.verify(
            **BA, **BOTH, when="deposits_arrived", added_at=TEXT, use_reserve=True
        )
        create = await sources.customer.source.create(
            customer="cus_1", bank_account="btok_1", watch=True, not_before="PT2H"
        )
        assert verify.state is State.QUEUED  # they arrived long ago
        assert create.state is State.WAITING

    asyncio.run(say())
