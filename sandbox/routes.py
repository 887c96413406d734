"""Which operation a request asks for, and on what."""

from enum import StrEnum
from typing import NamedTuple
from urllib.parse import unquote

from sandbox import errors


class Operation(StrEnum):
    """What the sandbox can do; the bare verbs are those on a customer's sources."""

    LIST = "list"
    CREATE = "create"
    GET = "get"
    UPDATE = "update"
    DELETE = "delete"
    VERIFY = "verify"
    CREATE_CUSTOMER = "create_customer"
    GET_CUSTOMER = "get_customer"
    DELETE_CUSTOMER = "delete_customer"
    CREATE_TOKEN = "create_token"  # noqa: S105 - the name of an operation
    GET_TOKEN = "get_token"  # noqa: S105 - likewise
    CREATE_SOURCE = "create_source"
    GET_SOURCE = "get_source"


READS = frozenset(
    {
        Operation.LIST,
        Operation.GET,
        Operation.GET_CUSTOMER,
        Operation.GET_TOKEN,
        Operation.GET_SOURCE,
    }
)
"""The operations that change nothing."""


class Call(NamedTuple):
    """An operation and the objects that its path names."""

    operation: Operation
    customer: str = ""
    id: str = ""
    kind: str = ""
    """The only kind of source that the path stands for; empty where it is any."""


class Endpoint(NamedTuple):
    """What stands behind a path: an operation, and the meaning of the ids in it."""

    operation: Operation
    ids: tuple[str, ...] = ()
    kind: str = ""


CUSTOMER, SOURCE = ("customer",), ("customer", "id")


def _endpoints() -> dict[str, Endpoint]:
    """Return the endpoints by method and path, with a `*` in the place of each id."""
    table = {
        "POST /v1/customers": Endpoint(Operation.CREATE_CUSTOMER),
        "GET /v1/customers/*": Endpoint(Operation.GET_CUSTOMER, CUSTOMER),
        "DELETE /v1/customers/*": Endpoint(Operation.DELETE_CUSTOMER, CUSTOMER),
        "POST /v1/tokens": Endpoint(Operation.CREATE_TOKEN),
        "GET /v1/tokens/*": Endpoint(Operation.GET_TOKEN, ("id",)),
        "POST /v1/sources": Endpoint(Operation.CREATE_SOURCE),
        "GET /v1/sources/*": Endpoint(Operation.GET_SOURCE, ("id",)),
    }
    # The last two are older names of the first, each for one kind of source.
    for name, kind in (
        ("sources", ""),
        ("cards", "card"),
        ("bank_accounts", "bank_account"),
    ):
        path = f"/v1/customers/*/{name}"
        table |= {
            f"GET {path}": Endpoint(Operation.LIST, CUSTOMER, kind),
            f"POST {path}": Endpoint(Operation.CREATE, CUSTOMER, kind),
            f"GET {path}/*": Endpoint(Operation.GET, SOURCE, kind),
            f"POST {path}/*": Endpoint(Operation.UPDATE, SOURCE, kind),
            f"DELETE {path}/*": Endpoint(Operation.DELETE, SOURCE, kind),
        }
        if kind != "card":
            table[f"POST {path}/*/verify"] = Endpoint(Operation.VERIFY, SOURCE, kind)
    return table


ENDPOINTS = _endpoints()


def route(method: str, path: str) -> Call:
    """Return what a request asks for; `path` is still percent-encoded.

    Raises:
        RefusedError: there is no such endpoint here.
    """
    # "", "v1", a collection, an id, a collection, an id, a verb
    parts = path.split("/")
    ids = parts[3::2]
    parts[3::2] = ["*"] * len(ids)
    endpoint = ENDPOINTS.get(f"{method} {'/'.join(parts)}")
    if endpoint is None or not all(ids):
        raise errors.unknown_url(method, path)
    named = dict(zip(endpoint.ids, map(unquote, ids), strict=True))
    return Call(endpoint.operation, **named, kind=endpoint.kind)
