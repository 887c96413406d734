"""Faults on demand: rules that say what goes wrong, for which requests, how often."""

import random
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct, structs

from sandbox.limits import Reason
from sandbox.routes import Call, Operation
from sandbox.trouble import Advice


class Fault(StrEnum):
    """What can go wrong with a request."""

    DROP_BEFORE_COMMIT = "drop_before_commit"
    """The connection is cut after the request was read; nothing was executed."""
    DROP_AFTER_COMMIT = "drop_after_commit"
    """The connection is cut instead of answering; what was executed is saved."""
    UNAUTHORIZED = "unauthorized"
    """401 `api_key_expired` is answered; nothing was executed and nothing is saved."""
    RATE_LIMITED = "rate_limited"
    """429 is answered for `reason`; nothing was executed and nothing is saved."""
    ERROR_500_UNSAVED = "error_500_unsaved"
    """500 is answered; nothing was executed and nothing is saved."""
    ERROR_503_UNSAVED = "error_503_unsaved"
    """503 is answered; nothing was executed and nothing is saved."""
    LOCK_TIMEOUT = "lock_timeout"
    """429 `lock_timeout` is answered; nothing was executed and nothing is saved."""
    LATENCY = "latency"
    """The execution begins `seconds` late, its Idempotency-Key in progress."""
    ERROR_500_SAVED = "error_500_saved"
    """The request is executed, but a 500 is answered, and saved under its key."""
    GARBAGE = "garbage"
    """What was executed is saved, but 200 is answered, with a body that is no JSON."""
    SLOW_BODY = "slow_body"
    """The head of the answer is sent at once, its body `seconds` later."""


ADVICE: Mapping[Fault, Advice] = {
    Fault.ERROR_500_SAVED: False,
    Fault.ERROR_500_UNSAVED: "absent",
    Fault.ERROR_503_UNSAVED: True,
}
"""The errors with a `Stripe-Should-Retry`, and what it says unless a rule differs."""


class FaultRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One fault, and the requests that it strikes.

    `lock_timeout`, `latency` and `error_500_saved` strike executions only, never a
    replay; the others strike any request that has a valid key, is for a known endpoint
    and within the limits.
    """

    fault: Fault
    operation: Operation | None = None
    """Only this operation; None for any."""
    customer: str | None = None
    """Only requests whose path names this customer; None for any."""
    probability: Annotated[float, Meta(ge=0, le=1)] = 1.0
    """How likely it strikes a request that it could strike."""
    count: Annotated[int, Meta(ge=1)] | None = None
    """It strikes this often and then no more; None for without end."""
    seconds: Annotated[float, Meta(ge=0)] = 0.0
    """How long a latency lasts, or a body is late."""
    reason: Reason | None = None
    """Why a request is rate limited; None for `global-rate`."""
    should_retry: Advice | None = None
    """What a 500 or 503 advises; None for what `ADVICE` says."""

    def __post_init__(self) -> None:
        """Refuse what this fault has no use for."""
        if self.reason is not None and self.fault is not Fault.RATE_LIMITED:
            raise ValueError(f"a fault {self.fault} has no reason")
        if self.should_retry is not None and self.fault not in ADVICE:
            raise ValueError(f"a fault {self.fault} gives no advice to retry")

    @property
    def advice(self) -> Advice:
        """What this fault's error says in `Stripe-Should-Retry`."""
        return ADVICE[self.fault] if self.should_retry is None else self.should_retry

    def concerns(self, fault: Fault, call: Call) -> bool:
        """Return whether this rule can make `fault` strike `call`."""
        return (
            self.fault is fault
            and self.operation in (None, call.operation)
            and self.customer in (None, call.customer)
        )


class Faults:
    """The rules in force, and the dice."""

    def __init__(self, seed: int | None) -> None:
        self.rules: list[FaultRule] = []
        self._random = random.Random(seed)  # noqa: S311 - dice, not secrets

    def replace(self, rules: Sequence[FaultRule]) -> None:
        """Put `rules` in force instead of those before; the first that strikes wins."""
        self.rules = list(rules)

    def strike(self, fault: Fault, call: Call) -> FaultRule | None:
        """Return the rule by which `fault` strikes `call` now, None if it does not."""
        for position, rule in enumerate(self.rules):
            if not rule.concerns(fault, call):
                continue
            if self._random.random() < rule.probability:
                self._count_down(position)
                return rule
        return None

    def _count_down(self, position: int) -> None:
        rule = self.rules[position]
        if rule.count == 1:
            del self.rules[position]
        elif rule.count is not None:
            self.rules[position] = structs.replace(rule, count=rule.count - 1)
