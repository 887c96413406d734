"""What a decision may know of a job. Values only."""

from __future__ import annotations

import msgspec

from customer_sources.contract.operations import Effect, Operation


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a job when a try has come back."""

    operation: Operation
    source_id: str = ""
    """The source that the command names; empty on create."""
    missing_ok: bool = False
    """On delete: a source that is not there is as good as deleted."""
    body_digest: str = ""
    """What tells our body from another, should the key have been used for one."""
    unknown: bool
    """An earlier request may have been executed unanswered."""
    quiet_for: float = 0.0
    """Seconds in which that request can still arrive; 0 once it cannot."""
    doubt_age: float = 0.0
    """Seconds since the first request that is not accounted for."""

    @property
    def keyed(self) -> bool:
        """Whether Stripe saves the results of this job's requests under its key."""
        return self.operation.effect is Effect.KEYED

    @property
    def changes(self) -> bool:
        """Whether the operation changes Stripe."""
        return self.operation.effect is not Effect.NONE
