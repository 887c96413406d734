"""What of a plan is so at Stripe already, and what it costs to see that."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest

from customer_sources.batches.rows import Row, row_id
from customer_sources.contract.names import MARKER
from tests.answers import CARD, WRONG_MODE, no, ok
from tests.batch_ends import BATCH, row
from tests.looks import GONE, SOURCES
from worker.answers import Answered
from worker.batches.already import (
    Customer,
    look_at_create,
    look_at_customer,
    look_at_source,
)
from worker.batches.standing import Checked, Cost, Latest, Seen, Standing
from worker.cli.batch_check import spelled_out
from worker.looking import Reading

FIRST = f"{SOURCES}?limit=100"
ELSEWHERE = no(404, "resource_missing", message=WRONG_MODE)
NOBODY = Answered(
    status=404,
    body={"error": {"code": "resource_missing", "param": "customer"}},
)
OURS = {**CARD, "metadata": {MARKER: row_id(BATCH, 1)}}
PRINTED = {**CARD, "fingerprint": "f1"}
MOST_READS = 20


def see(story: Reading[Any], answers: Mapping[str, Answered]) -> tuple[Any, list[str]]:
    """What a look comes to, and what it reads; what is not there is a 404."""
    asked: list[str] = []
    answer: Any = None
    while len(asked) < MOST_READS:
        try:
            read = story.send(answer)
        except StopIteration as end:
            return end.value, asked
        asked.append(read.path)
        answer = answers.get(read.path, GONE)
    raise AssertionError(f"a look without end: {asked[:5]}")


def on_card(operation: str, body: str = "") -> Row:
    return row(1, operation, id="card_1", body=body)


def page(*sources: Mapping[str, Any], more: bool = False) -> Answered:
    return ok({"object": "list", "data": list(sources), "has_more": more})


def token(*, used: bool) -> Answered:
    card = {"fingerprint": "f1"}
    return ok({"id": "tok_1", "object": "token", "used": used, "card": card})


@pytest.mark.parametrize(
    ("asked", "answer", "seen"),
    [
        (on_card("delete"), GONE, (Standing.ALREADY, "it is not there")),
        (on_card("delete"), ok(CARD), (Standing.NOT_YET, "it is there still")),
        (on_card("delete"), NOBODY, (Standing.NOBODY, "there is no such customer")),
        (
            on_card("update", "name=Ada"),
            ok({**CARD, "name": "Ada"}),
            (Standing.ALREADY, "it is as asked"),
        ),
        (
            on_card("update", "name=Ada&metadata[a]=1"),
            ok(CARD),
            (Standing.NOT_YET, "it differs in name, metadata[a]"),
        ),
        (on_card("update", "name=A"), GONE, (Standing.GONE, "it is not there")),
        (
            on_card("verify"),
            ok({**CARD, "status": "verified"}),
            (Standing.ALREADY, "it is as asked"),
        ),
        (
            on_card("verify"),
            ok({**CARD, "status": "new"}),
            (Standing.NOT_YET, "the account is new"),
        ),
    ],
)
def test_a_source_is_held_against_what_its_row_asks(
    asked: Row, answer: Answered, seen: tuple[Standing, str]
) -> None:
    path = f"{SOURCES}/card_1"

    assert see(look_at_source(BATCH, asked), {path: answer}) == (seen, [path])


@pytest.mark.parametrize("answer", [ELSEWHERE, no(400, "odd")])
@pytest.mark.parametrize("operation", ["update", "verify", "delete"])
def test_an_answer_that_tells_nothing_is_not_taken_for_one(
    operation: str, answer: Answered
) -> None:
    path = f"{SOURCES}/card_1"

    seen, _ = see(look_at_source(BATCH, on_card(operation)), {path: answer})

    assert seen.standing is Standing.UNREAD


def test_all_sources_of_a_customer_are_read_and_little_of_each_is_kept() -> None:
    second = f"{FIRST}&starting_after=card_1"
    answers = {FIRST: page(OURS, more=True), second: page({"id": "card_2"})}

    customer, asked = see(look_at_customer("cus_1"), answers)

    assert asked == [FIRST, second]
    assert [one["id"] for one in customer.sources] == ["card_1", "card_2"]
    assert {*customer.sources[0]} == {"id", "fingerprint", "metadata"}


def test_a_list_that_loses_its_cursor_is_begun_anew_a_few_times() -> None:
    customer, asked = see(look_at_customer("cus_1"), {FIRST: page(CARD, more=True)})

    assert customer.trouble.standing is Standing.UNREAD
    assert asked.count(FIRST) == 3


@pytest.mark.parametrize(
    ("answer", "standing"),
    [
        (GONE, Standing.NOBODY),
        (ok({"id": "cus_1", "deleted": True}), Standing.NOBODY),
        (ELSEWHERE, Standing.UNREAD),
        (no(400, "odd"), Standing.UNREAD),
    ],
)
def test_of_a_customer_that_is_not_there_nothing_else_is_read(
    answer: Answered, standing: Standing
) -> None:
    customer, _ = see(look_at_customer("cus_1"), {FIRST: answer})

    asked = row(1, body="source=tok_1")
    seen, more = see(look_at_create(BATCH, asked, customer, live=True), {})

    assert (seen.standing, more) == (standing, [])


HUNG = {"id": "src_1", "status": "chargeable"}


@pytest.mark.parametrize(
    ("body", "sources", "answer", "standing", "says"),
    [
        ("source=tok_1", [OURS], None, Standing.ALREADY, "card_1 bears this row's"),
        ("source=tok_1", [CARD], token(used=False), Standing.NOT_YET, "not been used"),
        ("source=tok_1", [PRINTED], token(used=False), Standing.NOT_YET, "card_1"),
        ("source=tok_1", [CARD], token(used=True), Standing.GONE, "has been used"),
        ("source=tok_1", [PRINTED], token(used=True), Standing.ALREADY, "card_1"),
        ("source=tok_1", [], GONE, Standing.GONE, "no such token"),
        ("source=tok_1", [], ELSEWHERE, Standing.UNREAD, "other mode"),
        ("source=tok_1", [], no(400, "odd"), Standing.UNREAD, "odd"),
        ("source=src_1", [{"id": "src_1"}], None, Standing.ALREADY, "it hangs"),
        ("source=src_1", [], ok(HUNG), Standing.NOT_YET, "hangs on nobody"),
        (
            "source=src_1",
            [],
            ok({**HUNG, "customer": "cus_1"}),
            Standing.ALREADY,
            "hangs on the customer",
        ),
        ("source=src_1", [], ok({**HUNG, "customer": "x"}), Standing.GONE, "another"),
        ("source=src_1", [], ok({**HUNG, "status": "consumed"}), Standing.GONE, "cons"),
        ("source=src_1", [], ok({**HUNG, "status": "failed"}), Standing.GONE, "failed"),
        ("source=src_1", [], GONE, Standing.GONE, "no such source"),
        ("", [CARD], None, Standing.NOT_YET, "no source bears its mark"),
    ],
)
def test_a_create_is_held_against_the_customers_sources_and_its_token(
    body: str,
    sources: list[dict[str, Any]],
    answer: Answered | None,
    standing: Standing,
    says: str,
) -> None:
    customer, _ = see(look_at_customer("cus_1"), {FIRST: page(*sources)})
    answers = {"/v1/tokens/tok_1": answer, "/v1/sources/src_1": answer}
    told = {path: one for path, one in answers.items() if one is not None}

    story = look_at_create(BATCH, row(1, body=body), customer, live=True)
    seen, asked = see(story, told)

    assert seen.standing is standing
    assert says in seen.says
    assert len(asked) == (0 if answer is None else 1)


def test_a_test_token_of_which_stripe_does_not_tell_is_nothing_missing() -> None:
    asked = row(1, body="source=tok_visa")

    seen, _ = see(look_at_create(BATCH, asked, Customer(), live=False), {})

    assert seen.standing is Standing.NOT_YET


def test_the_cost_counts_a_customers_list_once() -> None:
    cost = Cost()
    for one in (
        row(1, body="source=tok_1"),
        row(2, body="source=tok_2"),
        row(3, customer="cus_2"),
        on_card("update"),
        on_card("delete"),
    ):
        cost.add(one)

    assert (cost.sources, cost.tokens, cost.lists) == (2, 2, 2)
    assert cost.reads == 6


def test_so_many_customers_are_held_and_the_rest_are_read_once_more() -> None:
    held: Latest[str] = Latest(2)
    made = []

    for number, customer in enumerate("abacabb"):
        made.append(held.of(customer, partial(str, number)))

    assert made == ["0", "1", "0", "3", "0", "5", "5"]


def test_each_row_is_counted_where_it_stands_and_written_down() -> None:
    checked = Checked()

    lines = [
        checked.add(row(number), 10 * number, Seen(standing, "so"))
        for number, standing in enumerate([*Standing, Standing.ALREADY], 1)
    ]

    assert checked.rows == 6
    assert (checked.already_so, checked.not_yet_so, checked.unread) == (2, 1, 1)
    assert (checked.source_missing, checked.customer_missing) == (1, 1)
    assert json.loads(lines[0]) == {
        "line": 10,
        "row": 1,
        "operation": "create",
        "customer": "cus_1",
        "source": "",
        "standing": "already_so",
        "says": "so",
    }


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("f.csv --check", "f.csv --check=100%"),
        ("--check f.csv -o p", "--check=100% f.csv -o p"),
        ("--check -o p", "--check=100% -o p"),
        ("--check 500 f.csv", "--check 500 f.csv"),
        ("--check 0.01 f.csv", "--check 0.01 f.csv"),
        ("f.csv --check 5%", "f.csv --check 5%"),
        ("--check=7 f.csv", "--check=7 f.csv"),
        ("--check 2024.csv", "--check=100% 2024.csv"),
        ("f.csv", "f.csv"),
    ],
)
def test_a_check_without_a_number_is_of_all_rows(words: str, meant: str) -> None:
    assert list(spelled_out(words.split())) == meant.split()
