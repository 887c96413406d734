"""Looks at a Stripe that answers by table. No fixtures, no network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from customer_sources.contract.commands import Command
from tests.answers import no
from worker.answers import Answered
from worker.looking import Case, Read
from worker.outcomes import Fail, Later, Outcome, Reconcile, Review
from worker.reconcile import look

SOURCES = "/v1/customers/cus_1/sources"
GONE = no(404, "resource_missing", message="No such source: 'card_1'")
EXPIRED = Review("key_expired", {"code": "key_expired", "message": "no answer"})
MOST_READS = 100


def case(
    operation: str,
    body: str = "",
    *,
    source_id: str = "card_1",
    otherwise: Fail | Review | Later | None = None,
    unknown: bool = True,
    certain: bool = False,
    guesses: int = 0,
) -> Case:
    """A job of cus_1 of which it is not known what Stripe did."""
    command = Command(
        operation=operation,
        customer="cus_1",
        id="" if operation == "create" else source_id,
        path=SOURCES,
        body=body,
    )
    doubt = Reconcile(otherwise=otherwise or EXPIRED, unknown=unknown, certain=certain)
    return Case(command=command, unknown=unknown, doubt=doubt, guesses=guesses)


def settle(doubted: Case, answers: Mapping[str, Answered]) -> Outcome:
    """Let a look read these answers, by path; what is not there is a 404."""
    return _looked(doubted, answers)[0]


def paths(doubted: Case, answers: Mapping[str, Answered]) -> list[str]:
    """Name what a look reads."""
    return _looked(doubted, answers)[1]


def _looked(
    doubted: Case, answers: Mapping[str, Answered]
) -> tuple[Outcome, list[str]]:
    story, asked = look(doubted), []
    answer: Any = None
    while len(asked) < MOST_READS:
        try:
            read = story.send(answer)
        except StopIteration as end:
            return end.value, asked
        assert isinstance(read, Read)  # a path: nothing but a GET can come of it
        asked.append(read.path)
        answer = answers.get(read.path, GONE)
    raise AssertionError(f"a look without end: {asked[:5]}")
