"""What a turn of a watch comes to, and what the end of a job means to one. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from config.settings import Settings
from customer_sources import Command, Event
from customer_sources.verifications.status import parse_verification
from worker.guesses import Became
from worker.outcomes import Cancel, Fail, Outcome, Review, Succeed
from worker.watching import GIVEN_UP_MS, Plan, Turn, decide, note, planner

ADDED, ARRIVES, REMINDERS, EXPIRES = 1_000, 10_000, "20000 30000", 40_000
NEW = {
    "id": "watch_1",
    "state": "new",
    "account": "default",
    "customer": "cus_1",
    "source": "ba_1",
    "added": str(ADDED),
    "opened": str(ADDED),
    "turn": "1",
}
PLANNED = {
    **NEW,
    "state": "waiting",
    "arrives": str(ARRIVES),
    "reminders": REMINDERS,
    "expires": str(EXPIRES),
}
BANK_ACCOUNT = {"id": "ba_1", "object": "bank_account", "status": "new"}
CREATE = Command(operation="create", customer="cus_1", path="/", watch=True)
VERIFY = Command(operation="verify", customer="cus_1", id="ba_1", path="/")
DELETE = Command(operation="delete", customer="cus_1", id="ba_1", path="/")


def turn(record: dict[str, str], now: int, **guesses: str) -> Turn:
    return decide(record, guesses, now, lambda added: Plan(added + 9_000, [1], 2))


def event(one: Turn) -> Event:
    return msgspec.json.decode(one.event, type=Event)


def test_a_new_watch_is_planned_from_when_its_account_was_added() -> None:
    planned = turn(NEW, 5_000)

    assert (planned.state, planned.next_ms, planned.event) == ("waiting", ARRIVES, b"")
    assert planned.changes == {"arrives": ARRIVES, "reminders": "1", "expires": 2}
    assert not planned.look


@pytest.mark.parametrize("state", ["waiting", "due"])
def test_at_its_moment_it_looks_and_waits_for_that(state: str) -> None:
    looking = turn({**PLANNED, "state": state}, ARRIVES)

    assert (looking.look, looking.state) == (True, state)
    assert (looking.next_ms, looking.event) == (ARRIVES + GIVEN_UP_MS, b"")


@pytest.mark.parametrize(
    ("now", "following"),
    [(ARRIVES, 20_000), (20_000, 30_000), (25_000, 30_000), (30_000, EXPIRES)],
)
def test_after_a_look_it_waits_for_the_first_moment_that_is_ahead(
    now: int, following: int
) -> None:
    due = turn({**PLANNED, "seen": "new", "told": "4"}, now, used="1")

    assert (due.state, due.next_ms) == ("due", following)
    assert due.changes == {"look": "", "seen": "", "told": 5, "status": "new"}
    assert event(due).data["reminder"] == 4
    assert event(due).data["attempts"] == {"used": 1, "left": 2}


def test_without_reminders_it_waits_for_its_end() -> None:
    due = turn({**PLANNED, "reminders": "", "seen": ""}, ARRIVES)

    assert due.next_ms == EXPIRES
    assert "status" not in due.changes


@pytest.mark.parametrize("now", [EXPIRES, EXPIRES + 10**9])
def test_past_its_last_moment_it_is_over_whatever_was_not_seen(now: int) -> None:
    for record in ({"seen": "new"}, {"seen": ""}, {"look": "job_1"}):
        assert turn({**PLANNED, **record}, now).state == "expired"
    assert turn({**PLANNED, "seen": "verified"}, now).state == "verified"


def test_what_a_job_has_decided_counts_more_than_what_a_look_saw() -> None:
    found = {"found": "deleted", "why": "succeeded", "by": "job_1"}
    for record in (NEW, PLANNED, {**PLANNED, "seen": "new", "status": "new"}):
        ended = turn({**record, **found}, ARRIVES)
        assert (ended.state, event(ended).data["status"]) == ("deleted", None)
        assert event(ended).data["job"] == "job_1"
        assert event(ended).id == "watch_1:terminal"


def test_what_makes_no_sense_is_given_up_with_what_is_left_of_it() -> None:
    for damage in ({"found": "due"}, {"arrives": "9" * 30}, {"source": "card_1"}):
        record = {**PLANNED, "status": "new", **damage}

        ended = turn(record, ARRIVES)

        told = event(ended)
        assert (ended.state, told.id) == ("expired", "watch_1:terminal")
        assert (told.data["why"], told.data["status"]) == ("record_unreadable", "new")
        mended = {**record, **ended.changes}
        left = {name: str(text) for name, text in mended.items() if text != ""}
        assert parse_verification(left, {}).state == "expired"


def test_a_status_that_a_job_has_overtaken_is_not_told() -> None:
    found = {"found": "failed", "why": "verification_attempts_exhausted", "by": "job_1"}

    ended = turn({**PLANNED, "status": "new", **found}, ARRIVES)

    assert (ended.state, event(ended).data["status"]) == ("failed", None)
    assert ended.changes["status"] == ""


def test_moments_are_those_of_banking_days() -> None:
    settings = Settings.model_validate({"_env_file": None})
    added = datetime(
        2026, 11, 24, 15, tzinfo=UTC
    )  # a Tuesday; the Thursday is a holiday

    plan = planner(settings)(round(added.timestamp() * 1000))

    assert [day(plan.arrives), *map(day, plan.reminders), day(plan.expires)] == [
        "2026-11-27 14:00",
        "2026-12-01 14:00",
        "2026-12-04 14:00",
        "2026-12-09 14:00",
    ]


def day(moment: int) -> str:
    return f"{datetime.fromtimestamp(moment / 1000, UTC):%Y-%m-%d %H:%M}"


# --- what jobs mean


@pytest.mark.parametrize(
    ("made", "begins"),
    [
        (BANK_ACCOUNT, ("open", "default:cus_1/ba_1")),
        ({**BANK_ACCOUNT, "status": "validated"}, ("open", "default:cus_1/ba_1")),
        ({**BANK_ACCOUNT, "status": "verified"}, ()),
        ({"id": "card_1", "object": "card"}, ()),
        ({"id": "src_1", "object": "source", "status": "pending"}, ()),
    ],
)
def test_a_create_opens_a_watch_of_what_is_to_be_verified(
    made: dict[str, Any], begins: tuple[str, ...]
) -> None:
    noted = note(CREATE, Succeed(made), Became.OPEN, 0)

    assert noted[:2] == begins
    silent = msgspec.structs.replace(CREATE, watch=False)
    assert note(silent, Succeed(made), Became.OPEN, 0) == ()


@pytest.mark.parametrize(
    ("command", "outcome", "became", "found"),
    [
        (VERIFY, Succeed(BANK_ACCOUNT), Became.VERIFIED, "verified"),
        (VERIFY, Fail("x", {}), Became.OVER, "failed"),
        (VERIFY, Fail("x", {}), Became.MISSED, None),
        (VERIFY, Fail("x", {}), Became.FREE, None),
        (VERIFY, Review("x", {}), Became.OPEN, None),
        (DELETE, Succeed({"id": "ba_1", "deleted": True}), Became.OPEN, "deleted"),
        (DELETE, Fail("x", {}), Became.OPEN, None),
        (DELETE, Cancel(), Became.OPEN, None),
        (CREATE, Fail("x", {}), Became.OPEN, None),
        (None, Review("x", {}), Became.OPEN, None),
    ],
)
def test_the_end_of_a_job_ends_a_watch_where_it_is_a_proof(
    command: Command | None, outcome: Outcome, became: Became, found: str | None
) -> None:
    noted = note(command, outcome, became, 0)

    expected = ("end", "default:cus_1/ba_1", found, outcome.code) if found else ()
    assert noted == expected


@pytest.mark.parametrize("source", ["card_1", "src_1"])
def test_a_delete_of_what_can_be_no_bank_account_means_nothing(source: str) -> None:
    command = msgspec.structs.replace(DELETE, id=source)

    assert note(command, Succeed({"id": source}), Became.OPEN, 0) == ()
