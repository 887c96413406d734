"""One request on its way through the sandbox."""

from dataclasses import dataclass, field, replace

from sandbox.journal import RequestRecord
from sandbox.routes import Call
from sandbox.wire import Answer, Request

DEFAULT_VERSION = "2026-10-28.endive"
"""The API version of an account, told where a request names none."""


@dataclass(slots=True)
class Visit:
    """What is known of a request so far."""

    request: Request
    request_id: str
    began: float
    """When all of it had arrived, by the sandbox's clock."""
    account: str = ""
    call: Call | None = None
    original: str = ""
    """The id of the request that was executed under this key."""
    replayed: bool = False
    faults: list[str] = field(default_factory=list)

    @property
    def key(self) -> str:
        """The Idempotency-Key; empty where there is none or it has no meaning."""
        if self.request.method != "POST":
            return ""
        return self.request.headers.get("idempotency-key", "")

    @property
    def operation(self) -> str:
        """The operation's name, empty before it is known."""
        return self.call.operation if self.call else ""

    @property
    def customer(self) -> str:
        """The customer that the path names, empty if none."""
        return self.call.customer if self.call else ""

    def noted(self, seq: int, now: float, answer: Answer | None) -> RequestRecord:
        """Return what the journal keeps of this request."""
        return RequestRecord(
            seq=seq,
            began=self.began,
            time=now,
            method=self.request.method,
            path=self.request.path,
            operation=self.operation,
            account=self.account,
            customer=self.customer,
            idempotency_key=self.key,
            status=answer.status if answer else None,
            faults=self.faults,
            replayed=self.replayed,
            request_id=self.request_id,
        )

    def signed(self, answer: Answer) -> Answer:
        """Return the answer with the headers that every answer has."""
        version = self.request.headers.get("stripe-version", DEFAULT_VERSION)
        headers = [
            ("Content-Type", "application/json"),
            ("Request-Id", self.request_id),
            ("Stripe-Version", version),
        ]
        if self.key:
            headers.append(("Idempotency-Key", self.key))
        if self.original:
            headers.append(("Original-Request", self.original))
        if self.replayed:
            headers.append(("Idempotent-Replayed", "true"))
        return replace(answer, headers=(*headers, *answer.headers))
