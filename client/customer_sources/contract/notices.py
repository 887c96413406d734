"""Events that end no job: what people did with one, and what became of other things.

Those are accounts, batches and the bank accounts that are watched.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from customer_sources.batches.status import Batch
from customer_sources.contract.commands import Command
from customer_sources.contract.events import TYPE_PREFIX, Event, rfc3339
from customer_sources.contract.moments import to_ms
from customer_sources.verifications.status import Verification, VerificationState

OF_ACCOUNT = ("suspended", "resumed")
"""What is told of an account."""
OF_BATCH = (
    "started",
    "progress",
    "held",
    "paused",
    "resumed",
    "completed",
    "cancelled",
)
"""What is told of a batch."""
OF_VERIFICATION = ("due", "verified", "failed", "deleted", "expired", "cancelled")
"""What is told of a watch; all but the first end it."""
COUNTS = ("rows", "done", "succeeded", "failed", "needs_review", "unprocessed")
"""What every event of a batch counts, in rows."""


def settled_event(
    job_id: str,
    command: Command | None,
    *,
    now_ms: int,
    settled: str,
    facts: Mapping[str, str],
) -> Event:
    """Compose the event of what a person did with a job in review. It ends no job.

    Args:
        job_id: the job that was in review.
        command: what had been asked; None where it cannot be read.
        now_ms: when, in milliseconds since the epoch.
        settled: `replayed` or `discarded`.
        facts: `reason`, `actor`, the `code` that it ended with, the `replay`'s id;
            empty ones are left out.
    """
    data = {"state": settled}
    if command is not None:
        data |= {"operation": command.operation, "account": command.account}
    return Event(
        id=f"{job_id}:{settled}",
        type=f"{TYPE_PREFIX}source_job.{settled}",
        source="/customer-sources" + (f"/{command.account}" if command else ""),
        time=rfc3339(now_ms),
        subject=command.id if command else "",
        partitionkey=command.customer if command else "",
        correlationid=job_id,
        causationid=command.reference if command else "",
        data=data | {name: text for name, text in facts.items() if text},
    )


def account_event(
    account: str, what: str, *, now_ms: int, facts: Mapping[str, str]
) -> Event:
    """Compose the event of what became of an account. It concerns all of its jobs.

    Args:
        account: its name.
        what: `suspended` or `resumed`.
        now_ms: when, in milliseconds since the epoch.
        facts: what is known of it, never the key; empty ones are left out.
    """
    return Event(
        id=f"{account}:{what}:{now_ms}",
        type=f"{TYPE_PREFIX}source_account.{what}",
        source=f"/customer-sources/{account}",
        time=rfc3339(now_ms),
        data={"state": what, "account": account}
        | {name: text for name, text in facts.items() if text},
    )


def batch_event(batch: Batch, what: str, *, why: str, now_ms: int) -> Event:
    """Compose the event of what became of a batch, or of how far it is.

    Args:
        batch: as it is.
        what: `started`, `progress`, `held`, `paused`, `resumed`, `completed` or
            `cancelled`.
        why: of a hold: `canary` or `errors`.
        now_ms: when, in milliseconds since the epoch.
    """
    counts = {name: getattr(batch, name) for name in COUNTS}
    data = {"state": batch.state.value, "account": batch.account, **counts}
    if what == "held":
        data["why"] = why
    if batch.label:
        data["label"] = batch.label
    return Event(
        id=f"{batch.id}:{what}:{now_ms}",
        type=f"{TYPE_PREFIX}source_batch.{what}",
        source=f"/customer-sources/{batch.account}",
        time=rfc3339(now_ms),
        subject=batch.id,
        data=data,
    )


def verification_event(
    watch: Verification, state: VerificationState, *, now_ms: int
) -> Event:
    """Compose the event of what a watch has come to.

    Args:
        watch: as it was until now; of one that ends, with why, and the job that did it.
        state: what it comes to: `due`, or one that ends it.
        now_ms: when, in milliseconds since the epoch.
    """
    number = f"due:{watch.told}"
    data: dict[str, Any] = {
        "state": state.value,
        "account": watch.account,
        "status": watch.status,
    }
    if state in _TELLS_ATTEMPTS:
        data["attempts"] = watch.attempts._asdict()
    if state is VerificationState.DUE:
        data["reminder"] = watch.told
    times = {"added": watch.added, "arrives": watch.arrives, "expires": watch.expires}
    data |= {name: rfc3339(to_ms(when)) for name, when in times.items() if when}
    facts = {"why": watch.why, "job": watch.job}
    return Event(
        id=f"{watch.id}:{'terminal' if state.is_ended else number}",
        type=f"{TYPE_PREFIX}source_verification.{state.value}",
        source=f"/customer-sources/{watch.account}",
        time=rfc3339(now_ms),
        subject=watch.source,
        partitionkey=watch.customer,
        correlationid=watch.id,
        causationid=watch.reference,
        data=data | {name: text for name, text in facts.items() if text},
    )


_TELLS_ATTEMPTS = frozenset(
    {VerificationState.DUE, VerificationState.FAILED, VerificationState.EXPIRED}
)
"""Where somebody may still want to guess, or want to know why nobody can."""
