"""The table of outcomes, row by row, for a job whose earlier requests are all answered.

It goes on in `test_policy_refusals.py`; what changes once an earlier request has no
answer is in `test_policy_unknown.py`.
"""

from __future__ import annotations

import msgspec
import pytest

from tests.answers import (
    CARD,
    CHANGES,
    CREATE,
    DELETE,
    DELETED,
    DETACHED,
    GET,
    facts,
    no,
    ok,
)
from worker.answers import Answered, MaybeSent, NotSent
from worker.outcomes import Later, Review, Succeed
from worker.policy import KEY_REFUSED_SECONDS, decide

OPERATIONS = (CREATE, GET, DELETE)


# --- not sent, maybe sent


@pytest.mark.parametrize("operation", OPERATIONS)
def test_what_was_not_sent_is_tried_again_and_leaves_nothing_unknown(
    operation: str,
) -> None:
    outcome = decide(facts(operation), NotSent("connect_refused"))

    assert outcome == Later(code="connect_refused", unknown=False, soon=True)


@pytest.mark.parametrize("operation", CHANGES)
def test_a_change_that_may_have_been_sent_is_unknown(operation: str) -> None:
    outcome = decide(facts(operation), MaybeSent("read_timeout"))

    assert outcome == Later(code="read_timeout", unknown=True, soon=True)


def test_a_read_that_may_have_been_sent_is_simply_read_again() -> None:
    outcome = decide(facts(GET), MaybeSent("read_timeout"))

    assert outcome == Later(code="read_timeout", unknown=False, soon=True)


@pytest.mark.parametrize("status", [300, 302, 307, 399])
@pytest.mark.parametrize("operation", CHANGES)
def test_a_redirect_says_nothing_of_what_became_of_a_change(
    operation: str, status: int
) -> None:
    outcome = decide(facts(operation), Answered(status=status, body={}))

    assert isinstance(outcome, Later)
    assert outcome.unknown


# --- success


def test_a_source_that_was_created_is_told() -> None:
    assert decide(facts(CREATE), ok(CARD)) == Succeed(CARD)


def test_a_source_that_was_read_is_told() -> None:
    assert decide(facts(GET), ok(CARD)) == Succeed(CARD)


def test_a_card_that_was_deleted_is_a_success() -> None:
    assert decide(facts(DELETE), ok(DELETED)) == Succeed(DELETED)


def test_a_source_that_was_detached_says_consumed_instead_of_deleted() -> None:
    outcome = decide(facts(DELETE), ok(DETACHED))

    assert isinstance(outcome, Succeed)
    assert outcome.stripe_object["status"] == "consumed"


def test_a_success_that_is_a_saved_result_says_so() -> None:
    assert decide(facts(CREATE), ok(CARD, replayed=True)) == Succeed(CARD, "replayed")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"id": 1},
        {"id": None, "object": "card"},
        {"error": {"code": "card_declined"}},
        {"object": "list", "data": []},
    ],
)
@pytest.mark.parametrize("operation", CHANGES)
def test_a_success_without_an_object_is_not_believed(
    operation: str, body: dict[str, object]
) -> None:
    outcome = decide(facts(operation), ok(body))

    assert outcome == Later(code="odd_success", unknown=True, soon=True)


@pytest.mark.parametrize(
    "body",
    [
        CARD,
        {**CARD, "deleted": "true"},
        {**CARD, "deleted": 1},
        {**CARD, "status": "consumed"},
        {**DETACHED, "status": "chargeable"},
    ],
)
def test_a_delete_whose_answer_does_not_show_it_gone_is_not_believed(
    body: dict[str, object],
) -> None:
    outcome = decide(facts(DELETE), ok(body))

    assert outcome == Later(code="odd_success", unknown=True, soon=True)


def test_an_odd_answer_to_a_read_is_asked_for_again_without_doubt() -> None:
    outcome = decide(facts(GET), ok({}))

    assert outcome == Later(code="odd_success", unknown=False, soon=True)


# --- limits and keys


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("rate_limit", "rate_limited"),
        ("", "rate_limited"),
        ("lock_timeout", "lock_timeout"),
    ],
)
def test_a_429_is_no_run_and_is_tried_again(
    operation: str, code: str, told: str
) -> None:
    outcome = decide(facts(operation), no(429, code))

    assert outcome == Later(code=told, unknown=False, soon=True, counts=False)


@pytest.mark.parametrize(("asked", "waited"), [(0.0, 0.0), (7.5, 7.5), (86400.0, 60.0)])
def test_retry_after_is_honoured_up_to_a_minute(asked: float, waited: float) -> None:
    outcome = decide(facts(CREATE), no(429, "rate_limit", retry_after=asked))

    assert isinstance(outcome, Later)
    assert outcome.delay == waited


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(
    ("status", "code"),
    [(401, ""), (401, "api_key_expired"), (403, "account_invalid"), (403, "")],
)
def test_a_refused_key_spends_nothing_and_is_looked_at_again_in_line(
    operation: str, status: int, code: str
) -> None:
    outcome = decide(facts(operation), no(status, code))

    assert isinstance(outcome, Later)
    assert (outcome.code, outcome.unknown) == ("key_refused", False)
    assert (outcome.soon, outcome.counts) == (False, False)
    assert (outcome.delay, outcome.exact) == (KEY_REFUSED_SECONDS, True)
    assert not outcome.spent


# --- 409 and idempotency errors


def test_a_create_in_progress_is_repeated_and_was_sent_by_somebody() -> None:
    outcome = decide(facts(CREATE), no(409, "idempotency_key_in_use"))

    assert isinstance(outcome, Later)
    assert outcome.unknown
    assert outcome.soon


def test_a_conflict_on_a_delete_answers_that_delete() -> None:
    """A DELETE has no key, so its 409 is about itself and leaves nothing unanswered.

    Were it unknown from here on, a 404 would be told as our deletion.
    """
    outcome = decide(facts(DELETE), no(409, "resource_busy"))

    assert isinstance(outcome, Later)
    assert not outcome.unknown


def test_a_conflict_on_a_read_leaves_nothing_unknown() -> None:
    outcome = decide(facts(GET), no(409))

    assert isinstance(outcome, Later)
    assert not outcome.unknown


def test_a_key_that_was_used_with_other_parameters_is_for_a_person() -> None:
    outcome = decide(facts(CREATE), no(400, kind="idempotency_error"))

    assert isinstance(outcome, Review)
    assert outcome.code == "idempotency_error"
    assert outcome.error["request_id"] == "req_1"


def test_the_body_that_a_key_was_not_first_used_with_is_evidence() -> None:
    job = msgspec.structs.replace(facts(CREATE), body_digest="0123456789abcdef")
    outcome = decide(job, no(400, kind="idempotency_error"))

    assert isinstance(outcome, Review)
    assert outcome.error["body_sha256"] == "0123456789abcdef"
