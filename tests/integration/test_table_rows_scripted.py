"""Rows whose answers the sandbox does not give: said in its place, once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from customer_sources import State
from tests.integration.conftest import World
from tests.integration.doubts import card_token, code
from tests.integration.interception import GoOn, intercepted
from worker.answers import Answered, TryResult
from worker.stripe_api import StripeRequest


@contextmanager
def said_once(status: int, **error: str) -> Iterator[list[StripeRequest]]:
    """Answer the next request in Stripe's place; gives all requests, as sent."""
    asked: list[StripeRequest] = []

    async def answer(request: StripeRequest, go_on: GoOn) -> TryResult:
        asked.append(request)
        if len(asked) == 1:
            return Answered(status=status, body={"error": error}, request_id="req_1")
        return await go_on()

    with intercepted(answer):
        yield asked


async def test_create_token_in_use_waits_and_sends_the_same_key_again(
    world: World,
) -> None:
    job = world.client.customer.source.create(
        customer="cus_1", source=card_token(world)
    )
    with said_once(400, code="token_in_use") as asked:
        await world.run_once(job)

    assert job.state is State.SUCCEEDED
    first, second = asked
    assert first == second
    assert first.idempotency_key == job.id
    assert world.changes() == ["source.created"]


@pytest.mark.parametrize("operation", ["get", "delete"])
async def test_get_and_delete_of_what_exists_in_the_other_mode_fail(
    operation: str, world: World
) -> None:
    """A configuration error: it says nothing of whether the source is there."""
    switches = {"missing_ok": True} if operation == "delete" else {}
    call = getattr(world.client.customer.source, operation)
    job = call(customer="cus_1", id="card_1", **switches)
    message = (
        "No such source: 'card_1'; a similar object exists in live mode, but a test "
        "mode key was used to make this request."
    )
    with said_once(404, code="resource_missing", message=message):
        await world.run_once(job)

    assert (job.state, code(world, job)) == (State.FAILED, "resource_missing")
