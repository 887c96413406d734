"""Following the pages of a list to their end. Pure.

Each page is a request of its own, asked for and sent like any other. A list changes
nothing, so a run that is interrupted starts again at the first page; so does one whose
cursor has vanished, because somebody deleted that source meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from worker.looking import MOST_RESTARTS, MOST_SOURCES
from worker.outcomes import Fail, Outcome, Succeed
from worker.stripe_api import StripeRequest


class Pages:
    """Collects the pages of one list."""

    def __init__(self, first: StripeRequest) -> None:
        self._first = first
        self._items: list[Mapping[str, Any]] = []
        self._restarts = 0

    def take(self, page: Succeed | Fail) -> Outcome | StripeRequest:
        """Take a page in, or that there is none at its cursor.

        Returns:
            The request for the next page; or the outcome of the whole.
        """
        if isinstance(page, Fail):
            if not self._items or self._restarts == MOST_RESTARTS:
                return page
            self._restarts += 1
            self._items = []
            return self._first
        self._items += page.stripe_object["data"]
        has_more = page.stripe_object["has_more"]
        if len(self._items) + bool(has_more) > MOST_SOURCES:
            message = f"more than {MOST_SOURCES} sources; list them page by page"
            error = {"code": "too_many_sources", "message": message}
            return Fail("too_many_sources", error)
        if not has_more:
            whole = {"object": "list", "has_more": False, "data": self._items}
            return Succeed(whole, code=page.code)
        last = self._items[-1].get("id") if self._items else None
        if not isinstance(last, str):
            error = {"code": "odd_page", "message": "a page without a source to go on"}
            return Fail("odd_page", error)
        glue = "&" if "?" in self._first.path else "?"
        path = f"{self._first.path}{glue}starting_after={quote(last, safe='')}"
        return msgspec.structs.replace(self._first, path=path)
