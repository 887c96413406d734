"""Laws of every look, whatever Stripe answers: tried with generated answers."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.looks import MOST_READS, case
from worker.answers import Answered
from worker.looking import Case, Read
from worker.outcomes import Fail, Later, Outcome, Review, Succeed
from worker.policy import of_read
from worker.reconcile import look

quick = settings(deadline=None, max_examples=300)
WAITING = Later(code="in_progress", unknown=True)

ids = st.sampled_from(("card_1", "src_1", "tok_1", "cus_1"))
leaves = (
    st.none()
    | st.booleans()
    | st.integers(0, 3000)
    | ids
    | st.sampled_from(
        ("resource_missing", "consumed", "verified", "verification_failed", "new", "F")
    )
    | st.text(max_size=5)
    | st.builds(list)
    | st.builds(dict)
)
objects: st.SearchStrategy[Any] = st.deferred(
    lambda: st.fixed_dictionaries(
        {},
        optional={
            "id": ids | leaves,
            "object": leaves,
            "status": leaves,
            "used": st.booleans() | leaves,
            "card": objects | leaves,
            "bank_account": objects | leaves,
            "fingerprint": leaves,
            "routing_number": leaves,
            "last4": leaves,
            "customer": leaves,
            "name": leaves,
            "metadata": leaves
            | st.dictionaries(
                st.sampled_from(("customer_sources_job", "a")),
                st.sampled_from(("job_1", "job_2")) | leaves,
            ),
        },
    )
)
pages = st.fixed_dictionaries(
    {"object": st.just("list"), "data": st.lists(objects | leaves, max_size=4)},
    optional={"has_more": st.booleans() | leaves},
)
errors = st.fixed_dictionaries(
    {"error": st.fixed_dictionaries({}, optional={"code": leaves, "param": leaves})}
)
answers = st.builds(
    Answered,
    status=st.sampled_from((200, 200, 200, 400, 402, 404)),
    body=objects | pages | errors | st.dictionaries(st.text(max_size=3), leaves),
)
bodies = st.sampled_from(
    (
        "",
        "source=tok_1&metadata[customer_sources_job]=job_1",
        "source=tok_1",
        "source=src_1",
        "name=Ada&metadata[a]=1",
        "metadata=",
        "owner[address][city]=X",
        "%ff=%00&&=&[]=1&metadata[=2",
    )
)
reviews = st.sampled_from(
    ("key_expired", "deadline_passed", "bank_account_exists", "token_already_used")
).map(lambda code: Review(code, {"code": code}))
doubts = st.builds(
    case,
    st.sampled_from(("create", "update", "delete", "verify")),
    bodies,
    source_id=st.sampled_from(("card_1", "src_1")),
    otherwise=reviews | st.just(WAITING),
)


def followed(
    doubt: Case, told: st.DataObject
) -> tuple[Outcome, list[tuple[Read, Answered]]]:
    """Follow a look; return what it decided, and what it was told."""
    story, heard = look(doubt), []
    answer: Any = None
    while len(heard) < MOST_READS:
        try:
            read = story.send(answer)
        except StopIteration as end:
            return end.value, heard
        answer = told.draw(
            answers.filter(lambda one, kind=read.kind: of_read(kind, one) is one)  # type: ignore[misc]
        )
        heard.append((read, answer))
    raise AssertionError("a look without end")


@quick
@given(doubts, st.data())
def test_a_look_asks_for_nothing_but_reads_and_comes_to_an_end(
    doubt: Case, data: st.DataObject
) -> None:
    outcome, heard = followed(doubt, data)

    assert all(isinstance(read, Read) for read, _ in heard)
    assert all(read.path.startswith("/v1/") for read, _ in heard)
    assert isinstance(outcome, Succeed | Fail | Review | Later)
    assert msgspec.json.encode(outcome)


@quick
@given(doubts, st.data())
def test_a_job_in_doubt_fails_only_on_what_a_read_has_shown(
    doubt: Case, data: st.DataObject
) -> None:
    outcome, heard = followed(doubt, data)
    if not isinstance(outcome, Fail):
        return

    read, answer = heard[-1]
    assert answer.status == 200
    if doubt.command.operation == "create":
        assert answer.body["used"] is False or answer.body["status"] != "consumed"
    else:
        assert isinstance(answer.body["id"], str)  # it is there, for all to see
        assert doubt.command.operation in {"delete", "verify"}
        assert read.path.startswith("/v1/customers/cus_1/sources/")


@quick
@given(doubts, st.data())
def test_nothing_is_called_undone_but_by_what_could_not_be_used_twice(
    doubt: Case, data: st.DataObject
) -> None:
    outcome, heard = followed(doubt, data)
    if not isinstance(outcome, Review) or not outcome.unapplied:
        return

    read, answer = heard[-1]
    assert read.path in {"/v1/tokens/tok_1", "/v1/sources/src_1"}
    assert answer.body.get("used") is False or not answer.body.get("customer")


@quick
@given(doubts, st.data())
def test_where_every_read_is_refused_nothing_is_proved(
    doubt: Case, data: st.DataObject
) -> None:
    story, refusal = look(doubt), Answered(status=400, body={"error": {}})
    answer: Any = None
    for _ in range(MOST_READS):
        try:
            story.send(answer)
        except StopIteration as end:
            outcome = end.value
            break
        answer = refusal
    assert isinstance(outcome, Review | Later)
    assert outcome.code == doubt.doubt.code
