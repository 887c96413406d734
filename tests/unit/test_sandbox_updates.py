"""Updating a source: what may change, and what it is answered."""

from collections.abc import Iterator

import httpx
import pytest

from sandbox.core import Sandbox
from sandbox.execution import Options
from sandbox.inprocess import transport
from sandbox.journal import Change

KEY = {"Authorization": "Bearer sk_test_1"}
SOURCES = "/customers/cus_1/sources"


@pytest.fixture
def sandbox() -> Sandbox:
    # June 2030: what is in the past does not depend on today.
    return Sandbox(Options(auto_customers=True, seed=1), clock=lambda: 1_907_000_000)


@pytest.fixture
def api(sandbox: Sandbox) -> Iterator[httpx.Client]:
    with httpx.Client(
        transport=transport(sandbox), base_url="http://sandbox/v1", headers=KEY
    ) as client:
        yield client


def add(api: httpx.Client, source: str = "tok_visa", **more: str) -> dict:
    answer = api.post(SOURCES, data={"source": source, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


def new(api: httpx.Client, kind: str) -> dict:
    """Add a card, bank_account or source to the customer."""
    if kind == "source":
        src = api.post("/sources", data={"type": "ach_debit"}).json()
        return add(api, src["id"])
    return add(api, {"card": "tok_visa", "bank_account": "btok_us_verified"}[kind])


def update(api: httpx.Client, source: dict, /, **data: str) -> httpx.Response:
    return api.post(f"{SOURCES}/{source['id']}", data=data)


def error_of(response: httpx.Response) -> tuple[int, str | None, str | None]:
    error = response.json()["error"]
    return response.status_code, error.get("code"), error.get("param")


def test_an_update_returns_what_is_read_afterwards(api: httpx.Client) -> None:
    card = add(api)
    updated = update(api, card, name="A B", address_zip="89073").json()
    assert updated == {**card, "name": "A B", "address_zip": "89073"}
    assert api.get(f"{SOURCES}/{card['id']}").json() == updated


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        *[
            ("card", f"address_{part}", "x")
            for part in ("city", "country", "line1", "line2", "state", "zip")
        ],
        ("card", "name", "A"),
        ("bank_account", "account_holder_name", "A"),
        ("bank_account", "account_holder_type", "company"),
        ("bank_account", "account_holder_type", "individual"),
    ],
)
def test_each_field_can_be_set(
    api: httpx.Client, kind: str, name: str, value: str
) -> None:
    source = new(api, kind)
    assert update(api, source, **{name: value}).json() == {**source, name: value}


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("card", "name"),
        ("card", "address_line1"),
        ("bank_account", "account_holder_name"),
    ],
)
def test_an_empty_string_unsets_a_field(
    api: httpx.Client, kind: str, name: str
) -> None:
    source = new(api, kind)
    update(api, source, **{name: "A"})
    assert update(api, source, **{name: ""}).json() == source


def test_the_owner_of_a_src_is_merged_field_by_field(api: httpx.Client) -> None:
    src = new(api, "source")
    update(
        api,
        src,
        **{"owner[name]": "A", "owner[email]": "a@b.test", "owner[address][city]": "U"},
    )
    changed = update(
        api, src, **{"owner[email]": "", "owner[address][postal_code]": "1"}
    ).json()
    nowhere = dict.fromkeys(("country", "line1", "line2", "state"))
    address = {**nowhere, "city": "U", "postal_code": "1"}
    owner = {"name": "A", "email": None, "phone": None, "address": address}
    assert changed == {**src, "owner": owner}
    assert api.get(f"/sources/{src['id']}").json() == changed
    gone = update(api, src, **{"owner[address]": ""}).json()
    assert gone["owner"] == {**owner, "address": None}


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({}, {"a": "1", "b": "2"}),
        ({"metadata[c]": "3"}, {"a": "1", "b": "2", "c": "3"}),
        ({"metadata[a]": "9"}, {"a": "9", "b": "2"}),
        ({"metadata[a]": ""}, {"b": "2"}),
        ({"metadata[nope]": ""}, {"a": "1", "b": "2"}),
        ({"metadata[a]": "", "metadata[c]": "3"}, {"b": "2", "c": "3"}),
        ({"metadata": ""}, {}),
    ],
)
@pytest.mark.parametrize("kind", ["card", "bank_account", "source"])
def test_metadata_is_merged(
    api: httpx.Client, kind: str, sent: dict[str, str], expected: dict[str, str]
) -> None:
    source = new(api, kind)
    update(api, source, **{"metadata[a]": "1", "metadata[b]": "2"})
    assert update(api, source, **sent).json() == {**source, "metadata": expected}


def test_metadata_never_grows_beyond_fifty_keys(api: httpx.Client) -> None:
    card = add(api, **{f"metadata[k{n}]": "v" for n in range(49)})
    assert update(api, card, **{"metadata[k49]": "v"}).status_code == 200
    assert error_of(update(api, card, **{"metadata[k50]": "v"}))[::2] == (
        400,
        "metadata",
    )
    swapped = update(api, card, **{"metadata[k50]": "v", "metadata[k0]": ""})
    assert len(swapped.json()["metadata"]) == 50


@pytest.mark.parametrize(
    ("sent", "expiry"),
    [
        ({"exp_month": "06", "exp_year": "2030"}, (6, 2030)),
        ({"exp_year": "31"}, (12, 2031)),
        ({"exp_month": "1"}, (1, 2034)),
    ],
)
def test_a_card_can_get_a_new_date(
    api: httpx.Client, sent: dict[str, str], expiry: tuple[int, int]
) -> None:
    card = update(api, add(api), **sent).json()
    assert (card["exp_month"], card["exp_year"]) == expiry


@pytest.mark.parametrize(
    ("sent", "code", "param"),
    [
        ({"exp_month": "5", "exp_year": "2030"}, "invalid_expiry_month", "exp_month"),
        ({"exp_month": "13"}, "invalid_expiry_month", "exp_month"),
        ({"exp_year": "2029"}, "invalid_expiry_year", "exp_year"),
        ({"exp_year": "29", "name": "B"}, "invalid_expiry_year", "exp_year"),
    ],
)
def test_a_card_cannot_be_made_to_have_expired(
    api: httpx.Client, sandbox: Sandbox, sent: dict[str, str], code: str, param: str
) -> None:
    card = add(api)
    refused = update(api, card, **sent)
    assert error_of(refused) == (402, code, param)
    assert refused.json()["error"]["type"] == "card_error"
    assert api.get(f"{SOURCES}/{card['id']}").json() == card
    assert sandbox.journal.effects[-1].change is Change.SOURCE_CREATED


def test_a_card_that_has_expired_can_still_be_described(
    api: httpx.Client, sandbox: Sandbox
) -> None:
    card = add(api)
    sandbox.advance(5 * 366 * 24 * 60 * 60)
    assert update(api, card, name="A").status_code == 200
    assert error_of(update(api, card, exp_month="1"))[0] == 402


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("card", "account_holder_name"),
        ("card", "owner"),
        ("bank_account", "name"),
        ("bank_account", "exp_year"),
        ("source", "address_zip"),
        ("source", "account_holder_type"),
        ("card", "source"),
        ("card", "number"),
        ("bank_account", "routing_number"),
    ],
)
def test_what_is_no_parameter_of_this_kind_is_refused(
    api: httpx.Client, kind: str, name: str
) -> None:
    source = new(api, kind)
    answer = update(api, source, **{name: "2040", "metadata[a]": "b"})
    assert error_of(answer) == (400, "parameter_unknown", name)
    assert api.get(f"{SOURCES}/{source['id']}").json() == source


@pytest.mark.parametrize(
    ("kind", "sent", "code", "param"),
    [
        ("card", {"exp_month": "x"}, "parameter_invalid_integer", "exp_month"),
        ("card", {"exp_year": ""}, "parameter_invalid_empty", "exp_year"),
        ("card", {"name[first]": "A"}, None, "name"),
        ("card", {"metadata": "x"}, None, "metadata"),
        (
            "bank_account",
            {"account_holder_type": "club"},
            None,
            "account_holder_type",
        ),
        (
            "bank_account",
            {"account_holder_type": ""},
            "parameter_invalid_empty",
            "account_holder_type",
        ),
        ("source", {"owner": "A"}, None, "owner"),
        ("source", {"owner[age]": "7"}, "parameter_unknown", "owner[age]"),
        (
            "source",
            {"owner[address][moon]": "7"},
            "parameter_unknown",
            "owner[address][moon]",
        ),
        ("source", {"owner[address]": "U"}, None, "owner[address]"),
    ],
)
def test_what_is_wrong_with_an_update_is_told(
    api: httpx.Client, kind: str, sent: dict[str, str], code: str | None, param: str
) -> None:
    assert error_of(update(api, new(api, kind), **sent)) == (400, code, param)


def test_what_is_not_there_cannot_be_updated(api: httpx.Client) -> None:
    missing = update(api, {"id": "card_nope"}, name="A")
    assert error_of(missing) == (404, "resource_missing", "id")


def test_the_customer_can_be_expanded(api: httpx.Client) -> None:
    card = add(api)
    updated = update(api, card, **{"expand[]": "customer"}).json()
    assert updated["customer"]["default_source"] == card["id"]


def test_each_update_that_was_executed_is_in_the_journal(
    api: httpx.Client, sandbox: Sandbox
) -> None:
    card = add(api, **{"metadata[job]": "1"})
    for _ in range(2):
        update(api, card, **{"metadata[job]": "2"})
    told = [
        (effect.object, effect.operation, effect.customer, effect.metadata)
        for effect in sandbox.journal.effects
        if effect.change is Change.SOURCE_UPDATED
    ]
    assert told == [(card["id"], "update", "cus_1", {"job": "2"})] * 2


def test_a_key_makes_one_update_of_two_requests(
    api: httpx.Client, sandbox: Sandbox
) -> None:
    url = f"{SOURCES}/{add(api)['id']}"
    once = {"data": {"name": "A"}, "headers": {"Idempotency-Key": "k"}}
    first = api.post(url, **once)
    api.post(url, data={"name": "B"})
    again = api.post(url, **once)
    assert again.content == first.content
    assert again.headers["Idempotent-Replayed"] == "true"
    assert api.get(url).json()["name"] == "B"
