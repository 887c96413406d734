"""Bringing jobs into review, on any stand."""

from __future__ import annotations

import inspect
from typing import Any

from customer_sources import ReviewItem, State
from tests.integration.stands import LOST, Stand, got

BROKEN = {"code": "processing_error", "message": "Try again."}
WHY = "Stripe was down"


async def listed(stand: Stand, **wanted: Any) -> list[ReviewItem]:
    items = stand.client.review.list(**wanted)
    if inspect.isasyncgen(items):
        return [item async for item in items]
    return list(items)


async def reviewed(
    stand: Stand,
    operation: str = "create",
    state: State = State.NEEDS_REVIEW,
    **more: Any,
) -> Any:
    """A job that ended so that a person has to look."""
    own = {"source": "tok_visa"} if operation == "create" else {"id": "card_1"}
    details = LOST if state is State.NEEDS_REVIEW else BROKEN
    stand.answer(operation, state, details)
    submit = getattr(stand.client.customer.source, operation)
    job = await got(submit(**{"customer": "cus_1"} | own | more))
    await stand.run()
    stand.answer(operation, State.SUCCEEDED, {"id": "card_1", "object": "card"})
    return await got(job.refresh())
