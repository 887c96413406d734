"""What an operation has to work with while it is executed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from sandbox import errors
from sandbox.forms import Form
from sandbox.journal import Change
from sandbox.limits import Limits
from sandbox.objects import Customer
from sandbox.routes import Call
from sandbox.state import Account, CustomerRecord, Ids


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a sandbox behaves."""

    auto_customers: bool = False
    """A customer `cus_…` exists from its first mention in a path."""
    allow_raw_card_data: bool = False
    """Card numbers may be sent to create a source, as few accounts are allowed to."""
    deposit_days: int = 0
    """Days of the sandbox's clock until the micro-deposits are there to be verified."""
    lock_timeout: bool = True
    """A customer that one request is changing is locked for all others."""
    limits: Limits = field(default_factory=Limits)
    """How many requests an account may send; none is limited by default."""
    seed: int | None = None
    """Makes ids and the dice of faults repeatable."""


class Recorder(Protocol):
    """Notes an effect in the journal."""

    def __call__(
        self,
        change: Change,
        object_id: str,
        *,
        customer: str = "",
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        """Note that `object_id` was changed, in the request being executed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """One execution of one operation on one account."""

    call: Call
    form: Form
    account: Account
    options: Options
    ids: Ids
    now: int
    """Seconds since 1970."""
    record: Recorder

    def customer(self, param: str = "customer") -> CustomerRecord:
        """Return the customer that the path names; `param` is its name in errors.

        Raises:
            RefusedError: there is none, or it was deleted.
        """
        record = self.customer_or_deleted(param)
        if record.deleted:
            raise errors.missing_in_path("customer", record.id, param)
        return record

    def customer_or_deleted(self, param: str) -> CustomerRecord:
        """Return the customer that the path names, even if it was deleted.

        Raises:
            RefusedError: there never was one.
        """
        identifier = self.call.customer
        record = self.account.customers.get(identifier)
        if record is not None:
            return record
        if self.options.auto_customers and identifier.startswith("cus_"):
            return self.add_customer(
                Customer(id=identifier, created=self.now, metadata={})
            )
        raise errors.missing_in_path("customer", identifier, param)

    def add_customer(self, profile: Customer) -> CustomerRecord:
        """Add a customer to the account."""
        record = CustomerRecord(profile)
        self.account.customers[profile.id] = record
        self.record(
            Change.CUSTOMER_CREATED,
            profile.id,
            customer=profile.id,
            metadata=profile.metadata,
        )
        return record
