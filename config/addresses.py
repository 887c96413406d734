"""What counts as an address in the settings."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit


def is_address(text: str, schemes: Collection[str]) -> bool:
    """Whether a text is an address of one of these schemes that says where."""
    try:
        parts = urlsplit(text)
        port_fits = parts.port != 0
    except ValueError:  # brackets that do not close, a port that is no number
        return False
    return parts.scheme in schemes and port_fits and bool(parts.hostname)
