"""Rows whose answers the sandbox does not give: said in its place, once."""

from __future__ import annotations

from typing import Any

import pytest

from customer_sources import State
from tests.integration.conftest import World
from tests.integration.doubts import card_token, code
from worker.answers import Answered


def say_once(
    monkeypatch: pytest.MonkeyPatch, world: World, status: int, **error: str
) -> list[Any]:
    """Answer the next request in Stripe's place; returns all requests, as sent."""
    send = world.engine._api.send
    asked: list[Any] = []

    async def answer(request: Any, **options: Any) -> Any:
        asked.append(request)
        if len(asked) == 1:
            return Answered(status=status, body={"error": error}, request_id="req_1")
        return await send(request, **options)

    monkeypatch.setattr(world.engine._api, "send", answer)
    return asked


async def test_create_token_in_use_waits_and_sends_the_same_key_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = world.client.customer.source.create(
        customer="cus_1", source=card_token(world)
    )
    asked = say_once(monkeypatch, world, 400, code="token_in_use")
    await world.run_once(job)

    assert job.state is State.SUCCEEDED
    first, second = asked
    assert first == second
    assert first.idempotency_key == job.id
    assert world.changes() == ["source.created"]


@pytest.mark.parametrize("operation", ["get", "delete"])
async def test_get_and_delete_of_what_exists_in_the_other_mode_fail(
    operation: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A configuration error: it says nothing of whether the source is there."""
    switches = {"missing_ok": True} if operation == "delete" else {}
    call = getattr(world.client.customer.source, operation)
    job = call(customer="cus_1", id="card_1", **switches)
    message = (
        "No such source: 'card_1'; a similar object exists in live mode, but a test "
        "mode key was used to make this request."
    )
    say_once(monkeypatch, world, 404, code="resource_missing", message=message)
    await world.run_once(job)

    assert (job.state, code(world, job)) == (State.FAILED, "resource_missing")
