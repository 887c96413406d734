"""The operations on customers, as far as sources need them."""

from msgspec import structs

from sandbox import params, sources
from sandbox.execution import Execution
from sandbox.journal import Change
from sandbox.objects import Customer, Deleted, Source
from sandbox.views import CUSTOMER_PATHS, customer_view

CREATE_PARAMS = frozenset(
    {"description", "email", "expand", "metadata", "name", "phone", "source"}
)


def create(x: Execution) -> Customer:
    """Make a customer, with a first source if one was sent."""
    params.known(x.form, CREATE_PARAMS)
    expand = params.expand(x.form, CUSTOMER_PATHS)
    profile = Customer(
        id=x.ids.new("cus"),
        created=x.now,
        description=params.text(x.form, "description"),
        email=params.text(x.form, "email"),
        metadata=params.metadata(x.form),
        name=params.text(x.form, "name"),
        phone=params.text(x.form, "phone"),
    )
    # A source that cannot be had must leave no customer behind.
    found = sources.candidate(x, "source") if "source" in x.form else None
    record = x.add_customer(profile)
    if found:
        sources.attach(x, record, found, {})
    return customer_view(record, expand)


def get(x: Execution) -> Customer | Deleted:
    """Return a customer; of a deleted one there is only the fact."""
    params.known(x.form, {"expand"})
    expand = params.expand(x.form, CUSTOMER_PATHS)
    record = x.customer_or_deleted("id")
    if record.deleted:
        return Deleted(id=record.id, object="customer")
    return customer_view(record, expand)


def delete(x: Execution) -> Deleted:
    """Delete a customer and all that hangs on it; its id is never used again."""
    params.known(x.form, {"expand"})
    params.expand(x.form, CUSTOMER_PATHS)
    record = x.customer("id")
    for source in record.sources.values():
        if isinstance(source, Source):
            x.account.sources[source.id] = structs.replace(source, status="consumed")
    record.deleted = True
    x.record(Change.CUSTOMER_DELETED, record.id, metadata=record.profile.metadata)
    return Deleted(id=record.id, object="customer")
