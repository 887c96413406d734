"""Guesses at a bank account's amounts: what tells a pair, and what becomes of one."""

from __future__ import annotations

import pytest

from customer_sources.contract.commands import Command
from worker.attempts import became_of, guess_of, marked, refused_guess, told
from worker.guesses import NO_GUESS, Became
from worker.outcomes import (
    Cancel,
    Fail,
    Later,
    Outcome,
    Postpone,
    Reconcile,
    Review,
    Succeed,
)
from worker.replies import NO_GUESS_LEFT, Word

MISMATCH = Fail("bank_account_verification_failed", {})
EXHAUSTED = Fail("verification_attempts_exhausted", {})
SECRET = "sk_test_sandbox"


def command(body: str = "", operation: str = "verify", **said: object) -> Command:
    return Command(
        operation=operation,
        account=str(said.pop("account", "default")),
        customer=str(said.pop("customer", "cus_1")),
        id=str(said.pop("id", "ba_1")),
        path="/v1/customers/cus_1/sources/ba_1/verify",
        body=body,
        **said,  # type: ignore[arg-type]
    )


def amounts(*cents: int) -> str:
    return "&".join(f"amounts%5B{n}%5D={cent}" for n, cent in enumerate(cents))


def mark(*cents: int, secret: str = SECRET, **said: object) -> str:
    one = command(amounts(*cents), **said)
    return marked(guess_of(one), one, secret).mark


def test_only_a_verify_guesses() -> None:
    assert guess_of(command(operation="delete")) == NO_GUESS
    assert guess_of(command()).target == "default:cus_1/ba_1"


def test_the_last_of_three_is_kept_for_who_asks_for_it() -> None:
    assert guess_of(command()).limit == 2
    assert guess_of(command(use_reserve=True)).limit == 3


def test_a_pair_is_told_from_others_and_its_order_by_the_last_letter() -> None:
    pairs = {mark(a, b)[:-1] for a in range(1, 100) for b in range(a, 100)}
    assert len(pairs) == 4950
    assert mark(45, 32)[:-1] == mark(32, 45)[:-1]
    assert mark(45, 32) != mark(32, 45)


def test_a_mark_is_of_one_account_and_one_secret() -> None:
    base = mark(32, 45)
    assert base != mark(32, 45, secret="sk_test_other")
    assert base != mark(32, 45, id="ba_2")
    assert base != mark(32, 45, customer="cus_2")
    assert base != mark(32, 45, account="acme")


def test_a_mark_tells_no_amount() -> None:
    assert len(mark(32, 45)) == 17
    assert int(mark(32, 45), 16) >= 0


def test_without_amounts_there_is_no_mark() -> None:
    assert mark() == ""
    other = command(amounts(1, 2), operation="update")
    assert marked(guess_of(other), other, SECRET) == NO_GUESS


@pytest.mark.parametrize(
    ("outcome", "became"),
    [
        (Succeed({}), Became.VERIFIED),
        (Succeed({}, "already_verified"), Became.VERIFIED),
        (MISMATCH, Became.MISSED),
        (Fail("http_402", {}), Became.MISSED),
        (Fail("of_tomorrow", {}, executed=True), Became.MISSED),
        (Fail("payment_method_microdeposit_failed", {}, executed=True), Became.OVER),
        (EXHAUSTED, Became.OVER),
        (Fail("verification_failed", {}), Became.OVER),
        (Fail("payment_method_bank_account_blocked", {}), Became.OVER),
        (Fail("resource_missing", {}), Became.FREE),
        (Fail("deadline_passed", {}), Became.FREE),
        (Cancel(), Became.FREE),
        (Review("not_verified", {}), Became.OPEN),
        (Later(code="http_500", unknown=True), Became.OPEN),
        (Postpone(1), Became.OPEN),
    ],
)
def test_what_becomes_of_a_guess(outcome: Outcome, became: Became) -> None:
    assert became_of(outcome) is became


@pytest.mark.parametrize(
    ("before", "outcome", "made", "counts"),
    [
        (0, MISMATCH, True, (1, 2)),
        (1, MISMATCH, True, (2, 1)),
        (2, EXHAUSTED, True, (3, 0)),
        (0, Fail("verification_failed", {}), True, (1, 0)),
        (1, Succeed({}), True, (1, 2)),
        (1, Review("key_expired", {}), True, (2, 1)),
        (1, Fail("resource_missing", {}), True, (1, 2)),
        (2, Fail("verification_attempts_reserved", {}), False, (2, 1)),
        (3, EXHAUSTED, False, (3, 0)),
        (1, EXHAUSTED, False, (1, 0)),
    ],
)
def test_an_event_counts_what_is_used_and_left(
    before: int, outcome: Outcome, *, made: bool, counts: tuple[int, int]
) -> None:
    used, left = counts
    assert told(before, outcome, made=made) == {"used": used, "left": left}


@pytest.mark.parametrize("word", sorted(NO_GUESS_LEFT))
def test_a_refused_guess_fails_unless_it_may_have_been_sent_before(word: Word) -> None:
    refused = refused_guess(word, unknown=False)
    assert isinstance(refused, Fail)
    assert not refused.retryable

    doubted = refused_guess(word, unknown=True)
    assert isinstance(doubted, Reconcile)
    assert isinstance(doubted.otherwise, Review)
