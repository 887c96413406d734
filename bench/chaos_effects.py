"""Which order an effect is of: by what Stripe shows, not by what we say. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from bench.chaos_witnesses import Asked, Effect

CHANGES: Mapping[str, frozenset[str]] = {
    "create": frozenset({"source.created"}),
    "update": frozenset({"source.updated"}),
    "verify": frozenset({"source.verified", "source.verification_attempt_failed"}),
    "delete": frozenset({"source.deleted", "source.detached"}),
}
"""What an operation can do, in the sandbox's words."""
OURS = frozenset[str]().union(*CHANGES.values())

Owners = Mapping[tuple[str, str], str]
"""Names of orders by what they alone may do: a change, and the source's id."""


def done_by_order(asked: Sequence[Asked], effects: Sequence[Effect]) -> Counter[str]:
    """Count effects by the order that brought them about, in whatever account."""
    owners = owners_of(asked)
    ours = (effect for effect in effects if effect.change in OURS)
    return Counter(order_of(effect, owners) or effect.object for effect in ours)


def owners_of(asked: Sequence[Asked]) -> Owners:
    """Name the orders that have a source to themselves."""
    return {
        (change, one.source_id): one.name
        for one in asked
        for change in CHANGES.get(one.operation, ())
        if one.source_id
    }


def order_of(effect: Effect, owners: Owners) -> str:
    """Name an effect's order; "" where nothing tells.

    By the name in the object's metadata; a delete and a verify leave none there, and
    have a source to themselves.
    """
    return owners.get((effect.change, effect.object), effect.name)
