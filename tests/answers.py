"""What Stripe may answer and what is known of a job then, in few words. No fixtures."""

from __future__ import annotations

from typing import Any

from customer_sources.contract.operations import OPERATIONS
from worker.answers import Answered, TryResult
from worker.policy import Facts

CREATE, GET, DELETE = "create", "get", "delete"
CHANGES = (CREATE, DELETE)
"""The operations that change Stripe; only their outcomes can be unknown."""

CARD = {
    "id": "card_1",
    "object": "card",
    "brand": "Visa",
    "last4": "4242",
    "customer": "cus_1",
}
DELETED = {"id": "card_1", "object": "card", "deleted": True}
DETACHED = {
    "id": "src_1",
    "object": "source",
    "status": "consumed",
    "client_secret": "src_client_secret_1",
}
WRONG_MODE = (
    "No such source: 'card_1'; a similar object exists in live mode, but a test "
    "mode key was used to make this request."
)


def facts(operation: str, *, unknown: bool = False, quiet_for: float = 0.0) -> Facts:
    """What is known of a job of this operation when a try has come back."""
    return Facts(
        operation=OPERATIONS[operation],
        source_id="" if operation == CREATE else "card_1",
        unknown=unknown,
        quiet_for=quiet_for,
    )


def ok(body: dict[str, Any], *, replayed: bool = False) -> Answered:
    """A 200 with this object."""
    return Answered(status=200, body=body, request_id="req_1", replayed=replayed)


def no(
    status: int,
    code: str = "",
    *,
    message: str = "No.",
    kind: str = "invalid_request_error",
    replayed: bool = False,
    should_retry: bool | None = None,
    retry_after: float | None = None,
) -> Answered:
    """An error as Stripe writes it; without a code where it has none."""
    error = {"type": kind, "message": message, **({"code": code} if code else {})}
    return Answered(
        status=status,
        body={"error": error},
        request_id="req_1",
        replayed=replayed,
        should_retry=should_retry,
        retry_after=retry_after,
    )


def label(result: TryResult) -> str:
    """Name a result in a test's id."""
    if not isinstance(result, Answered):
        return f"{type(result).__name__}-{result.reason}"
    facts = [str(result.status), result.code or str(result.error.get("type", "odd"))]
    facts += ["saved"] if result.replayed else []
    return "-".join(facts)
