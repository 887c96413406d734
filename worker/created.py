"""Did this create happen? The story of reading that from Stripe. Pure.

Evidence is our mark on a source, and that the token was never used. A fingerprint is
none: a card bears no date, so one that merely looks like ours may have been there
before. It is told to the person who has to decide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from customer_sources.contract.encoding import path_segment
from worker.evidence import (
    Token,
    alike,
    given_in,
    mark_on,
    marker_of,
    named,
    token_in,
    twin_of,
)
from worker.looking import (
    MOST_RESTARTS,
    MOST_SOURCES,
    Case,
    Look,
    Read,
    Reading,
    done,
    is_object,
)
from worker.outcomes import Fail, Outcome, Review
from worker.policy import DEADLINE_PASSED
from worker.refusals import EXISTS, says_absent

NOT_APPLIED = "not_applied"
UNATTACHED = ("chargeable", "pending")
"""What a `src_` is as long as it may be attached."""


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """The sources of a customer, as far as they could be read."""

    sources: Sequence[Mapping[str, Any]] = ()
    ours: Mapping[str, Any] | None = None
    """The one that bears our mark."""
    whole: bool = False
    """Whether there is no other source."""
    readable: bool = True


def look_for_created(case: Case) -> Look:
    """Find out whether a create was executed."""
    given, marker = given_in(case.command.body), marker_of(case.command.body)
    if case.doubt.code == EXISTS:
        return (yield from _look_for_twin(case, given, marker))
    if given.startswith("src_"):
        return (yield from _look_for_attached(case, given))
    listed = yield from _sources(f"{case.customer_path}?limit=100", marker)
    if listed.ours:
        return done(listed.ours)
    if not listed.readable:
        return case.open("the customer's sources cannot be read")
    token = yield from _token(given)
    if token is None:
        return case.open("no source bears this job's mark, and its token is not told")
    return _by_token(case, listed, token)


def _by_token(case: Case, listed: Listed, token: Token) -> Outcome:
    """Decide by a token where no source bears our mark.

    A source that is like it is named, and no more: it may have been there before, and
    the token may have been used for another customer.
    """
    if not token.used:
        return _not_applied(case, "the token has not been used")
    candidates = [one for one in alike(token, listed.sources) if not mark_on(one)]
    ids = [str(one.get("id")) for one in candidates]
    like = f"sources like it: {named(ids)}" if ids else "no source is like it"
    return case.open(f"the token has been used, and nothing bears its mark; {like}")


def _look_for_attached(case: Case, source_id: str) -> Look:
    """Find out whether a `src_` was attached. It can be to one customer only."""
    segment = path_segment(source_id)
    answer = yield Read(f"{case.customer_path}/{segment}")
    if is_object(answer):
        return done(answer.body)
    if not says_absent(answer) or answer.error.get("param") == "customer":
        return case.open("the customer's sources cannot be read")
    answer = yield Read(f"/v1/sources/{segment}")
    free = not answer.body.get("customer") and answer.body.get("status") in UNATTACHED
    if is_object(answer) and free:
        return _not_applied(case, "the source hangs on nobody")
    return case.open("the source does not hang on the customer")


def _look_for_twin(case: Case, token_id: str, marker: str) -> Look:
    """Find the bank account that stands in the way; it may be our own."""
    path = f"{case.customer_path}?limit=100&object=bank_account"
    listed = yield from _sources(path, marker)
    if listed.ours:
        return done(listed.ours)
    token = yield from _token(token_id)
    if token is None:
        return case.open("which account it is cannot be told: the token is not told")
    twin = twin_of(token, listed.sources)
    error = case.error | ({"existing": twin} if twin else {})
    if not case.unknown or not token.used:
        return Fail(EXISTS, error)
    return Review(EXISTS, error)


def _not_applied(case: Case, proof: str) -> Outcome:
    """Say that nothing was done: there is one token, and it can be used once."""
    code = case.doubt.code
    if code == "token_already_used":
        return case.open(f"and yet {proof}")
    error = case.error_and(f"Stripe did nothing: {proof}")
    if code == DEADLINE_PASSED:
        return Fail(code, error, retryable=True)
    error["message"] += "; a replay is safe"
    return Review(NOT_APPLIED, error | {"code": NOT_APPLIED}, unapplied=True)


def _token(token_id: str) -> Reading[Token | None]:
    """Read a token; None where Stripe does not tell what became of it."""
    if not token_id:
        return None
    answer = yield Read(f"/v1/tokens/{path_segment(token_id)}")
    return token_in(answer.body, token_id) if is_object(answer) else None


def _sources(first: str, marker: str) -> Reading[Listed]:
    """Read a customer's sources page by page, until one bears the mark.

    A cursor that is gone (somebody deleted that source meanwhile) costs a new start.
    """
    for _ in range(MOST_RESTARTS + 1):
        listed = yield from _from_first_page(first, marker)
        if listed is not None:
            return listed
    return Listed()


def _from_first_page(first: str, marker: str) -> Reading[Listed | None]:
    """Read pages from the first one on; None where a cursor was gone."""
    sources: list[Mapping[str, Any]] = []
    path = first
    while len(sources) < MOST_SOURCES:
        answer = yield Read(path, "list")
        data = answer.body.get("data")
        if not isinstance(data, list):
            return Listed(readable=False) if path == first else None
        page = [one for one in data if isinstance(one, Mapping)]
        sources += page
        ours = next((one for one in page if marker and mark_on(one) == marker), None)
        if ours or not answer.body.get("has_more"):
            return Listed(sources=sources, ours=ours, whole=True)
        last = page[-1].get("id") if page else None
        if not isinstance(last, str):
            break
        path = f"{first}&starting_after={path_segment(last)}"
    return Listed(sources=sources)
