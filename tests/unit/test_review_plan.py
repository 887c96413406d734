"""What replaying a job would do: one line of docs/review.md for each thing known."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from customer_sources.contract.card_data import holds_card_number
from customer_sources.contract.ids import is_job_id, job_id_for_key, replay_id
from customer_sources.review import HORIZON_MS, Does, Found, plan

JOB = "job_" + "0" * 26
SENT = 1_767_225_600_000


def found(now_ms: int = SENT + 1, **record: Any) -> Found:
    given = {"effect": "keyed", "unknown": "1", "first_sent": str(SENT)} | record
    return Found(
        job_id=JOB,
        record={name: value for name, value in given.items() if value},
        command=None,
        result=None,
        now_ms=now_ms,
        horizon_ms=HORIZON_MS,
    )


def test_the_key_is_the_same_up_to_the_horizon_and_not_at_it() -> None:
    before = plan(found(SENT + HORIZON_MS - 1))
    assert (before.does, before.key) == (Does.SAME_KEY, JOB)
    assert before.until == datetime(2026, 1, 1, 23, tzinfo=UTC)
    assert before.sentence.endswith("which is safe until 2026-01-01T23:00:00.000Z")

    assert plan(found(SENT + HORIZON_MS)).does is Does.READS_FIRST


def test_the_key_is_the_one_that_stripe_has_seen() -> None:
    assert plan(found(key="job_first")).key == "job_first"


def test_a_doubt_of_which_nobody_knows_the_age_is_read() -> None:
    assert plan(found(first_sent="")).does is Does.READS_FIRST


def test_a_key_that_was_seen_is_not_sent_where_nothing_was_done_under_it() -> None:
    clear = plan(found(unknown="", key="job_first"))
    assert (clear.does, clear.key) == (Does.NEW_KEY, replay_id(JOB))


@pytest.mark.parametrize(("operation", "warns"), [("verify", True), ("create", False)])
def test_a_guess_sent_anew_is_announced_as_one(operation: str, warns: bool) -> None:  # noqa: FBT001  a column of the table
    sentence = plan(found(unknown="", op=operation)).sentence
    assert ("one of the three" in sentence) == warns


@pytest.mark.parametrize("unknown", ["", "1"])
def test_what_has_no_key_needs_no_doubt(unknown: str) -> None:
    assert plan(found(effect="plain", unknown=unknown)).does is Does.DELETES_AGAIN
    assert plan(found(effect="none", unknown=unknown)).does is Does.READS_AGAIN


def test_the_id_of_a_replay_is_made_of_the_old_one_alone() -> None:
    once, twice = replay_id(JOB), replay_id(replay_id(JOB))
    assert replay_id(JOB) == once
    assert is_job_id(once)
    assert len({JOB, once, twice, job_id_for_key("default", JOB)}) == 4


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("4242424242424242", True),
        ("charged 4242-4242-4242-4242, twice", True),
        ("they sent 378282246310005.", True),
        ("ticket 4242424242424241", False),
        ("job_01m84xcqanc3mem4kzhx5xvbcx", False),
        ("on 2026-11-23 at 20:02", False),
    ],
)
def test_a_card_number_is_found_inside_a_sentence(text: str, held: bool) -> None:  # noqa: FBT001  a column of the table
    assert holds_card_number(text) == held


def test_a_key_under_which_another_command_was_seen_is_not_called_unused() -> None:
    sentence = plan(found(unknown="", code="idempotency_error")).sentence
    assert "another command" in sentence
    assert "done nothing" not in sentence
