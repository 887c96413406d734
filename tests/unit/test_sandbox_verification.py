"""Verifying a bank account: amounts, attempts, deposits."""

from collections.abc import Iterator

import httpx
import pytest

from sandbox.core import Sandbox
from sandbox.execution import Options
from sandbox.inprocess import transport
from sandbox.journal import Change

KEY = {"Authorization": "Bearer sk_test_1"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
SOURCES = "/customers/cus_1/sources"
DAY = 24 * 60 * 60
RIGHT, WRONG = "amounts[]=32&amounts[]=45", "amounts[]=1&amounts[]=2"
MISMATCH = (402, "bank_account_verification_failed", None)


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox(Options(auto_customers=True, seed=1), clock=lambda: 1_900_000_000.75)


@pytest.fixture
def api(sandbox: Sandbox) -> Iterator[httpx.Client]:
    with client_of(sandbox) as client:
        yield client


def client_of(sandbox: Sandbox) -> httpx.Client:
    return httpx.Client(
        transport=transport(sandbox), base_url="http://sandbox/v1", headers=KEY
    )


def unverified(api: httpx.Client, **more: str) -> str:
    """Add a bank account that is new, and return its path."""
    details = {
        "country": "US",
        "currency": "usd",
        "routing_number": "110000000",
        "account_number": "000123456789",
    }
    token = api.post(
        "/tokens",
        data={f"bank_account[{name}]": value for name, value in details.items()},
    ).json()
    account = api.post(SOURCES, data={"source": token["id"], **more}).json()
    assert account["status"] == "new"
    return f"{SOURCES}/{account['id']}"


def verify(
    api: httpx.Client, path: str, amounts: str = RIGHT, key: str = ""
) -> httpx.Response:
    headers = {**FORM, **({"Idempotency-Key": key} if key else {})}
    return api.post(f"{path}/verify", content=amounts, headers=headers)


def status_of(api: httpx.Client, path: str) -> str:
    return api.get(path).json()["status"]


def error_of(response: httpx.Response) -> tuple[int, str | None, str | None]:
    error = response.json()["error"]
    assert error["type"] == "invalid_request_error"
    return response.status_code, error.get("code"), error.get("param")


def changes(sandbox: Sandbox) -> list[Change]:
    before = (Change.CUSTOMER_CREATED, Change.TOKEN_CREATED, Change.SOURCE_CREATED)
    told = [effect.change for effect in sandbox.journal.effects]
    return [change for change in told if change not in before]


@pytest.mark.parametrize(
    "amounts",
    [
        "amounts[]=32&amounts[]=45",
        "amounts[0]=32&amounts[1]=45",
        "amounts%5B%5D=32&amounts%5B%5D=45",
        "amounts%5B0%5D=32&amounts%5B1%5D=45",
        "amounts[1]=45&amounts[0]=32",
    ],
)
def test_the_right_amounts_verify_in_every_notation(
    api: httpx.Client, sandbox: Sandbox, amounts: str
) -> None:
    path = unverified(api)
    before = api.get(path).json()
    answer = verify(api, path, amounts)
    assert (answer.status_code, answer.json()) == (
        200,
        {**before, "status": "verified"},
    )
    assert api.get(path).json() == answer.json()
    assert changes(sandbox) == [Change.SOURCE_VERIFIED]


@pytest.mark.parametrize(
    "amounts",
    [
        WRONG,
        "amounts[]=45&amounts[]=32",
        "amounts[]=32&amounts[]=46",
        "amounts[]=-32&amounts[]=45",
        "amounts[0]=45&amounts[1]=32",
    ],
)
def test_other_amounts_are_a_mismatch_and_change_no_status(
    api: httpx.Client, sandbox: Sandbox, amounts: str
) -> None:
    path = unverified(api)
    answer = verify(api, path, amounts)
    assert error_of(answer) == MISMATCH
    assert answer.json()["error"]["message"] == (
        "The amounts provided do not match the amounts that were sent to the bank "
        "account."
    )
    assert status_of(api, path) == "new"
    assert changes(sandbox) == [Change.VERIFICATION_ATTEMPT_FAILED]


@pytest.mark.parametrize("misses", [1, 2])
def test_two_misses_leave_a_third_attempt(api: httpx.Client, misses: int) -> None:
    path = unverified(api)
    for _ in range(misses):
        verify(api, path, WRONG)
    assert verify(api, path).json()["status"] == "verified"


def test_the_third_miss_was_the_last_attempt(
    api: httpx.Client, sandbox: Sandbox
) -> None:
    path = unverified(api)
    statuses = []
    for _ in range(3):
        assert error_of(verify(api, path, WRONG)) == MISMATCH
        statuses.append(status_of(api, path))
    assert statuses == ["new", "new", "verification_failed"]
    for amounts in (RIGHT, WRONG):
        assert error_of(verify(api, path, amounts)) == MISMATCH
    assert status_of(api, path) == "verification_failed"
    assert changes(sandbox) == [Change.VERIFICATION_ATTEMPT_FAILED] * 3


def test_attempts_are_counted_for_each_account_by_itself(api: httpx.Client) -> None:
    path = unverified(api)
    for _ in range(2):
        verify(api, path, WRONG)
    api.delete(path)
    again = unverified(api)
    for _ in range(2):
        verify(api, again, WRONG)
    assert verify(api, again).status_code == 200


def test_a_replay_costs_no_attempt(api: httpx.Client, sandbox: Sandbox) -> None:
    path = unverified(api)
    answers = [verify(api, path, WRONG, key="k") for _ in range(5)]
    assert {answer.status_code for answer in answers} == {402}
    assert [a.headers.get("Idempotent-Replayed") for a in answers] == [
        None,
        *["true"] * 4,
    ]
    assert changes(sandbox) == [Change.VERIFICATION_ATTEMPT_FAILED]
    assert verify(api, path).status_code == 200


@pytest.mark.parametrize("amounts", [RIGHT, WRONG])
def test_a_verified_account_cannot_be_verified(
    api: httpx.Client, sandbox: Sandbox, amounts: str
) -> None:
    path = unverified(api)
    verify(api, path)
    answer = verify(api, path, amounts)
    assert error_of(answer) == (400, None, None)
    message = answer.json()["error"]["message"]
    assert message == "This bank account has already been verified."
    assert changes(sandbox) == [Change.SOURCE_VERIFIED]


def test_the_published_bank_tokens_are_verified_already(api: httpx.Client) -> None:
    made = api.post(SOURCES, data={"source": "btok_us_verified"}).json()
    assert error_of(verify(api, f"{SOURCES}/{made['id']}")) == (400, None, None)


@pytest.mark.parametrize("path", [SOURCES, "/customers/cus_1/bank_accounts"])
def test_only_bank_accounts_can_be_verified(api: httpx.Client, path: str) -> None:
    src = api.post("/sources", data={"type": "ach_debit"}).json()["id"]
    card = api.post(SOURCES, data={"source": "tok_visa"}).json()["id"]
    api.post(SOURCES, data={"source": src})
    for other in (src, card, "ba_nope"):
        answer = verify(api, f"{path}/{other}")
        assert error_of(answer) == (404, "resource_missing", "id")


def test_the_older_path_verifies_too(api: httpx.Client) -> None:
    path = unverified(api).replace("/sources/", "/bank_accounts/")
    assert verify(api, path).json()["status"] == "verified"


@pytest.mark.parametrize(
    ("amounts", "code", "param"),
    [
        ("", "parameter_missing", "amounts"),
        ("amounts=32", None, "amounts"),
        ("amounts=", None, "amounts"),
        ("amounts[]=32", None, "amounts"),
        ("amounts[]=32&amounts[]=45&amounts[]=1", None, "amounts"),
        ("amounts[a]=32&amounts[b]=45", None, "amounts"),
        ("amounts[]=x&amounts[]=45", "parameter_invalid_integer", "amounts[0]"),
        ("amounts[]=32&amounts[]=4.5", "parameter_invalid_integer", "amounts[1]"),
        ("amounts[]=32&amounts[]=", "parameter_invalid_empty", "amounts[1]"),
        ("amounts[0][a]=32&amounts[1]=45", None, "amounts[0]"),
        (f"{RIGHT}&values[]=1", "parameter_unknown", "values"),
        (f"{RIGHT}&expand[]=boat", None, "expand"),
    ],
)
def test_amounts_are_two_whole_numbers_or_no_attempt_at_all(
    api: httpx.Client, sandbox: Sandbox, amounts: str, code: str | None, param: str
) -> None:
    path = unverified(api)
    assert error_of(verify(api, path, amounts)) == (400, code, param)
    assert changes(sandbox) == []


def test_the_customer_can_be_expanded(api: httpx.Client) -> None:
    answer = verify(api, unverified(api), f"{RIGHT}&expand[]=customer")
    assert answer.json()["customer"]["id"] == "cus_1"


def test_amounts_that_come_before_the_deposits_are_a_mismatch() -> None:
    options = Options(auto_customers=True, deposit_days=2)
    sandbox = Sandbox(options, clock=lambda: 1_900_000_000)
    with client_of(sandbox) as api:
        path = unverified(api)
        assert error_of(verify(api, path)) == MISMATCH
        sandbox.advance(2 * DAY - 1)
        assert error_of(verify(api, path)) == MISMATCH
        assert changes(sandbox) == [Change.VERIFICATION_ATTEMPT_FAILED] * 2
        sandbox.advance(1)
        assert verify(api, path).json()["status"] == "verified"


def test_the_journal_tells_whose_account_it_was(
    api: httpx.Client, sandbox: Sandbox
) -> None:
    path = unverified(api, **{"metadata[job]": "j"})
    verify(api, path, WRONG, key="first")
    verify(api, path, key="second")
    told = [
        (effect.change, effect.object, effect.idempotency_key, effect.metadata)
        for effect in sandbox.journal.effects
        if effect.operation == "verify"
    ]
    account = path.rpartition("/")[2]
    assert told == [
        (Change.VERIFICATION_ATTEMPT_FAILED, account, "first", {"job": "j"}),
        (Change.SOURCE_VERIFIED, account, "second", {"job": "j"}),
    ]


def test_metadata_and_status_survive_each_other(api: httpx.Client) -> None:
    path = unverified(api)
    verify(api, path)
    updated = api.post(path, data={"account_holder_name": "A"}).json()
    assert (updated["status"], updated["account_holder_name"]) == ("verified", "A")


def test_deposits_that_bounce_end_it_without_a_guess(
    api: httpx.Client, sandbox: Sandbox
) -> None:
    path = unverified(api)
    sandbox.bounce("cus_1", path.rpartition("/")[2])
    assert status_of(api, path) == "verification_failed"
    for amounts in (RIGHT, WRONG):
        assert error_of(verify(api, path, amounts)) == MISMATCH
    assert status_of(api, path) == "verification_failed"
    assert changes(sandbox) == []


def test_only_deposits_that_are_waited_for_can_bounce(
    api: httpx.Client, sandbox: Sandbox
) -> None:
    path = unverified(api)
    verify(api, path)
    card = api.post(SOURCES, data={"source": "tok_visa"}).json()["id"]
    for source in (path.rpartition("/")[2], card, "ba_none"):
        with pytest.raises(ValueError, match="unverified bank account"):
            sandbox.bounce("cus_1", source)
    with pytest.raises(ValueError, match="cus_2"):
        sandbox.bounce("cus_2", card)
    assert status_of(api, path) == "verified"
