"""JSON Schema (draft 2020-12) of what goes in and of what comes out. Pure.

Made from the same definitions that validate commands and compose events, for those
who write their producers and consumers in another language.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Union

import msgspec
from msgspec import UNSET, Meta, UnsetType

from customer_sources.batches.status import BatchState
from customer_sources.contract.errors import Problem
from customer_sources.contract.events import (
    _ERROR_FIELDS,
    _SOURCE_FIELDS,
    DATA_SCHEMA,
    EVIDENCE_FIELDS,
    TYPE_PREFIX,
    Event,
)
from customer_sources.contract.names import ACCOUNT_NAME, DEFAULT_ACCOUNT
from customer_sources.contract.notices import COUNTS, OF_ACCOUNT, OF_BATCH
from customer_sources.contract.operations import (
    MOST_METADATA,
    OPERATIONS,
    Operation,
)
from customer_sources.contract.states import TERMINAL, State
from customer_sources.contract.validation import ONLY_ON

DIALECT = "https://json-schema.org/draft/2020-12/schema"
COMMAND_SCHEMA = "urn:customer-sources:command:1"

DONE_TYPES = tuple(TYPE_PREFIX + one.event for one in OPERATIONS.values())
"""Types of the events that tell a success, one for each operation."""
ENDED_TYPES = tuple(
    f"{TYPE_PREFIX}source_job.{state.value}"
    for state in State
    if state in TERMINAL and state is not State.SUCCEEDED
)
"""Types of the events that tell any other end of a job."""
REJECTED_TYPES = (f"{TYPE_PREFIX}source_job.rejected",)
SETTLED_TYPES = tuple(
    f"{TYPE_PREFIX}source_job.{settled}" for settled in ("replayed", "discarded")
)
"""Types of the events that tell what a person did with a job in review."""
ACCOUNT_TYPES = tuple(f"{TYPE_PREFIX}source_account.{what}" for what in OF_ACCOUNT)
"""Types of the events that tell what became of an account."""
BATCH_TYPES = tuple(f"{TYPE_PREFIX}source_batch.{what}" for what in OF_BATCH)
"""Types of the events that tell what became of a batch, or how far it is."""
EVENT_TYPES = (
    *DONE_TYPES,
    *ENDED_TYPES,
    *REJECTED_TYPES,
    *SETTLED_TYPES,
    *ACCOUNT_TYPES,
    *BATCH_TYPES,
)
"""Every type of event that this version tells."""

_OperationName = Literal[tuple(OPERATIONS)]  # type: ignore[valid-type]  # made here
_Moment = Annotated[datetime, Meta(tz=True, description="RFC 3339, with an offset.")]
_Flat = bool | int | float | str | None


class _Said(msgspec.Struct, kw_only=True):
    """What may be said with every command, beside its parameters."""

    idempotency_key: Annotated[str, Meta(min_length=1, max_length=255)] | None = None
    account: Annotated[str, Meta(pattern=f"^{ACCOUNT_NAME}$")] | None = None
    livemode: bool | None = None
    not_before: _Moment | None = None
    deadline: _Moment | None = None
    reference: Annotated[str, Meta(max_length=255)] | None = None
    harmless: list[str] | None = None
    ordered: bool | None = None
    priority: Literal["interactive", "bulk"] | None = None
    missing_ok: bool | None = None
    all_pages: bool | None = None
    marker: bool | None = None


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

_Source = msgspec.defstruct(
    "Source",
    [
        (name, (dict[str, str] if name == "metadata" else _Flat) | UnsetType, UNSET)
        for name in _SOURCE_FIELDS
    ],
)
_SourceList = msgspec.defstruct(
    "SourceList",
    [("object", Literal["list"]), ("has_more", bool), ("data", list[_Source])],  # type: ignore[valid-type]
)
_Error = msgspec.defstruct(
    "Error",
    [(name, str | UnsetType, UNSET) for name in (*_ERROR_FIELDS, *EVIDENCE_FIELDS)],
)
_Done = msgspec.defstruct(
    "Done",
    [
        ("state", Literal["succeeded"]),
        ("operation", _OperationName),
        ("account", str),
        ("source", _Source | UnsetType, UNSET),
        ("list", _SourceList | UnsetType, UNSET),
    ],
)
_Ended = msgspec.defstruct(
    "Ended",
    [
        ("state", Literal["failed", "needs_review", "cancelled"]),
        ("error", _Error),
        ("operation", _OperationName | UnsetType, UNSET),
        ("account", str | UnsetType, UNSET),
    ],
)
_Rejected = msgspec.defstruct(
    "Rejected",
    [
        ("state", Literal["rejected"]),
        ("operation", str),
        ("problems", list[Problem]),
        ("account", str | UnsetType, UNSET),
    ],
)
_Settled = msgspec.defstruct(
    "Settled",
    [
        ("state", Literal["replayed", "discarded"]),
        ("reason", str),
        ("operation", _OperationName | UnsetType, UNSET),
        ("account", str | UnsetType, UNSET),
        ("actor", str | UnsetType, UNSET),
        ("code", str | UnsetType, UNSET),
        ("replay", str | UnsetType, UNSET),
    ],
)
_OfAccount = msgspec.defstruct(
    "OfAccount",
    [
        ("state", Literal[OF_ACCOUNT]),
        ("account", str),
        ("refused", str | UnsetType, UNSET),
        ("operation", str | UnsetType, UNSET),
        ("key", str | UnsetType, UNSET),
        ("reason", str | UnsetType, UNSET),
    ],
)
_Count = Annotated[int, Meta(ge=0)]
_OfBatch = msgspec.defstruct(
    "OfBatch",
    [
        ("state", BatchState),
        ("account", str),
        *((name, _Count) for name in COUNTS),
        ("why", Literal["canary", "errors"] | UnsetType, UNSET),
        ("label", str | UnsetType, UNSET),
    ],
)
_DATA = (
    (DONE_TYPES, _Done),
    (ENDED_TYPES, _Ended),
    (REJECTED_TYPES, _Rejected),
    (SETTLED_TYPES, _Settled),
    (ACCOUNT_TYPES, _OfAccount),
    (BATCH_TYPES, _OfBatch),
)


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


def event_schema() -> dict[str, Any]:
    """Describe an event as it stands in the field `event` of the stream.

    It is open where later releases may add: types, attributes, fields of `data`.
    """
    (_, *data_refs), definitions = msgspec.json.schema_components(
        [Event, *(data for _, data in _DATA)], ref_template="#/$defs/{name}"
    )
    envelope = definitions["Event"]
    attributes = envelope["properties"]
    attributes["specversion"] = {"const": "1.0"}
    attributes["dataschema"] = {"const": DATA_SCHEMA}
    attributes["time"] |= {"format": "date-time"}
    envelope["required"] += ["specversion", "datacontenttype", "dataschema", "data"]
    return {
        "$schema": DIALECT,
        "$id": DATA_SCHEMA,
        "title": "An event",
        "$ref": "#/$defs/Event",
        "allOf": [
            {
                "if": {"properties": {"type": {"enum": list(types)}}},
                "then": {"properties": {"data": ref}},
            }
            for (types, _), ref in zip(_DATA, data_refs, strict=True)
        ],
        "$defs": definitions,
    }
