"""Fingerprints: what tells the same command from another under one key. Pure."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from customer_sources.contract.commands import Command

_CANONICAL = msgspec.json.Encoder(order="deterministic")


def fingerprint(command: Command, params: Any) -> str:
    """Hash what was asked. Not how it is encoded: that may change with a version.

    What has its default is left out, so that a new field changes no old fingerprint.

    Args:
        command: with all that is said beside its parameters.
        params: its parameters in plain types.
    """
    asked: list[Any] = [
        command.operation,
        command.account,
        command.customer,
        command.id,
        {name: _as_asked(value) for name, value in params.items()},
    ]
    if command.missing_ok:
        asked.append("missing_ok")
    if command.all_pages:
        asked.append("all_pages")
    if not command.marker:
        asked.append("no_marker")
    # Stated, a mode guards. If it were no part of this, a command that states one would
    # be taken for one accepted before that states none, and run without its guard.
    if command.livemode is not None:
        asked.append({"livemode": command.livemode})
    if command.use_reserve:
        asked.append("use_reserve")
    if command.when:
        asked.append({"when": command.when, "added_at": command.added_at})
    if command.watch:
        asked.append("watch")
    canonical = _CANONICAL.encode(asked)
    return hashlib.blake2b(canonical, digest_size=16).hexdigest()


def _as_asked(value: Any) -> Any:
    """Take `exp_month=1` and `exp_month="1"` for what they are: the same."""
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if is_number else value
