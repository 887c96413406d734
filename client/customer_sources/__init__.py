"""Stripe customer-source operations as durable jobs.

>>> from customer_sources import CustomerSources
>>> client = CustomerSources("redis://127.0.0.1:6379/0")
>>> job = client.customer.source.create(customer="cus_1", source="tok_visa")
>>> job.result(timeout=30)["id"]
"""

from customer_sources.aio import AsyncCustomerSources, AsyncJob
from customer_sources.calls import Submitted
from customer_sources.client import CustomerSources
from customer_sources.contract.commands import Command
from customer_sources.contract.errors import (
    BatchEnded,
    BatchNotFound,
    CommandInvalid,
    CustomerSourcesError,
    DurabilityUnavailable,
    JobCancelled,
    JobConflict,
    JobEnded,
    JobFailed,
    JobNeedsReview,
    JobNotFound,
    LedgerFull,
    LedgerUnavailable,
    NotInReview,
    Problem,
    ResultTimeout,
    SettingInvalid,
    VerificationEnded,
    VerificationNotFound,
)
from customer_sources.contract.events import Event
from customer_sources.contract.states import State
from customer_sources.history import Line
from customer_sources.jobs import Job, Snapshot
from customer_sources.review import Does, ReviewItem, ReviewPlan
from customer_sources.verifications.status import Verification, VerificationState

__version__ = "0.1.0"

__all__ = [
    "AsyncCustomerSources",
    "AsyncJob",
    "BatchEnded",
    "BatchNotFound",
    "Command",
    "CommandInvalid",
    "CustomerSources",
    "CustomerSourcesError",
    "Does",
    "DurabilityUnavailable",
    "Event",
    "Job",
    "JobCancelled",
    "JobConflict",
    "JobEnded",
    "JobFailed",
    "JobNeedsReview",
    "JobNotFound",
    "LedgerFull",
    "LedgerUnavailable",
    "Line",
    "NotInReview",
    "Problem",
    "ResultTimeout",
    "ReviewItem",
    "ReviewPlan",
    "SettingInvalid",
    "Snapshot",
    "State",
    "Submitted",
    "Verification",
    "VerificationEnded",
    "VerificationNotFound",
    "VerificationState",
]
