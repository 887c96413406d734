"""The worker's Lua scripts, behind what they share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from customer_sources import scripts

SHARED = ("prelude", "permits", "batches", "sending", "attempts", "sweeping")
"""What every script here may use, in the order in which it is put in front."""


def register(client: Any, names: Iterable[str]) -> dict[str, Any]:
    """Register scripts with a Redis client.

    Returns:
        By name, `Script` or `AsyncScript` as the client is.
    """
    shared = tuple(scripts.read(name, "worker") for name in SHARED)
    return {
        name: client.register_script(scripts.load(name, shared, "worker"))
        for name in names
    }
