"""What of a plan is so at Stripe already? The reads that tell, and their words. Pure.

A look is a generator, as in `worker.looking`: it yields reads, is sent their answers,
and returns what it has seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from customer_sources.batches.commands import mark_of
from customer_sources.batches.rows import Row
from customer_sources.contract.encoding import path_segment
from customer_sources.contract.names import MARKER
from worker.answers import Answered
from worker.batches.reconciling import ATTACHED, UNREAD, fault
from worker.batches.standing import Seen, Standing
from worker.created import UNATTACHED
from worker.evidence import alike, given_in, mark_on, named, token_in
from worker.looking import MOST_RESTARTS, MOST_SOURCES, Read, Reading, is_object
from worker.reconcile import CONSUMED
from worker.refusals import MISSING, says_absent

TOKEN_PATH = "/v1/tokens/"  # noqa: S105  a path


class Customer(NamedTuple):
    """A customer whose sources were read for the rows that create some."""

    trouble: Seen | None = None
    """Why there are none to be seen."""
    sources: Sequence[Mapping[str, Any]] = ()
    """Id, fingerprint and mark of each."""


NO_CUSTOMER = Seen(Standing.NOBODY, "there is no such customer")


def look_at_customer(customer: str) -> Reading[Customer]:
    """Read the sources of a customer, page by page.

    A cursor that is gone (somebody deleted that source meanwhile) costs a new start.
    """
    first = f"/v1/customers/{path_segment(customer)}/sources?limit=100"
    for _ in range(MOST_RESTARTS + 1):
        found = yield from _pages(first)
        if found is not None:
            return found
    return Customer(trouble=_unread("its sources change too fast"))


def look_at_source(batch_id: str, row: Row) -> Reading[Seen]:
    """Look at the source that a row updates, verifies or deletes."""
    segments = map(path_segment, (row.customer, row.id))
    answer = yield Read("/v1/customers/{}/sources/{}".format(*segments))
    if says_absent(answer) and answer.error.get("param") == "customer":
        return NO_CUSTOMER
    if _is_of_other_mode(answer):
        return _other_mode()
    says = fault(batch_id, row, answer)
    if not says:
        gone = "it is not there" if row.operation == "delete" else "it is as asked"
        return Seen(Standing.ALREADY, gone)
    if says.startswith(UNREAD):
        return Seen(Standing.UNREAD, says)
    return Seen(Standing.GONE if says_absent(answer) else Standing.NOT_YET, says)


def look_at_create(
    batch_id: str, row: Row, customer: Customer, *, live: bool
) -> Reading[Seen]:
    """Look whether what a row creates is there, or what it takes for that is used up.

    Args:
        batch_id: the plan's: where it was applied before, its marks may be there.
        row: it creates.
        customer: whose sources were read.
        live: whether real customers are changed. Elsewhere Stripe's test tokens work,
            of which it does not tell.
    """
    if customer.trouble is not None:
        return customer.trouble
    mark = mark_of(batch_id, row)
    ours = [one for one in customer.sources if mark and mark_on(one) == mark]
    if ours:
        return Seen(Standing.ALREADY, f"{ours[0]['id']} bears this row's mark")
    given = given_in(row.body)
    if given.startswith(ATTACHED):
        return (yield from _attached(row, customer, given))
    if not given:
        return Seen(Standing.NOT_YET, "no source bears its mark")
    return (yield from _by_token(customer, given, live=live))


def no_answer(code: str) -> Seen:
    """Tell of a row that there was no answer to a read for it."""
    return _unread(code)


def _attached(row: Row, customer: Customer, source_id: str) -> Reading[Seen]:
    """Look whether a `src_` hangs on the customer, or may be hung there."""
    if any(one["id"] == source_id for one in customer.sources):
        return Seen(Standing.ALREADY, "it hangs on the customer")
    answer = yield Read(f"/v1/sources/{path_segment(source_id)}")
    if not is_object(answer):
        return _not_there(answer, "there is no such source")
    status, whose = answer.body.get("status"), answer.body.get("customer")
    if status == CONSUMED or (not whose and status not in UNATTACHED):
        return Seen(Standing.GONE, f"the source is {status}")
    if whose == row.customer:
        return Seen(Standing.ALREADY, "it hangs on the customer")
    if whose:
        return Seen(Standing.GONE, "the source hangs on another customer")
    return Seen(Standing.NOT_YET, "the source hangs on nobody")


def _by_token(customer: Customer, token_id: str, *, live: bool) -> Reading[Seen]:
    """Look whether a token was used, and whether the customer has what it stands for.

    A source that is like it is all that is wanted here, whoever attached it and when.
    """
    answer = yield Read(f"{TOKEN_PATH}{path_segment(token_id)}")
    if says_absent(answer) and not live:
        return Seen(Standing.NOT_YET, "its token is not told: a test token never is")
    token = token_in(answer.body, token_id) if is_object(answer) else None
    if token is None:
        return _not_there(answer, "there is no such token")
    found = [str(one["id"]) for one in alike(token, customer.sources)]
    like = f"; like it: {named(found)}" if found else ""
    if not token.used:
        return Seen(Standing.NOT_YET, f"its token has not been used{like}")
    standing = Standing.ALREADY if found else Standing.GONE
    return Seen(standing, f"its token has been used{like}")


def _pages(first: str) -> Reading[Customer | None]:
    """Read pages from the first one on; None where a cursor was gone."""
    sources: list[Mapping[str, Any]] = []
    path = first
    while len(sources) < MOST_SOURCES:
        answer = yield Read(path, "list")
        data = answer.body.get("data")
        if not isinstance(data, list):
            return _no_list(answer) if path == first else None
        page = [one for one in data if isinstance(one, Mapping)]
        sources += map(_brief, page)
        last = page[-1].get("id") if page else None
        if not answer.body.get("has_more") or not isinstance(last, str):
            break
        path = f"{first}&starting_after={path_segment(last)}"
    return Customer(sources=sources)


def _brief(source: Mapping[str, Any]) -> Mapping[str, Any]:
    """Keep of a source what rows are held against: many may be kept for a while."""
    fingerprint = source.get("fingerprint")
    metadata = {MARKER: mark_on(source)}
    return {"id": source.get("id"), "fingerprint": fingerprint, "metadata": metadata}


def _no_list(answer: Answered) -> Customer:
    if says_absent(answer) or answer.body.get("deleted") is True:
        return Customer(trouble=NO_CUSTOMER)
    if _is_of_other_mode(answer):
        return Customer(trouble=_other_mode())
    return Customer(trouble=_unread(answer.code or str(answer.status)))


def _not_there(answer: Answered, words: str) -> Seen:
    if says_absent(answer):
        return Seen(Standing.GONE, words)
    if _is_of_other_mode(answer):
        return _other_mode()
    return _unread(answer.code or str(answer.status))


def _is_of_other_mode(answer: Answered) -> bool:
    return answer.code == MISSING and not says_absent(answer)


def _other_mode() -> Seen:
    return _unread("the key is of the other mode, live or test")


def _unread(why: str) -> Seen:
    return Seen(Standing.UNREAD, f"{UNREAD}: {why}")
