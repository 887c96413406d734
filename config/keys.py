"""What a Stripe key tells by its looks. Nothing here ever repeats one."""

from __future__ import annotations

import hashlib
import re
from typing import Literal

LIVE_KEYS = ("sk_live_", "rk_live_")
"""How keys begin with which real customers are changed."""

Mode = Literal["live", "test"]

_VISIBLE = re.compile(r"[!-~]+")
_LIKE_A_KEY = re.compile(r"(?i)(?<![a-z0-9])(?:sk|rk|pk|whsec)_")
_CONNECTED = re.compile(r"acct_[A-Za-z0-9]{1,250}")


def mode_of(key: str) -> Mode:
    """Tell whose customers a key changes: real ones, or test ones."""
    return "live" if key.startswith(LIVE_KEYS) else "test"


def key_id(key: str) -> str:
    """Tell one key from another in 12 hex digits, from which none can be made."""
    return hashlib.blake2b(key.encode(), digest_size=6, person=b"cs-key").hexdigest()


def fault_of(key: str) -> str | None:
    """Say what keeps a text from being a key, and what mends it; None: nothing."""
    if not key:
        return "is empty; a secret or restricted key (sk_... or rk_...) belongs there"
    if not _VISIBLE.fullmatch(key):
        return "must be the key alone, in printable ASCII without spaces"
    if key.startswith("pk_"):
        return "is a publishable key; take a secret or restricted one"
    return None


def resembles_key(text: str) -> bool:
    """Whether a text may hold a key, put where none belongs: it is not repeated."""
    return _LIKE_A_KEY.search(text) is not None


def is_connected_account(text: str) -> bool:
    """Whether a text can go out as `Stripe-Account`."""
    return _CONNECTED.fullmatch(text) is not None
