"""Following a list's pages: where it ends, and where it has to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from customer_sources.contract.commands import Switches, prepare
from worker.looking import MOST_SOURCES
from worker.outcomes import Fail, Succeed
from worker.pages import Pages
from worker.stripe_api import StripeRequest


def first_request() -> StripeRequest:
    command = prepare(
        "list",
        {},
        job_id="job_" + "0" * 26,
        customer="cus_1",
        switches=Switches(all_pages=True),
    ).command
    return StripeRequest(method="GET", path=command.path, idempotency_key="k")


def pages(count: int, size: int) -> Iterator[Succeed]:
    """Cut a list of so many sources as Stripe would."""
    for start in range(0, count, size):
        names = range(start, min(start + size, count))
        data: list[dict[str, Any]] = [{"id": f"card_{n}"} for n in names]
        has_more = start + size < count
        yield Succeed({"object": "list", "has_more": has_more, "data": data})


@pytest.mark.parametrize("size", [3, 77, 100, 2000])
@pytest.mark.parametrize("more", [-1, 0, 1])
def test_the_bound_does_not_depend_on_the_size_of_a_page(size: int, more: int) -> None:
    collected = Pages(first_request())
    outcome: Any = None
    for page in pages(MOST_SOURCES + more, size):
        outcome = collected.take(page)
        if not isinstance(outcome, StripeRequest):
            break

    if more > 0:
        assert isinstance(outcome, Fail)
        assert outcome.code == "too_many_sources"
    else:
        assert isinstance(outcome, Succeed)
        assert len(outcome.stripe_object["data"]) == MOST_SOURCES + more
