from base64 import b64encode
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


def error_of(response: httpx.Response) -> tuple[int, str | None, str | None]:
    error = response.json()["error"]
    assert error["type"] == "invalid_request_error"
    return response.status_code, error.get("code"), error.get("param")


def basic(credentials: str) -> str:
    return f"Basic {b64encode(credentials.encode()).decode()}"


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer sk_test_1",
        "bearer sk_test_1",
        "Bearer rk_test_1",
        basic("sk_test_1:"),
        basic("sk_test_1:ignored"),
        basic("sk_test_1"),
    ],
)
def test_test_keys_are_taken_in_both_styles(
    api: httpx.Client, authorization: str
) -> None:
    headers = {"Authorization": authorization}
    assert api.get("/customers/cus_1", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "sk_test_1",
        "Bearer ",
        "Bearer sk_test_",
        "Bearer sk_live_1234567890",
        "Bearer pk_test_1",
        "Digest sk_test_1",
        "Basic not-base64!",
        "Basic /w==",
        basic(":sk_test_1"),
        basic("sk_live_1:"),
    ],
)
def test_any_other_key_is_refused_and_changes_nothing(
    api: httpx.Client, sandbox: Sandbox, authorization: str
) -> None:
    response = api.post(
        SOURCES, data={"source": "tok_visa"}, headers={"Authorization": authorization}
    )
    assert error_of(response) == (401, None, None)
    assert response.headers["Request-Id"].startswith("req_")
    assert sandbox.journal.effects == []


def test_a_refused_key_is_masked_in_the_message(api: httpx.Client) -> None:
    headers = {"Authorization": "Bearer sk_live_secretsecret1234"}
    message = api.get("/customers/cus_1", headers=headers).json()["error"]["message"]
    assert message == "Invalid API Key provided: sk_live_************1234"


@pytest.mark.parametrize("key", ["sk_live_1", "sk_live_abcdefghijk", "x"])
def test_of_a_short_key_nothing_is_shown(api: httpx.Client, key: str) -> None:
    headers = {"Authorization": f"Bearer {key}"}
    message = api.get("/customers/cus_1", headers=headers).json()["error"]["message"]
    assert message == f"Invalid API Key provided: {'*' * len(key)}"


def test_an_account_that_cannot_be_one_is_refused(api: httpx.Client) -> None:
    response = api.get("/customers/cus_1", headers={"Stripe-Account": "nobody"})
    assert error_of(response) == (403, "account_invalid", None)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nothing"),
        ("GET", "/customers//sources/card_1"),
        ("PUT", "/customers/cus_1"),
        ("DELETE", "/customers/cus_1/sources"),
        ("POST", "/customers/cus_1/sources/card_1/verify/more"),
    ],
)
def test_an_unknown_endpoint_is_a_404_without_a_code(
    api: httpx.Client, method: str, path: str
) -> None:
    response = api.request(method, path)
    assert error_of(response) == (404, None, None)
    assert set(response.json()["error"]) == {"message", "type"}
    assert f"({method}: /v1{path})" in response.json()["error"]["message"]


def test_customers_are_not_made_up_unless_asked_for() -> None:
    sandbox = Sandbox()
    with httpx.Client(
        transport=transport(sandbox), base_url="http://sandbox/v1", headers=KEY
    ) as api:
        for response in (
            api.post(SOURCES, data={"source": "tok_visa"}),
            api.get(f"{SOURCES}/card_1"),
            api.delete(f"{SOURCES}/card_1"),
        ):
            assert error_of(response) == (404, "resource_missing", "customer")
            assert "No such customer: 'cus_1'" in response.text
        missing = api.get("/customers/cus_1")
        assert error_of(missing) == (404, "resource_missing", "id")


def test_even_made_up_customers_must_look_like_customers(api: httpx.Client) -> None:
    response = api.get("/customers/nobody")
    assert error_of(response) == (404, "resource_missing", "id")


def test_a_missing_source_is_told_from_a_missing_customer(api: httpx.Client) -> None:
    for method in ("GET", "DELETE"):
        response = api.request(method, f"{SOURCES}/card_nope")
        assert error_of(response) == (404, "resource_missing", "id")
        assert response.json()["error"]["message"] == "No such source: 'card_nope'"


def test_an_encoded_slash_stays_inside_the_id(api: httpx.Client) -> None:
    response = api.get(f"{SOURCES}/card%2F1")
    assert response.json()["error"]["message"] == "No such source: 'card/1'"


@pytest.mark.parametrize(
    ("data", "code", "param"),
    [
        ({}, "parameter_missing", "source"),
        ({"source": ""}, "parameter_invalid_empty", "source"),
        ({"source": "tok_visa", "limit": "3"}, "parameter_unknown", "limit"),
        ({"source": "tok_visa", "card": "tok_visa"}, "parameters_exclusive", "source"),
        ({"source": "tok_nope"}, "resource_missing", "source"),
        ({"source": "card_nope"}, "resource_missing", "source"),
        ({"source": "src_nope"}, "resource_missing", "source"),
        ({"source[number]": "4242424242424242"}, "parameter_missing", "source[object]"),
        ({"source[object]": "boat"}, None, "source[object]"),
        ({"source": "tok_visa", "metadata": "x"}, None, "metadata"),
        ({"source": "tok_visa", "metadata[a][b]": "x"}, None, "metadata[a]"),
    ],
)
def test_what_is_wrong_with_a_create_is_told(
    api: httpx.Client,
    sandbox: Sandbox,
    data: dict[str, str],
    code: str | None,
    param: str,
) -> None:
    response = api.post(SOURCES, data=data)
    assert error_of(response) == (400, code, param)
    changes = {effect.object for effect in sandbox.journal.effects}
    assert changes <= {"cus_1"}


def test_all_unknown_parameters_are_named(api: httpx.Client) -> None:
    response = api.post(SOURCES, data={"object": "card", "limit": "3"})
    message = response.json()["error"]["message"]
    assert message == "Received unknown parameters: object, limit"


def test_an_error_with_a_code_links_to_its_documentation(api: httpx.Client) -> None:
    error = api.post(SOURCES).json()["error"]
    assert error["doc_url"] == "https://stripe.com/docs/error-codes/parameter-missing"


@pytest.mark.parametrize(
    ("metadata", "status"),
    [
        ({f"metadata[{n}]": "v" for n in range(50)}, 200),
        ({f"metadata[{n}]": "v" for n in range(51)}, 400),
        ({f"metadata[{'k' * 40}]": "v"}, 200),
        ({f"metadata[{'k' * 41}]": "v"}, 400),
        ({"metadata[k]": "v" * 500}, 200),
        ({"metadata[k]": "v" * 501}, 400),
        ({"metadata[k[1]]": "v"}, 400),
        ({"metadata": ""}, 200),
    ],
)
def test_metadata_has_limits(
    api: httpx.Client, metadata: dict[str, str], status: int
) -> None:
    response = api.post(SOURCES, data={"source": "tok_visa", **metadata})
    assert response.status_code == status


@pytest.mark.parametrize(
    "data",
    [
        {"source[object]": "card", "source[number]": "4242424242424242"},
        {"card[number]": "4242424242424242"},
    ],
)
def test_card_numbers_are_refused(
    api: httpx.Client, sandbox: Sandbox, data: dict[str, str]
) -> None:
    response = api.post(SOURCES, data=data)
    assert response.status_code == 400
    assert "generally unsafe" in response.json()["error"]["message"]
    assert "4242" not in response.text
    assert all(effect.object == "cus_1" for effect in sandbox.journal.effects)


@pytest.mark.parametrize("prefix", ["source", "card"])
def test_card_numbers_are_taken_where_the_account_may_send_them(prefix: str) -> None:
    sandbox = Sandbox(Options(auto_customers=True, allow_raw_card_data=True))
    card = {"object": "card", "number": "5555555555554444", "cvc": "123"}
    card |= {"exp_month": "1", "exp_year": "2040", "name": "A"}
    with httpx.Client(
        transport=transport(sandbox), base_url="http://sandbox/v1", headers=KEY
    ) as api:
        made = api.post(
            SOURCES,
            data={
                **{f"{prefix}[{name}]": value for name, value in card.items()},
                f"{prefix}[metadata][inner]": "1",
                "metadata[outer]": "2",
            },
        ).json()
    assert made["metadata"] == {"inner": "1", "outer": "2"}
    assert (made["brand"], made["last4"], made["name"]) == ("MasterCard", "4444", "A")
    assert (made["exp_month"], made["exp_year"]) == (1, 2040)


@pytest.mark.parametrize("prefix", ["source", "bank_account"])
def test_bank_account_numbers_may_always_be_sent(
    api: httpx.Client, prefix: str
) -> None:
    account = {"object": "bank_account", "country": "US", "currency": "usd"}
    account |= {"routing_number": "110000000", "account_number": "000123456789"}
    made = api.post(
        SOURCES, data={f"{prefix}[{name}]": value for name, value in account.items()}
    ).json()
    assert (made["object"], made["last4"], made["status"]) == (
        "bank_account",
        "6789",
        "new",
    )


def test_the_body_of_a_get_means_nothing(api: httpx.Client) -> None:
    response = api.request("GET", "/customers/cus_1", data={"limit": "3"})
    assert response.status_code == 200
