"""`client.customer.source`: the same call shape as the SDK call it replaces.

One class serves both clients. What a method returns is what its client's `submit`
returns: a `Job`, or something to await that gives an `AsyncJob`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Generic, Literal, Protocol, TypedDict, TypeVar, Unpack

from customer_sources.contract.moments import Moment, When
from customer_sources.submission import Options

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class CommandOptions(TypedDict, total=False):
    """What may be said with every command, whatever its operation."""

    idempotency_key: str
    """Your name for this command. The same key with the same parameters gives the
    same job, with other parameters a `JobConflict`."""
    account: str
    """The account whose sources they are, by the name that the workers know it by.
    Without it, the one of their `STRIPE_API_KEY`."""
    livemode: bool | None
    """Says for which customers this is meant, real ones or test ones: where the
    account's key is for the others, nothing is sent and the job fails as
    `livemode_mismatch`. Unsaid, or None, it is for those that the key is for."""
    not_before: When
    """Nothing is sent before: a datetime with a time zone, a timedelta, or the ISO 8601
    text of either: "2030-01-31T12:00:00Z", "PT2H"."""
    deadline: When
    """Past it nothing is tried any more and the job ends."""
    reference: str
    """Your own reference; comes back as the event's `causationid`."""
    priority: Literal["interactive", "bulk"]
    """`bulk` stands behind whatever is interactive."""
    harmless: Sequence[str]
    """Fields whose values look like card numbers and are none: `metadata.order_id`."""
    job_id: str
    """Repeats a call whose `LedgerUnavailable` carried this id."""


class Submit(Protocol[R_co]):
    """How a client takes a command by its operation's name."""

    def __call__(
        self,
        operation: str,
        params: Mapping[str, Any],
        options: Options,
        *,
        customer: object,
        source_id: object = "",
    ) -> R_co:
        """Submit it."""


class Sources(Generic[R]):
    """The operations on a customer's sources. Each gives a job at once.

    Every operation also takes the options of `CommandOptions`, and raises
    `CommandInvalid`, `JobConflict` or `LedgerUnavailable`. A keyword that it does not
    have is a `TypeError`, as with any call.
    """

    def __init__(self, submit: Submit[R]) -> None:
        self._submit = submit

    def create(
        self,
        *,
        customer: str,
        source: str | None = None,
        card: str | None = None,
        bank_account: str | None = None,
        alipay_account: str | None = None,
        metadata: Mapping[str, str] | None = None,
        expand: Sequence[str] | None = None,
        validate: bool | None = None,
        marker: bool = True,
        watch: bool = False,
        **options: Unpack[CommandOptions],
    ) -> R:
        """Attach a source, usually a token, to a customer.

        The source gets the metadata key `customer_sources_job`, by which it can be
        found again should Stripe's answer be lost. With `marker=False` it does not,
        and what cannot be proved then comes to review.
        """
        params = {
            "source": source,
            "card": card,
            "bank_account": bank_account,
            "alipay_account": alipay_account,
            "metadata": metadata,
            "expand": expand,
            "validate": validate,
        }
        said = Options(**options, marker=marker, watch=watch)
        return self._submit("create", params, said, customer=customer)

    def list(
        self,
        *,
        customer: str,
        limit: int | None = None,
        starting_after: str | None = None,
        ending_before: str | None = None,
        object: Literal["card", "bank_account", "source"] | str | None = None,  # noqa: A002, PYI051  Stripe's name; others may come
        expand: Sequence[str] | None = None,
        all_pages: bool = False,
        ordered: bool = True,
        **options: Unpack[CommandOptions],
    ) -> R:
        """List sources, newest first.

        `all_pages=True` follows the pages to the end, up to 1,000 sources; a customer
        with more is a `JobFailed` with the code `too_many_sources`. Its pages are
        Stripe's longest, whatever `limit` says.
        """
        params = {
            "limit": limit,
            "starting_after": starting_after,
            "ending_before": ending_before,
            "object": object,
            "expand": expand,
        }
        said = Options(**options, all_pages=all_pages, ordered=ordered)
        return self._submit("list", params, said, customer=customer)

    def get(
        self,
        *,
        customer: str,
        id: str,  # noqa: A002  Stripe's name for it
        expand: Sequence[str] | None = None,
        ordered: bool = True,
        **options: Unpack[CommandOptions],
    ) -> R:
        """Retrieve a source. `ordered=False` does not wait for the customer's lane."""
        said = Options(**options, ordered=ordered)
        return self._submit(
            "get", {"expand": expand}, said, customer=customer, source_id=id
        )

    def update(
        self,
        *,
        customer: str,
        id: str,  # noqa: A002  Stripe's name for it
        account_holder_name: str | None = None,
        account_holder_type: str | None = None,
        name: str | None = None,
        address_city: str | None = None,
        address_country: str | None = None,
        address_line1: str | None = None,
        address_line2: str | None = None,
        address_state: str | None = None,
        address_zip: str | None = None,
        exp_month: str | int | None = None,
        exp_year: str | int | None = None,
        owner: Mapping[str, Any] | None = None,
        metadata: Mapping[str, str] | Literal[""] | None = None,
        expand: Sequence[str] | None = None,
        **options: Unpack[CommandOptions],
    ) -> R:
        """Change a source. An empty text unsets a field, `metadata=""` all of it."""
        params = {
            "account_holder_name": account_holder_name,
            "account_holder_type": account_holder_type,
            "name": name,
            "address_city": address_city,
            "address_country": address_country,
            "address_line1": address_line1,
            "address_line2": address_line2,
            "address_state": address_state,
            "address_zip": address_zip,
            "exp_month": exp_month,
            "exp_year": exp_year,
            "owner": owner,
            "metadata": metadata,
            "expand": expand,
        }
        said = Options(**options)
        return self._submit("update", params, said, customer=customer, source_id=id)

    def delete(
        self,
        *,
        customer: str,
        id: str,  # noqa: A002  Stripe's name for it
        expand: Sequence[str] | None = None,
        missing_ok: bool = False,
        **options: Unpack[CommandOptions],
    ) -> R:
        """Delete a card or bank account, detach a legacy source.

        `missing_ok=True` takes a source that is not there for deleted.
        """
        said = Options(**options, missing_ok=missing_ok)
        return self._submit(
            "delete", {"expand": expand}, said, customer=customer, source_id=id
        )

    def verify(
        self,
        *,
        customer: str,
        id: str,  # noqa: A002  Stripe's name for it
        amounts: Sequence[int] | None = None,
        expand: Sequence[str] | None = None,
        when: Literal["deposits_arrived"] | None = None,
        added_at: Moment | None = None,
        use_reserve: bool = False,
        **options: Unpack[CommandOptions],
    ) -> R:
        """Verify a bank account by the amounts of its two deposits, in cents.

        In the order in which they came. A wrong guess is never repeated: Stripe
        allows three. The third is kept for a person: `use_reserve=True` uses it.

        `when="deposits_arrived"` sends nothing before deposits of a bank account that
        was added at `added_at` can have arrived, by the days on which banks work.
        """
        params = {"amounts": amounts, "expand": expand}
        said = Options(**options, when=when, added_at=added_at, use_reserve=use_reserve)
        return self._submit("verify", params, said, customer=customer, source_id=id)


class Customer(Generic[R]):
    """`client.customer`, so that calls read as they do in Stripe's SDKs."""

    def __init__(self, submit: Submit[R]) -> None:
        self.source = Sources(submit)
