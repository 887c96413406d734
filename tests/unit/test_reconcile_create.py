"""What proves a create: its mark, an unused token, at times a fingerprint."""

from __future__ import annotations

from typing import Any

import pytest

from tests.answers import no, ok
from tests.looks import EXPIRED, GONE, SOURCES, case, paths, settle
from worker.answers import Answered
from worker.outcomes import Fail, Later, Review, Succeed

LIST = f"{SOURCES}?limit=100"
ACCOUNTS = f"{LIST}&object=bank_account"
TOKEN = "/v1/tokens/tok_1"
MARKED = "source=tok_1&metadata[customer_sources_job]=job_1"
UNMARKED = "source=tok_1"
OURS = {"customer_sources_job": "job_1"}
ANOTHERS = {"customer_sources_job": "job_0"}
EXISTS = Fail("bank_account_exists", {"code": "bank_account_exists", "message": "M"})


def card(number: int, metadata: Any = None, fingerprint: str = "F") -> dict[str, Any]:
    return {
        "id": f"card_{number}",
        "object": "card",
        "metadata": {} if metadata is None else metadata,
        "fingerprint": fingerprint,
    }


def page(*sources: Any, more: bool = False) -> Answered:
    return ok({"object": "list", "data": list(sources), "has_more": more})


def token(*, used: bool, **changes: Any) -> Answered:
    details = {"fingerprint": "F", "last4": "4242"}
    return ok({"id": "tok_1", "used": used, "card": details, **changes})


# --- the mark


def test_a_source_with_our_mark_is_ours() -> None:
    reads = {LIST: page(card(2, ANOTHERS), card(1, OURS))}
    outcome = settle(case("create", MARKED), reads)

    assert outcome == Succeed(card(1, OURS), "reconciled")
    assert paths(case("create", MARKED), reads) == [LIST]


def test_every_page_is_looked_at_until_the_mark_is_found() -> None:
    second = f"{LIST}&starting_after=card_2"
    reads = {LIST: page(card(2), more=True), second: page(card(1, OURS), more=True)}

    assert isinstance(settle(case("create", MARKED), reads), Succeed)
    assert paths(case("create", MARKED), reads) == [LIST, second]


def test_a_list_without_end_is_left_after_a_thousand_sources() -> None:
    class Endless(dict[str, Answered]):
        def get(self, path: str, _: Any = None) -> Answered:
            like = [card(0)] if path == LIST else []  # the only one, as far as seen
            sources = [*like, *(card(number, ANOTHERS) for number in range(1, 101))]
            return page(*sources, more=True) if path != TOKEN else token(used=True)

    assert isinstance(settle(case("create", UNMARKED), Endless()), Review)
    assert len(paths(case("create", UNMARKED), Endless())) == 11


def test_a_cursor_that_vanishes_costs_a_new_start() -> None:
    second = f"{LIST}&starting_after=card_2"
    reads = {LIST: page(card(2), more=True), TOKEN: token(used=True)}
    asked = paths(case("create", MARKED), reads)

    assert asked == [*[LIST, second] * 3, TOKEN]
    assert isinstance(settle(case("create", MARKED), reads), Review)


@pytest.mark.parametrize("answer", [GONE, no(404), no(400)])
def test_a_customer_that_is_gone_is_for_a_person(answer: Answered) -> None:
    reads = {LIST: answer, TOKEN: token(used=False)}
    outcome = settle(case("create", MARKED), reads)

    assert isinstance(outcome, Review)
    assert not outcome.unapplied  # nobody could do it any more


# --- the token


@pytest.mark.parametrize("body", [MARKED, UNMARKED, "card=tok_1", "bank_account=tok_1"])
def test_a_token_that_was_never_used_proves_that_nothing_was_done(body: str) -> None:
    reads = {LIST: page(card(1)), TOKEN: token(used=False)}
    outcome = settle(case("create", body), reads)

    assert isinstance(outcome, Review)
    assert (outcome.code, outcome.error["code"]) == ("not_applied", "not_applied")
    assert outcome.unapplied
    assert "replay is safe" in outcome.error["message"]


def test_past_a_deadline_nothing_done_is_a_failure_and_no_question() -> None:
    late = Review("deadline_passed", {"code": "deadline_passed", "message": "late"})
    reads = {LIST: page(), TOKEN: token(used=False)}
    outcome = settle(case("create", MARKED, otherwise=late), reads)

    assert isinstance(outcome, Fail)
    assert (outcome.code, outcome.retryable) == ("deadline_passed", True)


def test_a_token_that_stripe_called_used_is_not_called_unused() -> None:
    used = Review("token_already_used", {"code": "token_already_used"})
    reads = {LIST: page(), TOKEN: token(used=False)}
    outcome = settle(case("create", MARKED, otherwise=used), reads)

    assert isinstance(outcome, Review)
    assert outcome.code == "token_already_used"
    assert not outcome.unapplied


@pytest.mark.parametrize(
    "answer",
    [
        GONE,
        no(400),
        ok({"id": "tok_another", "used": False}),
        ok({"id": "tok_1", "used": "false"}),
        ok({"id": "tok_1"}),
        ok({}),
    ],
)
def test_a_token_that_tells_nothing_proves_nothing(answer: Answered) -> None:
    outcome = settle(case("create", MARKED), {LIST: page(), TOKEN: answer})

    assert isinstance(outcome, Review)
    assert (outcome.code, outcome.unapplied) == ("key_expired", False)


@pytest.mark.parametrize("body", ["", "metadata[a]=b"])
def test_a_create_of_nothing_has_no_token_to_read(body: str) -> None:
    assert paths(case("create", body), {LIST: page()}) == [LIST]


# --- the fingerprint


def test_the_one_source_like_the_token_may_have_been_there_before() -> None:
    others = (card(2, fingerprint="G"), card(3, ANOTHERS), card(1, {"a": "b"}))
    reads = {LIST: page(*others), TOKEN: token(used=True)}
    outcome = settle(case("create", UNMARKED), reads)

    assert isinstance(outcome, Review)
    assert "card_1" in outcome.error["message"]
    assert "card_2" not in outcome.error["message"]


@pytest.mark.parametrize(
    ("body", "sources"),
    [
        (MARKED, [card(1), card(3, ANOTHERS)]),
        (UNMARKED, [card(1), card(2)]),
    ],
    ids=["a mark that is on none", "two that are like it"],
)
def test_what_merely_looks_like_ours_is_named_for_a_person(
    body: str, sources: list[Any]
) -> None:
    reads = {LIST: page(*sources), TOKEN: token(used=True)}
    outcome = settle(case("create", body), reads)

    assert isinstance(outcome, Review)
    assert outcome.error["message"].startswith("no answer; ")
    assert "card_1" in outcome.error["message"]
    assert "card_3" not in outcome.error["message"]


@pytest.mark.parametrize("answer", [token(used=True, card={}), token(used=True)])
def test_a_token_without_a_likeness_proves_nothing(answer: Answered) -> None:
    sources = page(card(1, fingerprint=""), card(2, fingerprint="G"))
    outcome = settle(case("create", UNMARKED), {LIST: sources, TOKEN: answer})

    assert isinstance(outcome, Review)


# --- a source that is attached


SRC = "source=src_1&metadata[customer_sources_job]=job_1"
THERE = {"id": "src_1", "object": "source", "status": "chargeable"}


def test_a_source_that_hangs_on_the_customer_is_attached() -> None:
    reads = {f"{SOURCES}/src_1": ok(THERE)}

    assert settle(case("create", SRC), reads) == Succeed(THERE, "reconciled")


def test_a_source_that_hangs_on_nobody_was_not_attached() -> None:
    outcome = settle(case("create", SRC), {"/v1/sources/src_1": ok(THERE)})

    assert isinstance(outcome, Review)
    assert outcome.unapplied


@pytest.mark.parametrize(
    "answer",
    [
        ok({**THERE, "customer": "cus_2"}),
        ok({**THERE, "status": "consumed"}),
        GONE,
        no(400),
    ],
)
def test_a_source_that_hangs_elsewhere_is_for_a_person(answer: Answered) -> None:
    outcome = settle(case("create", SRC), {"/v1/sources/src_1": answer})

    assert isinstance(outcome, Review)
    assert not outcome.unapplied


# --- a bank account that exists


def account(number: int, metadata: Any = None, **changes: Any) -> dict[str, Any]:
    made = card(number, metadata)
    numbers = {"routing_number": "110000000", "last4": "6789"}
    return {**made, "object": "bank_account", **numbers, **changes}


def bank_token(*, used: bool = False, **changes: Any) -> Answered:
    details = account(0, **changes)
    return ok({"id": "tok_1", "used": used, "bank_account": details})


def test_the_account_that_exists_may_be_our_own() -> None:
    reads = {ACCOUNTS: page(account(1, OURS))}
    for unknown in (False, True):
        doubt = case("create", MARKED, otherwise=EXISTS, unknown=unknown)
        assert settle(doubt, reads) == Succeed(account(1, OURS), "reconciled")


@pytest.mark.parametrize("fingerprint", ["F", ""])
def test_the_account_that_exists_is_named(fingerprint: str) -> None:
    """By fingerprint; where none is told, by routing number and last digits."""
    other = account(2, fingerprint="G", last4="1111")
    existing = account(1, fingerprint=fingerprint)
    reads = {
        ACCOUNTS: page(other, existing),
        TOKEN: bank_token(fingerprint=fingerprint),
    }
    doubt = case("create", MARKED, otherwise=EXISTS, unknown=False, certain=True)

    assert settle(doubt, reads) == Fail(
        "bank_account_exists", {**EXISTS.error, "existing": "card_1"}
    )


@pytest.mark.parametrize(("used", "kind"), [(False, Fail), (True, Review)])
def test_an_unused_token_proves_that_the_account_is_somebody_elses(
    kind: type, *, used: bool
) -> None:
    review = Review(EXISTS.code, EXISTS.error)
    reads = {ACCOUNTS: page(account(1)), TOKEN: bank_token(used=used)}
    outcome = settle(case("create", MARKED, otherwise=review), reads)

    assert isinstance(outcome, kind)
    assert outcome.code == "bank_account_exists"


def test_a_twin_that_cannot_be_told_is_not_named() -> None:
    doubt = case("create", MARKED, otherwise=EXISTS, unknown=False, certain=True)
    twins = {ACCOUNTS: page(account(1), account(2)), TOKEN: bank_token()}

    assert settle(doubt, twins) == EXISTS
    unread = settle(doubt, {ACCOUNTS: page(account(1))})
    assert isinstance(unread, Fail)
    assert "existing" not in unread.error


# --- a key that is in use


def test_a_create_in_progress_ends_by_its_mark_alone() -> None:
    waiting = Later(code="in_progress", unknown=True)
    doubt = case("create", MARKED, otherwise=waiting)
    unused = {LIST: page(card(1)), TOKEN: token(used=False)}

    assert settle(doubt, unused) == waiting
    assert isinstance(settle(doubt, {LIST: page(card(1, OURS))}), Succeed)


def test_the_ids_named_to_a_person_are_a_few() -> None:
    sources = page(*(card(number) for number in range(50)))
    outcome = settle(case("create", MARKED), {LIST: sources, TOKEN: token(used=True)})

    assert isinstance(outcome, Review)
    assert outcome.error["message"].endswith("card_9, 40 more")
    assert EXPIRED.error["message"] in outcome.error["message"]
