"""Everything the SDK raises. A class docstring is what a person reads first.

CustomerSourcesError
├── SettingInvalid        the client cannot be made: its address, or its prefix
├── CommandInvalid        the command cannot be accepted; nothing was written
├── JobConflict           this idempotency key belongs to another command
├── JobNotFound           no such job, or past its retention
├── BatchNotFound         no such batch, or past its retention
├── BatchEnded            the batch is over, so nothing was done
├── VerificationNotFound  nobody watches this bank account, or past its retention
├── VerificationEnded     the watch is over, so nothing was done
├── NotInReview           the job is not in review, so nothing was done
├── LedgerUnavailable     the store did not answer; the call may be repeated
│   └── LedgerFull        the store refuses writes because its memory is full
├── ResultTimeout         the job had not ended in time; it goes on
└── JobEnded              raised by `Job.result` where there is no Stripe object
    ├── JobFailed
    ├── JobNeedsReview
    └── JobCancelled
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec


class Problem(msgspec.Struct, frozen=True):
    """One thing that is wrong with a command, and where."""

    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"


class CustomerSourcesError(Exception):
    """Anything this package raises on purpose."""


class SettingInvalid(CustomerSourcesError, ValueError):
    """The client cannot be made: its store's address, or its prefix, is none.

    The message never quotes an address: there may be a password in it.
    """


class CommandInvalid(CustomerSourcesError, ValueError):
    """The command cannot be accepted. Nothing was written.

    Attributes:
        problems: every problem found, each with the field it is in.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


class JobConflict(CustomerSourcesError):
    """This idempotency key (or job id) already belongs to another command."""

    def __init__(self, job_id: str) -> None:
        super().__init__(
            f"{job_id} was submitted with other parameters under the same "
            "idempotency key; use a new key for a new command"
        )
        self.job_id = job_id


class JobNotFound(CustomerSourcesError, LookupError):
    """No such job: never accepted, or finished longer ago than jobs are kept."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"{job_id}: no such job, or past its retention")
        self.job_id = job_id


class BatchNotFound(CustomerSourcesError, LookupError):
    """No such batch: never opened, or over longer ago than batches are kept."""

    def __init__(self, batch_id: str) -> None:
        super().__init__(f"{batch_id}: no such batch, or past its retention")
        self.batch_id = batch_id


class BatchEnded(CustomerSourcesError):
    """The batch is over, so nothing about it can be changed."""

    def __init__(self, batch_id: str, state: str) -> None:
        super().__init__(f"{batch_id} is {state}: it is over")
        self.batch_id = batch_id
        self.state = state


class VerificationNotFound(CustomerSourcesError, LookupError):
    """Nobody watches this bank account, or that is over longer than it is kept."""

    def __init__(self, customer: str, source: str) -> None:
        super().__init__(f"{source} of {customer}: no watch, or past its retention")
        self.customer = customer
        self.source = source


class VerificationEnded(CustomerSourcesError):
    """The watch of this bank account is over, so nothing about it can be changed."""

    def __init__(self, customer: str, source: str, state: str) -> None:
        super().__init__(f"the watch of {source} of {customer} is over: {state}")
        self.customer = customer
        self.source = source
        self.state = state


class NotInReview(CustomerSourcesError):
    """The job is not in review, so it can be neither replayed nor discarded.

    Attributes:
        job_id: the job.
        state: what it is instead: a state, or `replayed`, `discarded`, or `damaged`:
            its record cannot be used, so that it can be discarded only.
    """

    def __init__(self, job_id: str, state: str) -> None:
        super().__init__(f"{job_id} is not in review: it is {state}")
        self.job_id = job_id
        self.state = state


class LedgerUnavailable(CustomerSourcesError, ConnectionError):
    """The store did not answer, so nobody knows whether it took the call.

    Repeating a submit is safe with the id that this error carries:
    ``create(..., job_id=error.job_id)`` gives the job if it was taken, and
    submits it if it was not.
    """

    def __init__(self, reason: str, *, job_id: str = "") -> None:
        hint = f" (repeat the call with job_id={job_id!r})" if job_id else ""
        super().__init__(f"the ledger is unavailable: {reason}{hint}")
        self.reason = reason
        self.job_id = job_id


class LedgerFull(LedgerUnavailable):
    """The store's memory is full: nothing was written; jobs in it still finish."""


class DurabilityUnavailable(LedgerUnavailable):
    """This store cannot promise `durability="fsync"`. Nothing was written."""


class ResultTimeout(CustomerSourcesError, TimeoutError):
    """The job had not ended when the time was up. It goes on regardless."""

    def __init__(self, job_id: str, state: str) -> None:
        super().__init__(f"{job_id} is still {state}")
        self.job_id = job_id


class JobEnded(CustomerSourcesError):
    """The job ended without a Stripe object to return.

    Attributes:
        job_id: the job.
        code: a stable word, Stripe's `error.code` where Stripe said no.
        error: details: `code`, `message`, and what Stripe added to them.
    """

    def __init__(self, job_id: str, code: str, error: dict[str, Any]) -> None:
        message = error.get("message") or code
        super().__init__(f"{job_id} {self._verb} ({code}): {message}")
        self.job_id = job_id
        self.code = code
        self.error = error

    _verb = "ended"


class JobFailed(JobEnded):
    """Stripe is known not to have done it, and it will not be tried again."""

    _verb = "failed"


class JobNeedsReview(JobEnded):
    """What Stripe did could not be established; a person has to look."""

    _verb = "needs review"


class JobCancelled(JobEnded):
    """The job was cancelled before it did anything."""

    _verb = "was cancelled"
