"""How objects are shown: the ids in them, or the objects in their place."""

from collections.abc import Set as AbstractSet
from typing import TypeVar

from msgspec import structs

from sandbox.objects import BankAccount, Card, Customer, Source
from sandbox.state import CustomerRecord

CUSTOMER_PATHS = frozenset({"default_source", "sources"})
"""What can be expanded in a customer."""

SOURCE_PATHS = frozenset({"customer"} | {f"customer.{path}" for path in CUSTOMER_PATHS})
"""What can be expanded in a customer's source."""

LIST_PATHS = frozenset(f"data.{path}" for path in SOURCE_PATHS)
"""What can be expanded in a list of a customer's sources."""

AnySource = TypeVar("AnySource", Card, BankAccount, Source, Card | BankAccount | Source)


def source_view(
    source: AnySource, owner: CustomerRecord, expand: AbstractSet[str]
) -> AnySource:
    """Return a source as it is shown, with its customer expanded where asked."""
    if not expand:
        return source
    below = {path.partition(".")[2] for path in expand}
    return structs.replace(source, customer=customer_view(owner, below))


def customer_view(record: CustomerRecord, expand: AbstractSet[str]) -> Customer:
    """Return a customer as it is shown; its sources only if they are expanded."""
    default = record.default_source
    shown = structs.replace(record.profile, default_source=default)
    if "default_source" in expand and default is not None:
        shown = structs.replace(shown, default_source=record.sources[default])
    if "sources" in expand:
        shown = structs.replace(shown, sources=_listed(record))
    return shown


def _listed(record: CustomerRecord) -> dict[str, object]:
    return {
        "object": "list",
        "data": list(reversed(record.sources.values())),
        "has_more": False,
        "total_count": len(record.sources),
        "url": f"/v1/customers/{record.id}/sources",
    }
