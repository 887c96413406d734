"""What a producer reads of a job: record, result, tombstone, or nothing."""

from __future__ import annotations

import pytest

from customer_sources.contract.errors import (
    JobCancelled,
    JobEnded,
    JobFailed,
    JobNeedsReview,
    JobNotFound,
)
from customer_sources.contract.states import TERMINAL, State
from customer_sources.jobs import Snapshot, parse_snapshot

JOB = "job_" + "0" * 26


@pytest.mark.parametrize("state", list(State))
def test_a_record_tells_its_state(state: State) -> None:
    snapshot = parse_snapshot(JOB, {"state": state.value, "runs": "2"}, None, None)

    assert snapshot.state is state
    assert snapshot.record["runs"] == "2"
    assert snapshot.details is None


def test_the_record_wins_over_the_tombstone_beside_it() -> None:
    snapshot = parse_snapshot(JOB, {"state": "failed"}, "{}", "fp succeeded")

    assert snapshot.state is State.FAILED


@pytest.mark.parametrize("state", sorted(TERMINAL))
def test_a_tombstone_still_tells_how_it_ended(state: State) -> None:
    snapshot = parse_snapshot(JOB, {}, None, f"fingerprint {state}")

    assert snapshot.state is state
    assert snapshot.record == {}


def test_a_job_of_which_nothing_is_held_is_not_found() -> None:
    with pytest.raises(JobNotFound, match=JOB):
        parse_snapshot(JOB, {}, None, None)


def test_the_result_of_a_success_is_stripes_object() -> None:
    snapshot = parse_snapshot(JOB, {"state": "succeeded"}, '{"id":"card_1"}', None)

    assert snapshot.result(JOB) == {"id": "card_1"}


@pytest.mark.parametrize(
    ("state", "error"),
    [
        (State.FAILED, JobFailed),
        (State.NEEDS_REVIEW, JobNeedsReview),
        (State.CANCELLED, JobCancelled),
    ],
)
def test_every_other_end_is_raised_with_its_code_and_words(
    state: State, error: type[JobEnded]
) -> None:
    record = {"state": state.value, "code": "card_declined"}
    snapshot = parse_snapshot(JOB, record, '{"message":"Declined."}', None)

    with pytest.raises(error, match=r"card_declined.*Declined\.") as caught:
        snapshot.result(JOB)
    assert caught.value.job_id == JOB
    assert caught.value.code == "card_declined"
    assert caught.value.error == {"message": "Declined."}


def test_an_error_without_words_is_told_by_its_code() -> None:
    snapshot = parse_snapshot(JOB, {"state": "failed", "code": "http_418"}, "{}", None)

    with pytest.raises(JobFailed, match="http_418"):
        snapshot.result(JOB)


@pytest.mark.parametrize("state", sorted(TERMINAL))
def test_a_result_past_its_retention_is_not_found(state: State) -> None:
    """The tombstone outlives the result; an empty object would be a lie."""
    with pytest.raises(JobNotFound):
        parse_snapshot(JOB, {}, None, f"fp {state}").result(JOB)


def test_a_result_that_is_gone_before_its_record_is_not_found_either() -> None:
    with pytest.raises(JobNotFound):
        Snapshot(state=State.SUCCEEDED, record={"state": "succeeded"}).result(JOB)
