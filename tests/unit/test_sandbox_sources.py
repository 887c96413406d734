from collections.abc import Iterator

import httpx
import pytest

from sandbox.core import Sandbox
from sandbox.execution import Options
from sandbox.inprocess import transport
from sandbox.journal import Change

KEY = {"Authorization": "Bearer sk_test_1"}


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox(Options(auto_customers=True, seed=1))


@pytest.fixture
def api(sandbox: Sandbox) -> Iterator[httpx.Client]:
    with httpx.Client(
        transport=transport(sandbox), base_url="http://sandbox/v1", headers=KEY
    ) as client:
        yield client


def add(api: httpx.Client, source: str = "tok_visa", customer: str = "cus_1") -> dict:
    response = api.post(f"/customers/{customer}/sources", data={"source": source})
    assert response.status_code == 200, response.text
    return response.json()


def new_src(api: httpx.Client, **params: str) -> dict:
    response = api.post("/sources", data={"type": "ach_credit_transfer", **params})
    assert response.status_code == 200, response.text
    return response.json()


def default_source(api: httpx.Client, customer: str = "cus_1") -> str | None:
    return api.get(f"/customers/{customer}").json()["default_source"]


def error_of(response: httpx.Response) -> tuple[int, str | None, str | None]:
    error = response.json()["error"]
    return response.status_code, error.get("code"), error.get("param")


def test_a_created_card_can_be_read_and_deleted(api: httpx.Client) -> None:
    card = add(api)
    url = f"/customers/cus_1/sources/{card['id']}"
    assert (card["object"], card["customer"], card["last4"], card["brand"]) == (
        "card",
        "cus_1",
        "4242",
        "Visa",
    )
    assert card["id"].startswith("card_")
    assert api.get(url).json() == card
    assert api.delete(url).json() == {
        "id": card["id"],
        "object": "card",
        "deleted": True,
    }
    assert error_of(api.get(url)) == (404, "resource_missing", "id")


def test_metadata_is_kept_and_empty_values_are_left_out(api: httpx.Client) -> None:
    card = api.post(
        "/customers/cus_1/sources",
        data={"source": "tok_visa", "metadata[job_id]": "job_1", "metadata[no]": ""},
    ).json()
    assert card["metadata"] == {"job_id": "job_1"}


def test_each_use_of_a_test_token_is_another_card_with_the_same_fingerprint(
    api: httpx.Client,
) -> None:
    first, second, other = add(api), add(api), add(api, "tok_mastercard")
    assert first["id"] != second["id"]
    assert first["fingerprint"] == second["fingerprint"] != other["fingerprint"]


def test_the_first_source_becomes_the_default_and_later_ones_do_not(
    api: httpx.Client,
) -> None:
    first = add(api)
    add(api, "tok_amex")
    assert default_source(api) == first["id"]


def test_the_source_added_last_follows_a_deleted_default(api: httpx.Client) -> None:
    first, _, last = add(api), add(api), add(api)
    api.delete(f"/customers/cus_1/sources/{first['id']}")
    assert default_source(api) == last["id"]


def test_deleting_another_source_leaves_the_default_alone(api: httpx.Client) -> None:
    first, second, _ = add(api), add(api), add(api)
    api.delete(f"/customers/cus_1/sources/{second['id']}")
    assert default_source(api) == first["id"]


def test_deleting_the_last_source_leaves_no_default(api: httpx.Client) -> None:
    api.delete(f"/customers/cus_1/sources/{add(api)['id']}")
    assert default_source(api) is None
    assert default_source(api) != add(api)["id"] == default_source(api)


def test_a_test_bank_token_is_a_verified_account(api: httpx.Client) -> None:
    account = add(api, "btok_us_verified")
    assert account["id"].startswith("ba_")
    assert (account["object"], account["status"]) == ("bank_account", "verified")
    gone = api.delete(f"/customers/cus_1/sources/{account['id']}").json()
    assert gone == {"id": account["id"], "object": "bank_account", "deleted": True}


def test_a_customer_has_a_bank_account_only_once(api: httpx.Client) -> None:
    add(api, "btok_us_verified")
    again = api.post("/customers/cus_1/sources", data={"source": "btok_us_verified"})
    assert error_of(again) == (400, "bank_account_exists", None)
    add(api, "btok_us_verified_noAccount")
    add(api, "btok_us_verified", customer="cus_2")


def test_a_deleted_bank_account_can_be_added_again(api: httpx.Client) -> None:
    account = add(api, "btok_us_verified")
    api.delete(f"/customers/cus_1/sources/{account['id']}")
    add(api, "btok_us_verified")


def test_deleting_a_src_detaches_it(api: httpx.Client, sandbox: Sandbox) -> None:
    src = new_src(api)
    attached = add(api, src["id"])
    assert (attached["customer"], attached["status"]) == ("cus_1", "chargeable")
    assert default_source(api) == src["id"]

    gone = api.delete(f"/customers/cus_1/sources/{src['id']}").json()
    assert gone == {**attached, "status": "consumed"}
    assert "deleted" not in gone
    assert default_source(api) is None
    assert api.get(f"/sources/{src['id']}").json()["status"] == "consumed"
    missing = api.get(f"/customers/cus_1/sources/{src['id']}")
    assert error_of(missing) == (404, "resource_missing", "id")
    assert sandbox.journal.effects[-1].change is Change.SOURCE_DETACHED


def test_a_src_is_attached_only_once(api: httpx.Client) -> None:
    src = new_src(api)
    assert "customer" not in src
    add(api, src["id"])
    for customer in ("cus_1", "cus_2"):
        again = api.post(f"/customers/{customer}/sources", data={"source": src["id"]})
        assert again.status_code == 400
        assert "already been attached" in again.text


def test_a_detached_src_cannot_be_attached_again(api: httpx.Client) -> None:
    src = add(api, new_src(api)["id"])
    api.delete(f"/customers/cus_1/sources/{src['id']}")
    again = api.post("/customers/cus_1/sources", data={"source": src["id"]})
    assert again.status_code == 400
    assert "is consumed" in again.text


def test_a_src_can_be_made_of_a_card_token(api: httpx.Client) -> None:
    src = new_src(api, type="card", token="tok_visa", **{"owner[email]": "a@b.test"})
    assert src["card"]["last4"] == "4242"
    assert src["owner"]["email"] == "a@b.test"
    assert add(api, src["id"])["id"] == src["id"]


@pytest.mark.parametrize(
    "path", ["expand[]=customer", "expand[0]=customer", "expand%5B%5D=customer"]
)
def test_the_customer_of_a_source_can_be_expanded(api: httpx.Client, path: str) -> None:
    card = add(api)
    url = f"/customers/cus_1/sources/{card['id']}"
    owner = api.get(f"{url}?{path}").json()["customer"]
    assert (owner["object"], owner["id"]) == ("customer", "cus_1")
    assert owner["default_source"] == card["id"]
    assert api.get(url).json()["customer"] == "cus_1"


def test_expansion_reaches_through_the_customer(api: httpx.Client) -> None:
    first = add(api)
    created = api.post(
        "/customers/cus_1/sources",
        data={
            "source": "tok_amex",
            "expand[0]": "customer.default_source",
            "expand[1]": "customer.sources",
        },
    ).json()
    assert created["customer"]["default_source"] == first
    listed = created["customer"]["sources"]
    assert [source["id"] for source in listed["data"]] == [created["id"], first["id"]]


def test_what_cannot_be_expanded_is_refused(api: httpx.Client) -> None:
    for query in ("expand[]=fingerprint", "expand=customer"):
        response = api.get(f"/customers/cus_1/sources/card_1?{query}")
        assert error_of(response) == (400, None, "expand")


@pytest.mark.parametrize("how", ["query", "body"])
def test_a_delete_takes_expand_in_its_query_or_its_body(
    api: httpx.Client, how: str
) -> None:
    url = f"/customers/cus_1/sources/{add(api)['id']}"
    if how == "query":
        response = api.delete(url, params={"expand[0]": "customer"})
    else:
        response = api.request("DELETE", url, data={"expand[]": "customer"})
    assert response.json()["deleted"] is True


def test_accounts_do_not_see_each_other(api: httpx.Client, sandbox: Sandbox) -> None:
    card = add(api)
    url = f"/customers/cus_1/sources/{card['id']}"
    elsewhere = api.get(url, headers={"Stripe-Account": "acct_2"})
    assert error_of(elsewhere) == (404, "resource_missing", "id")
    theirs = api.post(
        "/customers/cus_1/sources",
        data={"source": "tok_visa"},
        headers={"Stripe-Account": "acct_2"},
    ).json()
    assert theirs["fingerprint"] != card["fingerprint"]
    accounts = {effect.account for effect in sandbox.journal.effects}
    assert accounts == {"acct_sandbox", "acct_2"}


def test_a_deleted_customer_takes_its_sources_with_it(api: httpx.Client) -> None:
    card = add(api)
    src = add(api, new_src(api)["id"])
    gone = {"id": "cus_1", "object": "customer", "deleted": True}
    assert api.delete("/customers/cus_1").json() == gone
    assert api.get("/customers/cus_1").json() == gone
    assert api.get(f"/sources/{src['id']}").json()["status"] == "consumed"
    for response in (
        api.get(f"/customers/cus_1/sources/{card['id']}"),
        api.post("/customers/cus_1/sources", data={"source": "tok_visa"}),
    ):
        assert error_of(response) == (404, "resource_missing", "customer")
    assert error_of(api.delete("/customers/cus_1")) == (404, "resource_missing", "id")


def test_a_customer_can_be_made_with_its_first_source(api: httpx.Client) -> None:
    made = api.post(
        "/customers",
        data={
            "source": "tok_visa",
            "email": "a@b.test",
            "metadata[k]": "v",
            "expand[]": "default_source",
        },
    ).json()
    assert made["id"].startswith("cus_")
    assert made["default_source"]["last4"] == "4242"
    assert (made["email"], made["metadata"]) == ("a@b.test", {"k": "v"})


def test_a_declined_first_source_leaves_no_customer_behind(
    api: httpx.Client, sandbox: Sandbox
) -> None:
    response = api.post("/customers", data={"source": "tok_chargeDeclined"})
    assert response.status_code == 402
    assert sandbox.journal.effects == []


def test_the_journal_tells_each_effect_once(
    api: httpx.Client, sandbox: Sandbox
) -> None:
    response = api.post(
        "/customers/cus_1/sources",
        data={"source": "tok_visa", "metadata[job_id]": "job_1"},
        headers={"Idempotency-Key": "key-1"},
    )
    card = response.json()["id"]
    api.get(f"/customers/cus_1/sources/{card}")
    api.delete(f"/customers/cus_1/sources/{card}")
    api.delete(f"/customers/cus_1/sources/{card}")

    told = [(e.seq, e.change, e.object) for e in sandbox.journal.effects]
    assert told == [
        (1, Change.CUSTOMER_CREATED, "cus_1"),
        (2, Change.SOURCE_CREATED, card),
        (3, Change.SOURCE_DELETED, card),
    ]
    created = sandbox.journal.effects[1]
    assert (created.operation, created.customer) == ("create", "cus_1")
    assert created.idempotency_key == "key-1"
    assert created.metadata == {"job_id": "job_1"}
    assert created.request_id == response.headers["Request-Id"]
    assert [r.status for r in sandbox.journal.requests] == [200, 200, 200, 404]


def test_a_reset_forgets_everything_and_starts_the_same_again(
    api: httpx.Client, sandbox: Sandbox
) -> None:
    before = add(api)
    sandbox.reset()
    assert sandbox.journal.effects == sandbox.journal.requests == []
    assert add(api) == before
