"""JSON Schema (draft 2020-12) of a command, for producers in other languages. Pure.

Made from the same definitions that validate commands.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Union

import msgspec
from msgspec import Meta

from customer_sources.contract.names import ACCOUNT_NAME, DEFAULT_ACCOUNT
from customer_sources.contract.operations import (
    MOST_METADATA,
    OPERATIONS,
    Operation,
)
from customer_sources.contract.schema import DIALECT
from customer_sources.contract.validation import ONLY_ON

COMMAND_SCHEMA = "urn:customer-sources:command:1"

_Moment = Annotated[datetime, Meta(tz=True, description="RFC 3339, with an offset.")]
_When = Annotated[
    str,
    Meta(
        description="RFC 3339 with an offset, or an ISO 8601 duration: PT2H, P3D, P1W.",
        extra_json_schema={"anyOf": [{"format": "date-time"}, {"format": "duration"}]},
    ),
]


class _Said(msgspec.Struct, kw_only=True):
    """What may be said with every command, beside its parameters."""

    idempotency_key: Annotated[str, Meta(min_length=1, max_length=255)] | None = None
    account: Annotated[str, Meta(pattern=f"^{ACCOUNT_NAME}$")] | None = None
    livemode: bool | None = None
    not_before: _When | None = None
    deadline: _When | None = None
    reference: Annotated[str, Meta(max_length=255)] | None = None
    harmless: list[str] | None = None
    ordered: bool | None = None
    priority: Literal["interactive", "bulk"] | None = None
    missing_ok: bool | None = None
    all_pages: bool | None = None
    marker: bool | None = None
    use_reserve: bool | None = None
    when: Literal["deposits_arrived"] | None = None
    added_at: _Moment | None = None
    watch: bool | None = None


def _command_of(operation: Operation) -> type[msgspec.Struct]:
    """Make the type of one operation's commands: everything side by side."""
    text = Annotated[str, Meta(min_length=1, max_length=5000)]
    fields: list[Any] = [("customer", text)]
    if longest := operation.longest_id:
        fields.append(("id", Annotated[str, Meta(min_length=1, max_length=longest)]))
    for field in msgspec.structs.fields(operation.params):
        kind = field.type
        if field.name == "metadata":
            most = {"maxProperties": MOST_METADATA}
            kind = Annotated[kind, Meta(extra_json_schema=most)]
        fields.append((field.name, kind, None))
    fields += [
        (field.name, field.type, None)
        for field in msgspec.structs.fields(_Said)
        if operation.name in ONLY_ON.get(field.name, OPERATIONS)
    ]
    return msgspec.defstruct(
        operation.name.capitalize(),
        fields,
        kw_only=True,
        forbid_unknown_fields=True,
        tag_field="operation",
        tag=operation.name,
    )


AnyCommand = Union[  # type: ignore[valid-type]  # noqa: UP007  made of a table
    tuple(_command_of(operation) for operation in OPERATIONS.values())
]


def command_schema() -> dict[str, Any]:
    """Describe a command as the inbox takes it: one JSON object, all side by side."""
    return {
        "$schema": DIALECT,
        "$id": COMMAND_SCHEMA,
        "title": "A command",
        "description": (
            "What XADD writes into the field `command` of the inbox. A command that "
            "fits may still be rejected: card and account numbers are, wherever they "
            f"stand. Without `account` it is for {DEFAULT_ACCOUNT!r}."
        ),
        **msgspec.json.schema(AnyCommand),
    }
