"""Showing an address without what must not be seen."""

from __future__ import annotations

import re

MASK = "***"
_PASSWORD = re.compile(r"(?<=://)([^/?#@:]*:)?\S*(?=@)")
_QUERY = re.compile(r"(?i)([?&][^=&#]*(?:password|secret|token|key)[^=&#]*=)[^&#]*")


def mask_url(url: str) -> str:
    """Hide passwords: `redis://user:***@host/0?password=***`.

    All before the last `@` is taken for credentials, so that a password with `@` or
    `/` in it, which should be escaped, is hidden whole. So is a lone user name, which
    is where some put a token.
    """
    masked = _PASSWORD.sub(lambda found: (found[1] or "") + MASK, url)
    return _QUERY.sub(rf"\1{MASK}", masked)
