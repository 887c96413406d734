"""The same table once an earlier request of the job has no answer.

`unknown` is cleared by proof only: a success, the saved result of the key, an executed
error under the key, or a parameter error of the same body. Without proof the job does
not fail; it waits, succeeds, or Stripe is read once nothing can arrive any more.
"""

from __future__ import annotations

import pytest

from tests.answers import (
    CARD,
    CHANGES,
    CREATE,
    DELETE,
    DELETED,
    DETACHED,
    GET,
    WRONG_MODE,
    facts,
    label,
    no,
    ok,
)
from worker.answers import MaybeSent, NotSent, TryResult
from worker.outcomes import Fail, Later, Reconcile, Review, Succeed
from worker.policy import decide, out_of_time

# --- what proves nothing


@pytest.mark.parametrize("operation", CHANGES)
@pytest.mark.parametrize(
    "result",
    [
        NotSent("connect_refused"),
        MaybeSent("read_timeout"),
        no(429, "rate_limit"),
        no(429, "lock_timeout"),
        no(401),
        no(403),
        no(409, "idempotency_key_in_use"),
        no(500),
        no(503, should_retry=False),
        no(424),
        no(400, "token_in_use"),
        ok({}),
    ],
    ids=label,
)
def test_an_answer_from_before_the_saved_result_leaves_the_doubt(
    operation: str, result: TryResult
) -> None:
    outcome = decide(facts(operation, unknown=True), result)

    assert isinstance(outcome, Later)
    assert outcome.unknown


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "token_already_used"),
        (402, "token_already_used"),
        (400, "bank_account_exists"),
        (402, "bank_account_exists"),
        (404, "resource_missing"),
        (402, "resource_missing"),
        (400, "resource_missing"),
        (400, ""),
        (404, ""),
        (400, "customer_max_payment_methods"),
        (418, ""),
    ],
)
def test_a_refusal_that_our_own_request_may_have_caused_is_looked_into(
    status: int, code: str
) -> None:
    outcome = decide(facts(CREATE, unknown=True), no(status, code))

    assert isinstance(outcome, Reconcile)
    assert outcome.unknown
    assert isinstance(outcome.otherwise, Review)
    assert outcome.otherwise.error["request_id"] == "req_1"


def test_an_idempotency_error_says_that_the_key_was_used_not_for_what() -> None:
    answer = no(400, kind="idempotency_error")
    outcome = decide(facts(CREATE, unknown=True), answer)

    assert isinstance(outcome, Review)
    assert outcome.code == "idempotency_error"


def test_the_saved_server_error_ends_the_tries_and_not_the_doubt() -> None:
    outcome = decide(facts(CREATE, unknown=True), no(500, replayed=True))

    assert isinstance(outcome, Reconcile)
    assert outcome.unknown
    assert isinstance(outcome.otherwise, Review)
    assert outcome.code == "stripe_error_saved"


@pytest.mark.parametrize("operation", CHANGES)
@pytest.mark.parametrize("code", ["deadline_passed", "key_expired"])
def test_out_of_time_and_in_doubt_stripe_is_read(operation: str, code: str) -> None:
    outcome = out_of_time(facts(operation, unknown=True), code)

    assert isinstance(outcome, Reconcile)
    assert outcome.unknown
    assert isinstance(outcome.otherwise, Review)
    assert outcome.code == code


# --- what proves something


@pytest.mark.parametrize(
    ("operation", "body"), [(CREATE, CARD), (DELETE, DELETED), (DELETE, DETACHED)]
)
def test_a_success_ends_the_doubt(operation: str, body: dict[str, object]) -> None:
    assert isinstance(decide(facts(operation, unknown=True), ok(body)), Succeed)


def test_the_saved_success_of_a_lost_answer_is_our_success() -> None:
    outcome = decide(facts(CREATE, unknown=True), ok(CARD, replayed=True))

    assert outcome == Succeed(CARD, "replayed")


@pytest.mark.parametrize(
    "code", ["card_declined", "expired_card", "incorrect_cvc", "processing_error"]
)
def test_a_declined_card_was_declined_the_first_time_too(code: str) -> None:
    outcome = decide(facts(CREATE, unknown=True), no(402, code))

    assert isinstance(outcome, Fail)
    assert outcome.code == code


@pytest.mark.parametrize("operation", CHANGES)
@pytest.mark.parametrize(
    "code", ["parameter_missing", "parameter_unknown", "parameters_exclusive"]
)
def test_a_parameter_error_of_the_same_body_was_one_the_first_time_too(
    operation: str, code: str
) -> None:
    outcome = decide(facts(operation, unknown=True), no(400, code))

    assert isinstance(outcome, Fail)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "token_already_used"),
        (400, "bank_account_exists"),
        (404, "resource_missing"),
        (400, ""),
    ],
)
def test_the_saved_refusal_of_the_key_is_what_became_of_it(
    status: int, code: str
) -> None:
    outcome = decide(facts(CREATE, unknown=True), no(status, code, replayed=True))

    if isinstance(outcome, Reconcile):  # a bank account that exists has an id to tell
        assert outcome.certain
        outcome = outcome.otherwise
    assert isinstance(outcome, Fail)


# --- delete: there is no key, so nothing is saved and nothing replays


@pytest.mark.parametrize(
    "message", ["No such source: 'card_1'", "No such customer: 'cus_1'", ""]
)
def test_what_is_gone_after_an_unanswered_delete_is_what_was_asked_for(
    message: str,
) -> None:
    answer = no(404, "resource_missing", message=message)
    outcome = decide(facts(DELETE, unknown=True), answer)

    gone = {"id": "card_1", "deleted": True}
    assert outcome == Succeed(gone, code="already_absent_after_unknown")


def test_what_exists_in_the_other_mode_is_not_gone() -> None:
    answer = no(404, "resource_missing", message=WRONG_MODE)

    outcome = decide(facts(DELETE, unknown=True), answer)

    assert isinstance(outcome, Reconcile)
    assert outcome.unknown
    assert isinstance(outcome.otherwise, Review)


@pytest.mark.parametrize(("status", "code"), [(404, ""), (400, ""), (400, "missing")])
def test_only_stripes_own_word_says_that_something_is_gone(
    status: int, code: str
) -> None:
    outcome = decide(facts(DELETE, unknown=True), no(status, code))

    assert isinstance(outcome, Reconcile)
    assert outcome.unknown
    assert isinstance(outcome.otherwise, Review)


@pytest.mark.parametrize(
    "answer",
    [no(402, "card_declined"), no(400, replayed=True), no(404, replayed=True)],
    ids=label,
)
def test_no_refusal_of_a_second_delete_tells_of_the_first(answer: TryResult) -> None:
    """An executed error proves something through its key, and a DELETE has none."""
    outcome = decide(facts(DELETE, unknown=True), answer)

    assert isinstance(outcome, Reconcile)
    assert outcome.unknown
    assert isinstance(outcome.otherwise, Review)


def test_a_delete_is_repeated_after_a_server_error_whatever_its_headers_say() -> None:
    outcome = decide(facts(DELETE, unknown=True), no(500, replayed=True))

    assert isinstance(outcome, Later)
    assert outcome.unknown


# --- quiet: no verdict of doubt while a request can still arrive


@pytest.mark.parametrize(
    "answer",
    [
        no(400, "token_already_used"),
        no(404, "resource_missing"),
        no(400, kind="idempotency_error"),
        no(500, replayed=True),
    ],
    ids=label,
)
def test_a_verdict_of_doubt_waits_until_nothing_can_arrive(answer: TryResult) -> None:
    outcome = decide(facts(CREATE, unknown=True, quiet_for=42.0), answer)

    assert isinstance(outcome, Later)
    assert outcome.unknown
    assert outcome.delay == 42.0
    assert (outcome.soon, outcome.counts) == (False, False)


@pytest.mark.parametrize("code", ["deadline_passed", "key_expired"])
def test_even_a_deadline_waits_until_nothing_can_arrive(code: str) -> None:
    outcome = out_of_time(facts(CREATE, unknown=True, quiet_for=42.0), code)

    assert isinstance(outcome, Later)
    assert (outcome.unknown, outcome.delay) == (True, 42.0)


def test_proof_needs_no_quiet() -> None:
    noisy = facts(CREATE, unknown=True, quiet_for=42.0)

    assert isinstance(decide(noisy, ok(CARD)), Succeed)
    assert isinstance(decide(noisy, no(402, "card_declined")), Fail)


# --- reads


@pytest.mark.parametrize(
    "result",
    [NotSent("x"), MaybeSent("x"), no(409), no(429), no(401), no(500), ok({})],
    ids=label,
)
def test_a_read_never_becomes_unknown(result: TryResult) -> None:
    outcome = decide(facts(GET), result)

    assert isinstance(outcome, Later)
    assert not outcome.unknown
