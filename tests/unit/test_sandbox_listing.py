"""Listing a customer's sources: pages, cursors, filters."""

from collections.abc import Iterator

import httpx
import pytest

from sandbox.core import Sandbox
from sandbox.execution import Options
from sandbox.inprocess import transport

KEY = {"Authorization": "Bearer sk_test_1"}
SOURCES = "/customers/cus_1/sources"


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox(Options(auto_customers=True, seed=1))


@pytest.fixture
def api(sandbox: Sandbox) -> Iterator[httpx.Client]:
    with httpx.Client(
        transport=transport(sandbox), base_url="http://sandbox/v1", headers=KEY
    ) as client:
        yield client


def add(api: httpx.Client, source: str = "tok_visa") -> str:
    return api.post(SOURCES, data={"source": source}).json()["id"]


def cards(sandbox: Sandbox, count: int) -> list[str]:
    """Put cards there, and return their ids in the order in which they are listed."""
    ids = [f"card_{n:03}" for n in range(count)]
    sandbox.seed({"cus_1": ids})
    return ids[::-1]


def listed(
    api: httpx.Client, query: str = "", path: str = SOURCES
) -> tuple[list, bool]:
    page = api.get(f"{path}?{query}").json()
    return [source["id"] for source in page["data"]], page["has_more"]


def error_of(response: httpx.Response) -> tuple[int, str | None, str | None]:
    error = response.json()["error"]
    return response.status_code, error.get("code"), error.get("param")


def test_a_list_has_the_four_fields_of_stripes(api: httpx.Client) -> None:
    assert api.get(SOURCES).json() == {
        "object": "list",
        "data": [],
        "has_more": False,
        "url": "/v1/customers/cus_1/sources",
    }


def test_the_newest_source_comes_first(api: httpx.Client) -> None:
    ids = [add(api), add(api, "btok_us_verified"), add(api, "tok_amex")]
    assert listed(api) == (ids[::-1], False)


def test_an_updated_source_keeps_its_place(api: httpx.Client) -> None:
    ids = [add(api), add(api)]
    api.post(f"{SOURCES}/{ids[0]}", data={"name": "A"})
    assert listed(api) == (ids[::-1], False)


@pytest.mark.parametrize(
    ("there", "query", "shown"),
    [
        (10, "", 10),
        (11, "", 10),
        (3, "limit=2", 2),
        (2, "limit=2", 2),
        (101, "limit=100", 100),
        (1, "limit=1", 1),
    ],
)
def test_a_page_has_ten_sources_or_as_many_as_asked(
    api: httpx.Client, sandbox: Sandbox, there: int, query: str, shown: int
) -> None:
    ids = cards(sandbox, there)
    assert listed(api, query) == (ids[:shown], there > shown)


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
def test_walking_forward_meets_each_source_once(
    api: httpx.Client, sandbox: Sandbox, limit: int
) -> None:
    ids = cards(sandbox, 7)
    met, more = listed(api, f"limit={limit}")
    while more:
        page, more = listed(api, f"limit={limit}&starting_after={met[-1]}")
        assert page
        met += page
    assert met == ids


def test_a_page_before_a_cursor_is_the_one_next_to_it(
    api: httpx.Client, sandbox: Sandbox
) -> None:
    ids = cards(sandbox, 7)
    assert listed(api, f"limit=2&ending_before={ids[5]}") == (ids[3:5], True)
    assert listed(api, f"limit=2&ending_before={ids[2]}") == (ids[:2], False)
    assert listed(api, f"ending_before={ids[0]}") == ([], False)
    assert listed(api, f"starting_after={ids[-1]}") == ([], False)


def test_a_kind_can_be_asked_for(api: httpx.Client) -> None:
    src = api.post("/sources", data={"type": "ach_debit"}).json()["id"]
    card, account, _ = add(api), add(api, "btok_us_verified"), add(api, src)
    second = add(api)
    assert listed(api, "object=card") == ([second, card], False)
    assert listed(api, "object=bank_account") == ([account], False)
    assert listed(api, "object=source") == ([src], False)
    assert listed(api, "object=card&limit=1") == ([second], True)
    # The cursor is a place in the list, whatever is asked for beyond it.
    assert listed(api, f"object=card&starting_after={account}") == ([card], False)


def test_the_customer_can_be_expanded_in_each_source(api: httpx.Client) -> None:
    first, second = add(api), add(api)
    query = "expand[]=data.customer&expand[]=data.customer.default_source"
    data = api.get(f"{SOURCES}?{query}").json()["data"]
    assert [source["id"] for source in data] == [second, first]
    assert {source["customer"]["default_source"]["id"] for source in data} == {first}


@pytest.mark.parametrize(
    ("query", "code", "param"),
    [
        ("limit=0", "parameter_invalid_integer", "limit"),
        ("limit=101", "parameter_invalid_integer", "limit"),
        ("limit=-1", "parameter_invalid_integer", "limit"),
        ("limit=ten", "parameter_invalid_integer", "limit"),
        ("limit=", "parameter_invalid_empty", "limit"),
        (f"limit={'9' * 5000}", "parameter_invalid_integer", "limit"),
        (
            "starting_after=card_000&ending_before=card_000",
            "parameters_exclusive",
            "starting_after",
        ),
        ("starting_after=card_nope", "resource_missing", "starting_after"),
        ("ending_before=card_nope", "resource_missing", "ending_before"),
        ("starting_after=", "parameter_invalid_empty", "starting_after"),
        ("starting_after[]=card_000", None, "starting_after"),
        ("object=boat", None, "object"),
        ("expand[]=customer", None, "expand"),
        ("created=1", "parameter_unknown", "created"),
    ],
)
def test_what_is_wrong_with_a_list_is_told(
    api: httpx.Client, sandbox: Sandbox, query: str, code: str | None, param: str
) -> None:
    cards(sandbox, 1)
    assert error_of(api.get(f"{SOURCES}?{query}")) == (400, code, param)


def test_a_cursor_that_was_deleted_is_missing(api: httpx.Client) -> None:
    gone, _ = add(api), add(api)
    api.delete(f"{SOURCES}/{gone}")
    answer = api.get(f"{SOURCES}?starting_after={gone}")
    assert error_of(answer) == (400, "resource_missing", "starting_after")


def test_the_sources_of_nobody_cannot_be_listed(api: httpx.Client) -> None:
    assert api.get("/customers/cus_1").status_code == 200
    api.delete("/customers/cus_1")
    assert error_of(api.get(SOURCES)) == (404, "resource_missing", "customer")


def test_listing_changes_nothing(api: httpx.Client, sandbox: Sandbox) -> None:
    cards(sandbox, 3)
    api.get(SOURCES)
    assert sandbox.journal.effects == []


@pytest.mark.parametrize(
    ("path", "token", "other"),
    [
        ("cards", "tok_visa", "btok_us_verified"),
        ("bank_accounts", "btok_us_verified", "tok_visa"),
    ],
)
def test_the_older_paths_stand_for_one_kind(
    api: httpx.Client, path: str, token: str, other: str
) -> None:
    alias = f"/customers/cus_1/{path}"
    mine = api.post(alias, data={"source": token}).json()
    theirs = add(api, other)
    assert listed(api, path=alias) == ([mine["id"]], False)
    assert api.get(alias).json()["url"] == f"/v1{alias}"
    assert error_of(api.get(f"{alias}?object=card"))[1] == "parameter_unknown"

    assert api.get(f"{alias}/{mine['id']}").json() == mine
    changed = api.post(f"{alias}/{mine['id']}", data={"metadata[a]": "b"}).json()
    assert changed == api.get(f"{SOURCES}/{mine['id']}").json()
    assert api.delete(f"{alias}/{mine['id']}").json()["deleted"] is True
    for method in ("GET", "POST", "DELETE"):
        answer = api.request(method, f"{alias}/{theirs}")
        assert error_of(answer) == (404, "resource_missing", "id")
    assert listed(api) == ([theirs], False)


def test_a_key_that_was_used_on_an_older_path_is_bound_to_it(
    api: httpx.Client,
) -> None:
    post = {"data": {"source": "tok_visa"}, "headers": {"Idempotency-Key": "k"}}
    assert api.post("/customers/cus_1/cards", **post).status_code == 200
    answer = api.post(SOURCES, **post)
    assert (answer.status_code, answer.json()["error"]["type"]) == (
        400,
        "idempotency_error",
    )
