"""JSON Schema (draft 2020-12) of events, for consumers in other languages. Pure.

Made from the same definitions that compose events.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

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
from customer_sources.contract.notices import (
    COUNTS,
    OF_ACCOUNT,
    OF_BATCH,
    OF_VERIFICATION,
)
from customer_sources.contract.operations import (
    OPERATIONS,
)
from customer_sources.contract.states import TERMINAL, State
from customer_sources.contract.sweeps import PASSED_OVER, SWEPT

DIALECT = "https://json-schema.org/draft/2020-12/schema"

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
SWEPT_TYPES = (SWEPT,)
"""The type of the event that tells what a sweep has done."""
VERIFICATION_TYPES = tuple(
    f"{TYPE_PREFIX}source_verification.{what}" for what in OF_VERIFICATION
)
"""Types of the events that tell what became of a watch."""
EVENT_TYPES = (
    *DONE_TYPES,
    *ENDED_TYPES,
    *REJECTED_TYPES,
    *SETTLED_TYPES,
    *ACCOUNT_TYPES,
    *BATCH_TYPES,
    *SWEPT_TYPES,
    *VERIFICATION_TYPES,
)
"""Every type of event that this version tells."""

_OperationName = Literal[tuple(OPERATIONS)]  # type: ignore[valid-type]  # made here
_Flat = bool | int | float | str | None


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
_Count = Annotated[int, Meta(ge=0)]
_Attempts = msgspec.defstruct("Attempts", [("used", _Count), ("left", _Count)])
_Done = msgspec.defstruct(
    "Done",
    [
        ("state", Literal["succeeded"]),
        ("operation", _OperationName),
        ("account", str),
        ("outcome", str | UnsetType, UNSET),
        ("attempts", _Attempts | UnsetType, UNSET),
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
        ("attempts", _Attempts | UnsetType, UNSET),
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
_Swept = msgspec.defstruct(
    "Swept",
    [
        ("state", Literal["swept"]),
        ("by", Literal["schedule", "hand"]),
        ("considered", _Count),
        ("put_forward", _Count),
        (
            "passed_over",
            msgspec.defstruct("PassedOver", [(n, _Count) for n in PASSED_OVER]),
        ),
        ("slot", str | UnsetType, UNSET),
    ],
)
_OfVerification = msgspec.defstruct(
    "OfVerification",
    [
        ("state", Literal[OF_VERIFICATION]),
        ("account", str),
        ("status", str | None),
        ("attempts", _Attempts | UnsetType, UNSET),
        ("reminder", _Count | UnsetType, UNSET),
        *((name, str | UnsetType, UNSET) for name in ("added", "arrives", "expires")),
        *((name, str | UnsetType, UNSET) for name in ("why", "job")),
    ],
)
_DATA = (
    (DONE_TYPES, _Done),
    (ENDED_TYPES, _Ended),
    (REJECTED_TYPES, _Rejected),
    (SETTLED_TYPES, _Settled),
    (ACCOUNT_TYPES, _OfAccount),
    (BATCH_TYPES, _OfBatch),
    (SWEPT_TYPES, _Swept),
    (VERIFICATION_TYPES, _OfVerification),
)


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
