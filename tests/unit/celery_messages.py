"""Celery messages for tests: a good one, and any number of damaged ones."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

from hypothesis import strategies as st

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=9)
    | st.sampled_from(["base64", "2030-01-31T12:00:00", "tok_visa", "cus_1", "\ud800"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=9), inner, max_size=3)
        | st.builds(
            lambda kind, value: {"__type__": kind, "__value__": value},
            st.sampled_from(["datetime", "date", "uuid", "decimal", "bytes", "secret"]),
            inner,
        )
    ),
    max_leaves=3,
)


def message(**changes: Any) -> dict[str, Any]:
    """Write a good `sources.create`, but for some changes.

    Args:
        changes: `headers` and `properties` are merged; `body` replaces the decoded
            body, `args`, `kwargs` and `embed` its parts; anything else replaces a
            field of the message, written with `_` for `-`.
    """
    parts = [
        changes.pop("args", []),
        changes.pop("kwargs", {"customer": "cus_1", "source": "tok_visa"}),
        changes.pop("embed", {"callbacks": None, "errbacks": None, "chain": None}),
    ]
    body = json.dumps(changes.pop("body", parts))
    headers = {
        "lang": "py",
        "task": "sources.create",
        "id": "order-7",
        "eta": None,
        "expires": None,
        "retries": 0,
        "timelimit": [None, None],
    }
    properties = {
        "correlation_id": "order-7",
        "delivery_info": {"exchange": "", "routing_key": "sources.interactive"},
        "delivery_tag": "tag-7",
        "body_encoding": "base64",
        "priority": 0,
    }
    return {
        "body": b64encode(body.encode()).decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": headers | changes.pop("headers", {}),
        "properties": properties | changes.pop("properties", {}),
        **{name.replace("_", "-"): value for name, value in changes.items()},
    }


@st.composite
def entries(draw: st.DrawFn) -> str:
    """Make list entries: a good message with anything at all in up to three places."""
    places: dict[str, Any] = {}
    for place in draw(st.lists(st.sampled_from(_PLACES), max_size=3, unique=True)):
        outer, _, inner = place.partition(".")
        value = draw(json_values)
        if inner:
            places.setdefault(outer, {})[inner] = value
        else:
            places[outer] = value
    return json.dumps(message(**places) | draw(_outer))


_PLACES = (
    "body",
    "args",
    "kwargs",
    "embed",
    "content_type",
    "content_encoding",
    "headers.task",
    "headers.id",
    "headers.eta",
    "headers.expires",
    "headers.timelimit",
    "headers.compression",
    "headers.retries",
    "properties.body_encoding",
    "properties.delivery_tag",
    "properties.delivery_info",
    "properties.priority",
)
_outer = st.one_of(
    st.just({}),
    st.dictionaries(
        st.sampled_from(["body", "headers", "properties", "content-type"]),
        json_values,
        max_size=2,
    ),
)
