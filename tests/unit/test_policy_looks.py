"""When the policy wants Stripe to be read before a verdict, and when that may wait."""

from __future__ import annotations

import msgspec
import pytest

from tests.answers import CREATE, facts, label, no, ok
from worker.answers import Answered
from worker.outcomes import Fail, Later, Reconcile, Review
from worker.policy import decide, unread

# --- what takes too long


@pytest.mark.parametrize(
    ("age", "looks"), [(0.0, False), (299.0, False), (301.0, True)]
)
def test_a_key_that_is_in_use_for_minutes_is_looked_into(
    age: float, *, looks: bool
) -> None:
    job = msgspec.structs.replace(facts(CREATE, unknown=True), doubt_age=age)
    outcome = decide(job, no(409, "idempotency_key_in_use"))

    waiting = outcome.otherwise if isinstance(outcome, Reconcile) else outcome
    assert isinstance(outcome, Reconcile) is looks
    assert isinstance(waiting, Later)
    assert (waiting.code, waiting.unknown) == ("in_progress", True)


def test_a_key_that_is_in_use_while_requests_can_arrive_is_waited_for() -> None:
    noisy = facts(CREATE, unknown=True, quiet_for=42.0)
    job = msgspec.structs.replace(noisy, doubt_age=1000.0)

    assert isinstance(decide(job, no(409)), Later)


# --- verify


def test_a_verify_that_did_not_verify_is_looked_into() -> None:
    account = {"id": "ba_1", "object": "bank_account", "status": "new"}
    outcome = decide(facts("verify"), ok(account))

    assert isinstance(outcome, Reconcile)
    assert outcome.unknown
    assert outcome.code == "not_verified"


@pytest.mark.parametrize("code", ["bank_account_verification_failed", ""])
def test_a_wrong_guess_has_failed_whatever_the_reads_say(code: str) -> None:
    noisy = facts("verify", unknown=True, quiet_for=42.0)
    for job in (facts("verify"), facts("verify", unknown=True), noisy):
        outcome = decide(job, no(402, code))

        assert isinstance(outcome, Reconcile)
        assert outcome.certain
        assert isinstance(outcome.otherwise, Fail)
        assert not outcome.unknown


@pytest.mark.parametrize(
    "answer",
    [
        no(400, "payment_method_bank_account_already_verified"),
        no(400, message="This bank account has already been verified."),
    ],
    ids=label,
)
def test_an_account_that_is_said_to_be_verified_is_looked_at(answer: Answered) -> None:
    outcome = decide(facts("verify"), answer)
    doubted = decide(facts("verify", unknown=True), answer)

    assert isinstance(outcome, Reconcile)
    assert isinstance(outcome.otherwise, Fail)
    assert isinstance(doubted, Reconcile)
    assert isinstance(doubted.otherwise, Review)


# --- a look that has to wait


DOUBT = Reconcile(otherwise=Review("key_expired", {}), unknown=True)
UNREAD = Later(code="key_refused", unknown=False, counts=False, delay=60.0)


def test_a_doubt_that_cannot_be_looked_into_waits_and_stays_a_doubt() -> None:
    outcome = unread(facts(CREATE, unknown=True), DOUBT, UNREAD)

    assert outcome == Later(code="key_refused", unknown=True, counts=False, delay=60.0)


def test_a_failure_that_is_certain_waits_for_no_read() -> None:
    failed = Fail("bank_account_exists", {})
    doubt = Reconcile(otherwise=failed, unknown=False, certain=True)

    assert unread(facts(CREATE), doubt, UNREAD) is failed


def test_a_week_without_a_readable_stripe_ends_the_job() -> None:
    job = msgspec.structs.replace(facts(CREATE, unknown=True), doubt_age=8 * 86_400)

    assert unread(job, DOUBT, UNREAD) is DOUBT.otherwise
