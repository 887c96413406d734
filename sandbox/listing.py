"""Listing a customer's sources, page by page, newest first."""

from typing import Any, NamedTuple

from sandbox import errors, failures, params
from sandbox.execution import Execution
from sandbox.forms import Form
from sandbox.objects import PaymentSource
from sandbox.views import LIST_PATHS, source_view

CURSORS = ("starting_after", "ending_before")
PAGE_PARAMS = frozenset({*CURSORS, "expand", "limit"})
KINDS = ("card", "bank_account", "source")
DEFAULT_LIMIT, MAX_LIMIT = 10, 100


class Page(NamedTuple):
    """Which sources are asked for: up to `limit`, on one side of a source."""

    limit: int
    starting_after: str | None
    ending_before: str | None


def list_sources(x: Execution) -> dict[str, Any]:
    """Return one page of a customer's sources.

    Raises:
        RefusedError: a parameter is malformed, or there is no such customer.
        FailedError: 400 `resource_missing`, the cursor is none of its sources.
    """
    # A path that stands for one kind takes no other.
    params.known(x.form, PAGE_PARAMS if x.call.kind else PAGE_PARAMS | {"object"})
    expand = params.expand(x.form, LIST_PATHS)
    kind = x.call.kind or params.choice(x.form, "object", KINDS)
    page = _page(x.form)
    owner = x.customer()
    for name in CURSORS:
        if name in x.form and x.form[name] not in owner.sources:
            raise failures.missing_in_params("source", str(x.form[name]), name)
    sources, has_more = _turned_to(page, kind, list(reversed(owner.sources.values())))
    # What stands behind `data.` is expanded in each of them.
    below = {path.partition(".")[2] for path in expand}
    return {
        "object": "list",
        "data": [source_view(source, owner, below) for source in sources],
        "has_more": has_more,
        "url": f"/v1/customers/{owner.id}/{x.call.kind or 'source'}s",
    }


def _page(form: Form) -> Page:
    cursors = [name for name in CURSORS if name in form]
    if len(cursors) > 1:
        raise errors.exclusive_params(cursors)
    limit = params.integer(form, "limit") if "limit" in form else DEFAULT_LIMIT
    if limit < 1:
        raise errors.out_of_range("limit", "greater than or equal to 1")
    if limit > MAX_LIMIT:
        raise errors.out_of_range("limit", f"less than or equal to {MAX_LIMIT}")
    return Page(limit, *(params.text(form, name) for name in CURSORS))


def _turned_to(
    page: Page, kind: str | None, newest_first: list[PaymentSource]
) -> tuple[list[PaymentSource], bool]:
    """Return the sources on a page, and whether there are more in its direction."""
    ids = [source.id for source in newest_first]
    if page.starting_after is not None:
        newest_first = newest_first[ids.index(page.starting_after) + 1 :]
    if page.ending_before is not None:
        newest_first = newest_first[: ids.index(page.ending_before)]
    matching = [source for source in newest_first if kind in (None, source.object)]
    # Before a cursor, the page is the one next to it, not the very newest.
    found = matching[-page.limit :] if page.ending_before else matching[: page.limit]
    return found, len(matching) > page.limit
