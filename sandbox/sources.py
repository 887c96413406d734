"""The operations on a customer's sources that add, read and remove one."""

from msgspec import structs

from sandbox import errors, failures, params, src, tokens
from sandbox.execution import Execution
from sandbox.forms import Form
from sandbox.instruments import bank_account_from_form, card_from_form
from sandbox.journal import Change
from sandbox.objects import BankAccount, Deleted, PaymentSource, Source
from sandbox.state import Candidate, CustomerRecord, Deposits
from sandbox.views import SOURCE_PATHS, source_view

GIVEN = ("source", "card", "bank_account")
"""The parameters that can say what to add, of which exactly one must."""

CREATE_PARAMS = frozenset({*GIVEN, "expand", "metadata", "validate"})


def create(x: Execution) -> PaymentSource:
    """Add a card, bank account or `src_` to a customer."""
    params.known(x.form, CREATE_PARAMS)
    expand = params.expand(x.form, SOURCE_PATHS)
    metadata = params.metadata(x.form)
    given = params.one_of(x.form, GIVEN)
    owner = x.customer()
    source = attach(x, owner, candidate(x, given), metadata)
    return source_view(source, owner, expand)


def get(x: Execution) -> PaymentSource:
    """Return one source of a customer."""
    params.known(x.form, {"expand"})
    expand = params.expand(x.form, SOURCE_PATHS)
    owner = x.customer()
    return source_view(source_of(x, owner), owner, expand)


def delete(x: Execution) -> Deleted | Source:
    """Remove a source: a `src_` is detached and returned whole, others are deleted."""
    params.known(x.form, {"expand"})
    params.expand(x.form, SOURCE_PATHS)
    owner = x.customer()
    source = source_of(x, owner)
    owner.remove(source.id)
    if not isinstance(source, Source):
        x.record(Change.SOURCE_DELETED, source.id, metadata=source.metadata)
        return Deleted(id=source.id, object=source.object)
    x.record(Change.SOURCE_DETACHED, source.id, metadata=source.metadata)
    consumed = structs.replace(source, status="consumed")
    x.account.sources[source.id] = consumed
    return consumed


def candidate(x: Execution, given: str) -> Candidate:
    """Return what the parameter `given` says should be added to a customer.

    Raises:
        RefusedError: it says so in a malformed or forbidden way.
        FailedError: the token or `src_` cannot be had, or 402: the card is declined,
            which does not use up its token.
    """
    value = x.form[given]
    if isinstance(value, dict):
        found = _from_details(x, value, given)
    elif value.startswith("src_"):
        found = src.candidate(x, value)
    else:
        found = tokens.candidate(x, params.required(x.form, given))
    if found.decline:
        raise failures.declined(found.decline)
    return found


def attach(
    x: Execution, owner: CustomerRecord, found: Candidate, metadata: dict[str, str]
) -> PaymentSource:
    """Add a candidate to a customer, and use up its token.

    Raises:
        FailedError: 400 where the customer has the bank account already.
    """
    if isinstance(found.source, BankAccount):
        _refuse_second(found.source, owner)
    source = structs.replace(
        found.source, customer=owner.id, metadata=found.source.metadata | metadata
    )
    if found.token:
        tokens.use_up(x, found.token)
    if isinstance(source, Source):
        x.account.sources[source.id] = source
    owner.add(source)
    if isinstance(source, BankAccount) and source.status == "new":
        owner.deposits[source.id] = Deposits(sent=x.now)
    x.record(
        Change.SOURCE_CREATED, source.id, customer=owner.id, metadata=source.metadata
    )
    return source


def source_of(x: Execution, owner: CustomerRecord) -> PaymentSource:
    """Return the source that the path names.

    Raises:
        RefusedError: the customer has none of that id, or of the kind of the path.
    """
    source = owner.sources.get(x.call.id)
    if source is None or x.call.kind not in ("", source.object):
        raise errors.missing_in_path(x.call.kind or "source", x.call.id, "id")
    return source


def keep(x: Execution, owner: CustomerRecord, source: PaymentSource) -> None:
    """Put a source in the place of what it was before."""
    owner.sources[source.id] = source
    if isinstance(source, Source):
        x.account.sources[source.id] = source


def _from_details(x: Execution, form: Form, given: str) -> Candidate:
    kind = params.required(form, "object", given) if given == "source" else given
    if kind == "bank_account":
        return bank_account_from_form(x, form, given)
    if kind != "card":
        raise errors.invalid_param(f"{given}[object]", f"Invalid object: {kind}")
    if not x.options.allow_raw_card_data:
        raise errors.unsafe_card_data(given)
    return card_from_form(x, form, given)


def _refuse_second(account: BankAccount, owner: CustomerRecord) -> None:
    for source in owner.sources.values():
        if isinstance(source, BankAccount) and (
            source.fingerprint == account.fingerprint
        ):
            raise failures.bank_account_exists()
