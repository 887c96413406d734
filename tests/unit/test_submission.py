"""From a call's arguments to submit.lua's: options, classes, moments, answers."""

from __future__ import annotations

import json
import time
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from customer_sources.contract.commands import Command
from customer_sources.contract.errors import CommandInvalid, JobConflict
from customer_sources.contract.ids import is_job_id, job_id_for_key, new_job_id
from customer_sources.contract.names import FIRST_VERSION, Keys
from customer_sources.contract.states import State
from customer_sources.submission import Options, Submission, accepted, build

KEYS = Keys("p:")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ARGUMENTS = (
    "prefix",
    "id",
    "fingerprint",
    "operation",
    "effect",
    "class",
    "lane",
    "not_before",
    "deadline",
    "version",
    "keyed",
    "command",
    "queue",
    "message",
    "inbox",
    "group",
    "entry",
    "account",
    "when",
)
"""As submit.lua's header names them."""
PARAMS = {"create": {"source": "tok_visa"}, "verify": {"amounts": [32, 45]}}


def submitted(operation: str = "create", /, **options: Any) -> dict[str, Any]:
    """Build a submission; give its arguments by their names."""
    one = build(
        KEYS,
        operation,
        PARAMS.get(operation, {}),
        Options(**options),
        customer="cus_1",
        source_id="" if operation == "create" else "ba_1",
    )
    assert one.arguments[1] == one.job_id
    return dict(zip(ARGUMENTS, one.arguments, strict=True))


def refused(**options: Any) -> list[str]:
    """Name the fields of a refused call's problems."""
    with pytest.raises(CommandInvalid) as caught:
        submitted(**options)
    return [problem.field for problem in caught.value.problems]


# --- what the script is given


def test_a_plain_call_is_interactive_ordered_and_now() -> None:
    given_to_lua = submitted()

    assert given_to_lua["class"] == "interactive"
    assert given_to_lua["lane"] == "default:cus_1"
    assert given_to_lua["queue"] == "p:sources.interactive"
    assert given_to_lua["effect"] == "keyed"
    assert (given_to_lua["not_before"], given_to_lua["deadline"]) == (0, 0)
    assert (given_to_lua["keyed"], given_to_lua["version"]) == (0, FIRST_VERSION)


def test_the_stored_command_holds_the_bytes_that_will_be_sent() -> None:
    given_to_lua = submitted(reference="ours-7")
    command = msgspec.json.decode(given_to_lua["command"], type=Command)

    assert "source=tok_visa" in command.body
    assert given_to_lua["id"] in command.body
    assert command.reference == "ours-7"


def test_the_message_names_the_job_and_nothing_of_the_command() -> None:
    given_to_lua = submitted()
    headers = json.loads(given_to_lua["message"])["headers"]

    assert given_to_lua["id"] in headers["argsrepr"]
    assert "tok_visa" not in given_to_lua["message"]


def test_a_job_for_later_goes_to_the_bulk_queue() -> None:
    given_to_lua = submitted(not_before=timedelta(hours=1))

    assert given_to_lua["class"] == "scheduled"
    assert given_to_lua["queue"] == "p:sources.bulk"
    routing = json.loads(given_to_lua["message"])["properties"]["delivery_info"]
    assert routing["routing_key"] == "sources.bulk"


def test_an_unordered_read_has_no_lane() -> None:
    assert submitted("get", ordered=False)["lane"] == ""


@pytest.mark.parametrize(
    ("operation", "effect"), [("create", "keyed"), ("get", "none"), ("delete", "plain")]
)
def test_every_argument_is_something_the_store_takes(
    operation: str, effect: str
) -> None:
    given_to_lua = submitted(operation)

    assert given_to_lua["effect"] == effect
    assert all(isinstance(argument, str | int) for argument in given_to_lua.values())
    assert not any(isinstance(argument, bool) for argument in given_to_lua.values())


# --- ids and keys


def test_without_a_key_every_call_is_a_new_job() -> None:
    one, other = submitted()["id"], submitted()["id"]

    assert one != other
    assert is_job_id(one)


def test_a_key_finds_its_job_again_and_is_remembered() -> None:
    given_to_lua = submitted(idempotency_key="order-1")

    assert given_to_lua["id"] == job_id_for_key("default", "order-1")
    assert given_to_lua["keyed"] == 1


def test_a_call_is_repeated_with_the_id_that_its_error_carried() -> None:
    job_id = new_job_id(time.time_ns() // 1_000_000)

    assert submitted(job_id=job_id)["id"] == job_id


@pytest.mark.parametrize("key", ["", "x" * 256, 7, b"x", ["x"], "\ud800"])
def test_what_is_no_idempotency_key_is_refused(key: object) -> None:
    assert refused(idempotency_key=key) == ["idempotency_key"]


@pytest.mark.parametrize("key", ["x", "x" * 255, "ü" * 255, " ", "\n"])
def test_any_short_text_is_an_idempotency_key(key: str) -> None:
    assert is_job_id(submitted(idempotency_key=key)["id"])


@pytest.mark.parametrize("job_id", ["", "job_1", 7, "job_" + "O" * 26, "x:cmd"])
def test_what_is_no_job_id_is_refused(job_id: object) -> None:
    assert refused(job_id=job_id) == ["job_id"]


@pytest.mark.parametrize("reference", [None, 7, "x" * 256, "\ud800"])
def test_what_is_no_reference_is_refused(reference: object) -> None:
    assert refused(reference=reference) == ["reference"]


# --- moments


@settings(deadline=None)
@given(st.integers(1, 4_102_444_800_000), st.integers(-14, 14))
@example(2_164_032_569_443, 0)
def test_a_moment_in_any_zone_is_kept_to_the_millisecond(ms: int, hours: int) -> None:
    zone = timezone(timedelta(hours=hours))
    moment = (EPOCH + timedelta(milliseconds=ms)).astimezone(zone)

    assert submitted(not_before=moment)["not_before"] == ms


@pytest.mark.parametrize("field", ["not_before", "deadline"])
def test_a_timedelta_counts_from_now_by_the_stores_clock(field: str) -> None:
    assert submitted(**{field: timedelta(minutes=5)})[field] == "+300000"


@pytest.mark.parametrize("field", ["not_before", "deadline"])
@pytest.mark.parametrize(
    "moment",
    [
        datetime(2030, 1, 1),  # noqa: DTZ001  the point
        date(2030, 1, 1),
        "2030-01-01T00:00:00",
        "soon",
        1_767_225_600,
        True,
    ],
    ids=repr,
)
def test_what_is_no_moment_in_a_zone_is_refused(field: str, moment: object) -> None:
    assert refused(**{field: moment}) == [field]


@pytest.mark.parametrize("field", ["not_before", "deadline"])
@pytest.mark.parametrize(
    "moment",
    [
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-5))),
        datetime.min.replace(tzinfo=timezone(timedelta(hours=5))),
    ],
    ids=["end of time", "beginning of time"],
)
def test_a_moment_at_the_edge_of_time_is_taken_or_refused(
    field: str, moment: datetime
) -> None:
    try:
        taken = submitted(**{field: moment})[field]
    except CommandInvalid:
        return
    assert isinstance(taken, int)


@pytest.mark.parametrize("long_ago", [EPOCH, EPOCH - timedelta(days=1)])
def test_a_deadline_long_ago_is_a_deadline(long_ago: datetime) -> None:
    """To the script 0 is "none", and a negative number is no more than that."""
    assert submitted(deadline=long_ago)["deadline"] > 0


@pytest.mark.parametrize("field", ["not_before", "deadline"])
@pytest.mark.parametrize("span", [timedelta.max, timedelta(seconds=1e12)])
def test_a_moment_that_no_calendar_has_is_refused(field: str, span: timedelta) -> None:
    assert refused(**{field: span}) == [field]


def test_every_problem_of_the_options_is_found_at_once() -> None:
    found = refused(idempotency_key="", not_before="soon", deadline="later")

    assert found == ["idempotency_key", "not_before", "deadline"]


@pytest.mark.parametrize("operation", ["create", "update", "verify", "delete"])
def test_only_a_read_may_opt_out_of_the_order(operation: str) -> None:
    """A delete that did could overtake the update that was submitted before it."""
    with pytest.raises(CommandInvalid, match="ordered: only on get and list"):
        submitted(operation, ordered=False)
    assert submitted(operation, ordered=True)["lane"] == "default:cus_1"


# --- answers


@pytest.mark.parametrize("word", ["ACCEPTED", "SAME"])
def test_the_answer_tells_the_state_and_when_a_worker_last_looked(word: str) -> None:
    taken = accepted(Submission("job_1", []), [word, "waiting", 17, 0])

    assert taken.state is State.WAITING
    assert taken.last_upkeep_ms == 17


def test_a_conflict_carries_the_id() -> None:
    with pytest.raises(JobConflict) as caught:
        accepted(Submission("job_1", []), ["CONFLICT", "queued", 0, 0])
    assert caught.value.job_id == "job_1"
