"""A job as its producer sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from customer_sources.contract.errors import (
    JobCancelled,
    JobFailed,
    JobNeedsReview,
    JobNotFound,
)
from customer_sources.contract.states import State

if TYPE_CHECKING:
    from customer_sources.client import CustomerSources


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """What the ledger said of a job at one moment."""

    state: State
    record: Mapping[str, str]
    """The record's fields as stored; times in ms. Empty for a tombstone."""
    details: dict[str, Any] | None = None
    """Stripe's object or the error; None until the job ends, or past retention."""

    @property
    def outcome(self) -> str:
        """The word for how it is known to have succeeded; empty: it has not."""
        return self.record.get("code", "") if self.state is State.SUCCEEDED else ""

    def result(self, job_id: str) -> dict[str, Any]:
        """Return the Stripe object of a succeeded job.

        Raises:
            JobFailed, JobNeedsReview, JobCancelled: it ended otherwise.
            JobNotFound: it ended so long ago that only its state is still known.
        """
        if self.details is None:
            raise JobNotFound(job_id)
        if self.state is State.SUCCEEDED:
            return self.details
        code = self.record.get("code", "")
        endings = {
            State.FAILED: JobFailed,
            State.NEEDS_REVIEW: JobNeedsReview,
            State.CANCELLED: JobCancelled,
        }
        raise endings[self.state](job_id, code, self.details)


def parse_snapshot(
    job_id: str, record: Mapping[str, str], details: str | None, stone: str | None
) -> Snapshot:
    """Read what the store holds of a job: record, result, tombstone.

    Raises:
        JobNotFound: it holds nothing.
    """
    if record:
        return Snapshot(
            state=State(record["state"]),
            record=record,
            details=None if details is None else msgspec.json.decode(details),
        )
    if stone:
        return Snapshot(state=State(stone.rpartition(" ")[2]), record={})
    raise JobNotFound(job_id)


class Job:
    """A durable job. Cheap to hold, cheap to make again: `client.job(id)`.

    Attributes:
        id: `job_` and 26 characters; also the Idempotency-Key that Stripe sees.
        state: the state when last heard of; `refresh()` asks again.
        outcome: how it is known that it succeeded, once `result` has said so:
            `succeeded`, or `replayed`, `reconciled`, `already_verified` and so on.
        served: whether a worker ever did upkeep on this ledger. False right after a
            submit usually means that no worker was started.
    """

    def __init__(
        self, client: CustomerSources, job_id: str, state: State, *, served: bool = True
    ) -> None:
        self._client = client
        self.id = job_id
        self.state = state
        self.outcome = ""
        self.served = served

    def __repr__(self) -> str:
        return f"<Job {self.id} {self.state}>"

    def refresh(self) -> Job:
        """Read the state again; returns the job itself.

        Raises:
            JobNotFound: it is past its retention.
            LedgerUnavailable: the store did not answer.
        """
        self.state = self._client.snapshot(self.id).state
        return self

    def result(self, timeout: float | None = None) -> dict[str, Any]:
        """Wait for the end and return the Stripe object.

        Nothing is polled while nothing happens: the end is published.

        Args:
            timeout: seconds; None waits as long as it takes, 0 only looks.

        Raises:
            JobFailed, JobNeedsReview, JobCancelled: it ended without an object.
            ResultTimeout: it had not ended in time. It goes on.
            JobNotFound: it is past its retention.
            LedgerUnavailable: the store did not answer.
        """
        snapshot = self._client.wait(self.id, timeout)
        self.state, self.outcome = snapshot.state, snapshot.outcome
        return snapshot.result(self.id)
