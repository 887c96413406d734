"""What happened: every effect and every request, for a test to prove a promise by."""

from enum import StrEnum

from msgspec import Struct


class Change(StrEnum):
    """The ways in which an account can change."""

    CUSTOMER_CREATED = "customer.created"
    CUSTOMER_DELETED = "customer.deleted"
    SOURCE_CREATED = "source.created"
    """A card, bank account or `src_` now hangs on a customer."""
    SOURCE_UPDATED = "source.updated"
    """An update was executed, even if it said what was there already."""
    SOURCE_VERIFIED = "source.verified"
    VERIFICATION_ATTEMPT_FAILED = "source.verification_attempt_failed"
    """A guess at the micro-deposits missed; the third miss was the last guess."""
    SOURCE_DELETED = "source.deleted"
    SOURCE_DETACHED = "source.detached"
    """A `src_` no longer hangs on its customer; it exists on, consumed."""
    TOKEN_CREATED = "token.created"  # noqa: S105 - the name of a change
    SRC_CREATED = "src.created"
    """A `src_` exists, and hangs on nobody yet."""


class Effect(Struct, frozen=True, kw_only=True):
    """One change of state. A replay makes none, nor does a request that failed."""

    seq: int
    """1, 2, 3, …, without gaps."""
    time: float
    """Seconds since 1970, by the sandbox's clock."""
    change: Change
    operation: str
    account: str
    customer: str
    """Empty where none is concerned."""
    object: str
    """The id of what was changed."""
    idempotency_key: str
    metadata: dict[str, str]
    """That of the object, as it is after the change."""
    request_id: str


class RequestRecord(Struct, frozen=True, kw_only=True):
    """One request, noted when it was answered or its connection was cut."""

    seq: int
    began: float
    """When all of it had arrived, in seconds since 1970, by the sandbox's clock."""
    time: float
    """When it was noted: with `began` it tells which requests were there at once."""
    method: str
    path: str
    operation: str
    """Empty where the sandbox did not get as far as knowing it."""
    account: str
    customer: str
    idempotency_key: str
    status: int | None
    """None where the connection was cut instead of answering."""
    faults: list[str]
    """The faults that struck, in the order in which they did."""
    replayed: bool
    request_id: str


class Journal:
    """Effects and requests, numbered from 1 each, in the order of their happening."""

    def __init__(self) -> None:
        self.effects: list[Effect] = []
        self.requests: list[RequestRecord] = []

    def page(
        self, kind: str, after: int, limit: int
    ) -> list[Effect] | list[RequestRecord]:
        """Return up to `limit` entries whose `seq` is above `after`, oldest first.

        Raises:
            ValueError: `kind` is neither "effects" nor "requests".
        """
        # Entry n stands at n - 1, so a cursor is a position.
        match kind:
            case "effects":
                return self.effects[after : after + limit]
            case "requests":
                return self.requests[after : after + limit]
            case _:
                raise ValueError("kind must be effects or requests")
