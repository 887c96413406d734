"""The table of outcomes, continued: what Stripe could not do, and what it would not.

Here, too, every earlier request of the job has been answered.
"""

from __future__ import annotations

import pytest

from tests.answers import CHANGES, CREATE, DELETE, GET, WRONG_MODE, facts, no
from worker.outcomes import Fail, Later, Reconcile, Review
from worker.policy import decide, out_of_time

OPERATIONS = (CREATE, GET, DELETE)
BROKEN = (500, 502, 503, 504, 424)


# --- 5xx


@pytest.mark.parametrize("status", BROKEN)
@pytest.mark.parametrize("operation", CHANGES)
def test_a_server_error_leaves_a_change_unknown(operation: str, status: int) -> None:
    outcome = decide(facts(operation), no(status))

    assert outcome == Later(code=f"http_{status}", unknown=True, soon=True)


@pytest.mark.parametrize("status", BROKEN)
def test_a_server_error_on_a_read_is_read_again(status: int) -> None:
    outcome = decide(facts(GET), no(status))

    assert outcome == Later(code=f"http_{status}", unknown=False, soon=True)


@pytest.mark.parametrize("status", [500, 503])
def test_a_saved_server_error_is_not_asked_for_again(status: int) -> None:
    outcome = decide(facts(CREATE), no(status, replayed=True))

    assert isinstance(outcome, Reconcile)
    assert isinstance(outcome.otherwise, Review)
    assert outcome.unknown
    assert outcome.code == "stripe_error_saved"


# --- Stripe-Should-Retry: whether to call again, never what happened


@pytest.mark.parametrize("status", [409, 429, 500, 503])
def test_stripes_word_not_to_call_again_ends_the_quick_tries(status: int) -> None:
    outcome = decide(facts(CREATE), no(status, should_retry=False))

    assert isinstance(outcome, Later)
    assert not outcome.soon


@pytest.mark.parametrize("status", [400, 402, 404])
def test_stripes_word_to_call_again_wins_over_a_rejection(status: int) -> None:
    outcome = decide(facts(CREATE), no(status, should_retry=True))

    assert isinstance(outcome, Later)
    assert not outcome.unknown


@pytest.mark.parametrize("should_retry", [True, False])
def test_whether_to_call_again_does_not_say_what_happened(
    *, should_retry: bool
) -> None:
    outcome = decide(facts(CREATE), no(500, should_retry=should_retry))

    assert isinstance(outcome, Later)
    assert outcome.unknown


# --- rejections


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (402, "card_declined"),
        (402, "expired_card"),
        (402, "incorrect_cvc"),
        (402, "processing_error"),
        (400, "token_already_used"),
        (400, "parameter_missing"),
        (400, "parameters_exclusive"),
        (404, "resource_missing"),
    ],
)
def test_a_create_that_was_refused_fails_with_stripes_code(
    status: int, code: str
) -> None:
    outcome = decide(facts(CREATE), no(status, code, message="Because."))

    assert isinstance(outcome, Fail)
    assert outcome.code == code
    assert outcome.error["message"] == "Because."
    assert outcome.error["request_id"] == "req_1"


def test_a_bank_account_that_exists_is_a_failure_that_can_be_told_better() -> None:
    outcome = decide(facts(CREATE), no(400, "bank_account_exists"))

    assert isinstance(outcome, Reconcile)
    assert isinstance(outcome.otherwise, Fail)
    assert outcome.certain


@pytest.mark.parametrize("code", ["processing_error", "card_declined"])
def test_only_a_processing_error_may_go_better_with_a_new_job(code: str) -> None:
    outcome = decide(facts(CREATE), no(402, code))

    assert isinstance(outcome, Fail)
    assert outcome.retryable is (code == "processing_error")


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("status", [400, 402, 404, 418])
def test_a_rejection_without_a_code_is_named_by_its_status(
    operation: str, status: int
) -> None:
    outcome = decide(facts(operation), no(status))

    assert isinstance(outcome, Fail)
    assert outcome.code == f"http_{status}"


def test_a_token_that_is_in_use_is_tried_again() -> None:
    outcome = decide(facts(CREATE), no(400, "token_in_use"))

    assert outcome == Later(code="token_in_use", unknown=False, soon=True)


@pytest.mark.parametrize("operation", [GET, DELETE])
@pytest.mark.parametrize("message", ["No such source: 'card_1'", WRONG_MODE])
def test_a_source_that_was_never_there_is_a_failure(
    operation: str, message: str
) -> None:
    outcome = decide(facts(operation), no(404, "resource_missing", message=message))

    assert isinstance(outcome, Fail)
    assert outcome.code == "resource_missing"


@pytest.mark.parametrize("kind", ["card_error", "api_error", "rate_limit_error", ""])
def test_the_type_of_an_error_decides_nothing(kind: str) -> None:
    outcome = decide(facts(CREATE), no(402, "card_declined", kind=kind))

    assert isinstance(outcome, Fail)


# --- out of time


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("code", ["deadline_passed", "key_expired"])
def test_out_of_time_with_nothing_in_doubt_is_a_failure_that_says_why(
    operation: str, code: str
) -> None:
    outcome = out_of_time(facts(operation), code)

    assert isinstance(outcome, Fail)
    assert outcome.code == code
    assert outcome.error["code"] == code
    assert outcome.error["message"]
    assert outcome.retryable
