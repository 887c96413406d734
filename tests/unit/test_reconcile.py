"""What the reads prove: the looks at Stripe of update, delete and verify, and the law.

Those of create are in `test_reconcile_create.py`.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.answers import CARD, WRONG_MODE, no, ok
from tests.looks import GONE, SOURCES, case, paths, settle
from worker.outcomes import Fail, Later, Reconcile, Review, Succeed

HERE = f"{SOURCES}/card_1"
ACCOUNT = {"id": "ba_1", "object": "bank_account", "customer": "cus_1"}
REFUSED = Fail("http_400", {"code": "http_400", "message": "No."})
MISMATCH = Fail(
    "bank_account_verification_failed",
    {"code": "bank_account_verification_failed", "message": "Stripe's own words."},
)
ALREADY = Fail(
    "http_400",
    {"code": "http_400", "message": "This bank account has already been verified."},
)
WAITING = Later(code="in_progress", unknown=True)


# --- update


@pytest.mark.parametrize(
    ("body", "source"),
    [
        ("name=Ada", {"name": "Ada"}),
        ("name=Ada%20L&expand[]=customer", {"name": "Ada L"}),
        ("exp_month=7&exp_year=2034", {"exp_month": 7, "exp_year": 2034}),
        ("exp_month=07", {"exp_month": 7}),
        ("name=", {"name": None}),
        ("name=", {"name": ""}),
        ("name=", {}),
        ("metadata[a]=1&metadata[b]=", {"metadata": {"a": "1", "c": "3"}}),
        ("metadata=", {"metadata": {}}),
        (
            "owner[email]=a%40b.c&owner[address][city]=X",
            {"owner": {"email": "a@b.c", "address": {"city": "X", "line1": None}}},
        ),
        ("", {}),
    ],
    ids=str,
)
def test_a_source_that_has_every_field_as_asked_is_updated(
    body: str, source: dict[str, Any]
) -> None:
    outcome = settle(case("update", body), {HERE: ok({**CARD, **source})})

    assert isinstance(outcome, Succeed)
    assert outcome.code == "reconciled"


@pytest.mark.parametrize(
    ("body", "source", "names"),
    [
        ("name=Ada", {"name": "Grace"}, "name"),
        ("name=Ada", {}, "name"),
        ("name=", {"name": "Grace"}, "name"),
        ("exp_month=7&name=Ada", {"exp_month": 8, "name": "Ada"}, "exp_month"),
        ("exp_month=x", {"exp_month": 8}, "exp_month"),
        ("metadata[a]=s3cr3t", {"metadata": {"a": "2"}}, "metadata[a]"),
        ("metadata[a]=s3cr3t", {"metadata": None}, "metadata[a]"),
        ("metadata=", {"metadata": {"a": "2"}}, "metadata"),
        ("owner[address][city]=X", {"owner": None}, "owner[address][city]"),
        ("name=1", {"name": True}, "name"),
        ("exp_month=", {"exp_month": 0}, "exp_month"),
    ],
    ids=str,
)
def test_a_source_that_differs_is_for_a_person_who_is_told_where(
    body: str, source: dict[str, Any], names: str
) -> None:
    outcome = settle(case("update", body), {HERE: ok({**CARD, **source})})

    assert isinstance(outcome, Review)
    assert outcome.code == "key_expired"
    assert outcome.error["message"].endswith(f"; the source differs in {names}")
    assert "s3cr3t" not in str(outcome)


@pytest.mark.parametrize("answer", [GONE, no(400), no(404)])
def test_an_update_of_what_cannot_be_read_is_for_a_person(answer: Any) -> None:
    assert isinstance(settle(case("update", "name=A"), {HERE: answer}), Review)


# --- delete


def test_what_is_gone_is_deleted() -> None:
    outcome = settle(case("delete"), {HERE: GONE})

    gone = {"id": "card_1", "deleted": True}
    assert outcome == Succeed(gone, "already_absent_after_unknown")


@pytest.mark.parametrize("code", ["deadline_passed", "http_400"])
def test_what_is_there_was_not_deleted(code: str) -> None:
    review = Review(code, {"code": code, "message": "M"})
    outcome = settle(case("delete", otherwise=review), {HERE: ok(CARD)})

    assert isinstance(outcome, Fail)
    assert outcome.code == code
    assert outcome.retryable is (code == "deadline_passed")


@pytest.mark.parametrize("answer", [no(404), no(404, message=WRONG_MODE), no(400)])
def test_a_delete_of_what_cannot_be_told_is_for_a_person(answer: Any) -> None:
    assert isinstance(settle(case("delete"), {HERE: answer}), Review)


def test_a_source_that_is_consumed_was_detached() -> None:
    source = {"id": "src_1", "object": "source", "status": "consumed"}
    reads = {"/v1/sources/src_1": ok({**source, "customer": "cus_1"})}
    doubted = settle(case("delete", source_id="src_1"), reads)
    refused = case("delete", source_id="src_1", otherwise=REFUSED, unknown=False)

    assert isinstance(doubted, Succeed)
    assert doubted.code == "already_absent_after_unknown"
    told = settle(refused, reads)
    assert isinstance(told, Succeed)
    assert told.code == "already_absent"


@pytest.mark.parametrize(
    "answer",
    [
        ok({"id": "src_1", "status": "consumed", "customer": "cus_2"}),
        ok({"id": "src_1", "status": "chargeable"}),
        GONE,
    ],
)
def test_a_source_that_was_never_ours_was_not_detached(answer: Any) -> None:
    refused = case("delete", source_id="src_1", otherwise=REFUSED, unknown=False)

    assert settle(refused, {"/v1/sources/src_1": answer}) == REFUSED


# --- verify


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        ("verified", Succeed, "reconciled"),
        ("verification_failed", Fail, "verification_failed"),
        ("errored", Fail, "verification_failed"),
        ("new", Review, "key_expired"),
        ("validated", Review, "key_expired"),
        (None, Review, "key_expired"),
    ],
)
def test_an_unanswered_verify_is_told_by_the_account(
    status: str | None, kind: type, code: str
) -> None:
    outcome = verify(status)

    assert isinstance(outcome, kind)
    assert outcome.code == code


@pytest.mark.parametrize("status", ["new", "verification_failed", "errored"])
def test_a_200_that_did_not_verify_is_for_a_person(status: str) -> None:
    outcome = verify(status, Review("not_verified", {"message": "M"}))

    assert isinstance(outcome, Review)
    assert outcome.code == "not_verified"
    assert isinstance(verify("verified", outcome), Succeed)


@pytest.mark.parametrize("status", ["new", "verification_failed", "errored"])
def test_an_account_that_is_not_verified_after_all_was_refused(status: str) -> None:
    outcome = verify(status, ALREADY, unknown=False)

    assert isinstance(outcome, Fail)
    assert outcome.code == "http_400"


def test_an_account_that_is_verified_already_is_as_asked() -> None:
    outcome = verify("verified", ALREADY, unknown=False)

    assert isinstance(outcome, Succeed)
    assert outcome.code == "already_verified"


@pytest.mark.parametrize("status", ["new", "verified", None])
def test_a_wrong_guess_stays_a_wrong_guess(status: str | None) -> None:
    assert verify(status, MISMATCH, unknown=False, certain=True) == MISMATCH


LOCKED = pytest.mark.parametrize("status", ["verification_failed", "errored"])
COUNTED = pytest.mark.parametrize(
    ("guesses", "code"),
    [
        (1, "verification_failed"),
        (2, "verification_failed"),
        (3, "verification_attempts_exhausted"),
    ],
)


@LOCKED
@COUNTED
def test_the_last_wrong_guess_says_so_in_stripes_words(
    status: str, guesses: int, code: str
) -> None:
    """The account's state is that of a bounced deposit too: only counting tells."""
    outcome = verify(status, MISMATCH, unknown=False, certain=True, guesses=guesses)

    assert isinstance(outcome, Fail)
    assert outcome.code == code
    assert outcome.error["message"] == "Stripe's own words."


@LOCKED
@COUNTED
def test_a_lock_that_is_found_past_the_horizon_is_told_as_what_was_read(
    status: str, guesses: int, code: str
) -> None:
    """No answer came, so the words are about the account, and not about the doubt."""
    outcome = verify(status, guesses=guesses)

    assert isinstance(outcome, Fail)
    assert (outcome.code, outcome.error["code"]) == (code, code)
    told = f"no answer was read; the account's status is {status}"
    assert outcome.error["message"] == told


def verify(status: str | None, otherwise: Any = None, **known: Any) -> Any:
    """Settle a doubt about a verify by the status of its account."""
    doubt = case("verify", source_id="ba_1", otherwise=otherwise, **known)
    answer = GONE if status is None else ok({**ACCOUNT, "status": status})
    return settle(doubt, {f"{SOURCES}/ba_1": answer})


# --- a request that may be in progress still


@pytest.mark.parametrize(
    ("operation", "source", "kind"),
    [
        ("update", {"name": "Ada"}, Succeed),
        ("update", {"name": "Grace"}, Later),
        ("verify", {"status": "verified"}, Succeed),
        ("verify", {"status": "new"}, Later),
        ("verify", {"status": "verification_failed"}, Later),
        ("verify", {"status": "errored"}, Later),
    ],
)
def test_a_key_in_use_ends_by_proof_of_success_alone(
    operation: str, source: dict[str, Any], kind: type
) -> None:
    waiting = case(operation, "name=Ada", otherwise=WAITING)
    outcome = settle(waiting, {HERE: ok({**CARD, **source})})

    assert isinstance(outcome, kind)
    assert isinstance(outcome, Succeed) or outcome == WAITING


def test_one_read_settles_it() -> None:
    for operation in ("update", "delete", "verify"):
        assert paths(case(operation), {HERE: GONE}) == [HERE]


def test_a_doubt_bears_the_code_of_what_stands_otherwise() -> None:
    assert Reconcile(otherwise=WAITING, unknown=True).code == "in_progress"
