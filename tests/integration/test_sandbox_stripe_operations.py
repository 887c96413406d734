"""All six operations, their errors and their keys, by the official `stripe` package."""

from collections.abc import AsyncIterator, Iterator

import pytest
import stripe

from sandbox.journal import Change
from sandbox.remote import RemoteSandbox
from sandbox.server import SandboxServer

BANK_ACCOUNT = {
    "country": "US",
    "currency": "usd",
    "routing_number": "110000000",
    "account_number": "000123456789",
}
MISMATCH = "bank_account_verification_failed"


@pytest.fixture(scope="module")
def server() -> Iterator[RemoteSandbox]:
    with SandboxServer(auto_customers=True, seed=1) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(server: RemoteSandbox) -> RemoteSandbox:
    server.reset()
    return server


def connect(
    sandbox: RemoteSandbox, http: stripe.HTTPClient, retries: int = 0
) -> stripe.StripeClient:
    return stripe.StripeClient(
        "sk_test_1",
        base_addresses={"api": sandbox.url},
        http_client=http,
        max_network_retries=retries,
    )


@pytest.fixture
def client(sandbox: RemoteSandbox) -> Iterator[stripe.StripeClient]:
    http = stripe.RequestsClient()
    yield connect(sandbox, http)
    http.close()


@pytest.fixture
def account(client: stripe.StripeClient) -> str:
    """A bank account of cus_1 that is not verified."""
    token = client.v1.tokens.create({"bank_account": BANK_ACCOUNT})
    made = client.v1.customers.payment_sources.create("cus_1", {"source": token.id})
    assert made.status == "new"
    return made.id


def changes(sandbox: RemoteSandbox, key: str) -> list[Change]:
    effects = sandbox.effects()
    return [effect.change for effect in effects if effect.idempotency_key == key]


def test_a_list_pages_by_itself(
    client: stripe.StripeClient, sandbox: RemoteSandbox
) -> None:
    ids = [f"card_{n:02}" for n in range(25)]
    sandbox.seed({"cus_1": ids})
    sources = client.v1.customers.payment_sources
    page = sources.list("cus_1", {"limit": 10, "expand": ["data.customer"]})
    assert isinstance(page, stripe.ListObject)
    assert isinstance(page.data[0].customer, stripe.Customer)
    assert [one.id for one in page.auto_paging_iter()] == ids[::-1]
    assert [request.path for request in sandbox.requests()] == [
        "/v1/customers/cus_1/sources"
    ] * 3
    middle = sources.list("cus_1", {"ending_before": "card_10", "limit": 3})
    assert [one.id for one in middle.data] == ["card_13", "card_12", "card_11"]
    assert sources.list("cus_1", {"object": "bank_account"}).data == []
    with pytest.raises(stripe.InvalidRequestError) as missing:
        sources.list("cus_1", {"starting_after": "card_no"})
    assert missing.value.code == "resource_missing"


def test_an_update_merges_and_unsets(client: stripe.StripeClient) -> None:
    sources = client.v1.customers.payment_sources
    card = sources.create(
        "cus_1", {"source": "tok_visa", "metadata": {"a": "1", "b": "2"}}
    )
    updated = sources.update(
        "cus_1",
        card.id,
        {"name": "A", "exp_month": "08", "exp_year": "2040", "metadata": {"a": ""}},
    )
    assert isinstance(updated, stripe.Card)
    assert (updated.name, updated.exp_month, updated.exp_year) == ("A", 8, 2040)
    assert updated.metadata.to_dict() == {"b": "2"}
    cleared = sources.update("cus_1", card.id, {"metadata": ""})
    assert cleared.metadata.to_dict() == {}
    with pytest.raises(stripe.CardError) as expired:
        sources.update("cus_1", card.id, {"exp_year": "2001"})
    assert expired.value.code == "invalid_expiry_year"
    with pytest.raises(stripe.InvalidRequestError) as unknown:
        sources.update("cus_1", card.id, {"account_holder_name": "A"})
    assert (unknown.value.code, unknown.value.param) == (
        "parameter_unknown",
        "account_holder_name",
    )


def test_the_right_amounts_verify_a_bank_account(
    client: stripe.StripeClient, account: str
) -> None:
    sources = client.v1.customers.payment_sources
    verified = sources.verify("cus_1", account, {"amounts": [32, 45]})
    assert isinstance(verified, stripe.BankAccount)
    assert verified.status == "verified"
    with pytest.raises(stripe.InvalidRequestError) as again:
        sources.verify("cus_1", account, {"amounts": [32, 45]})
    assert again.value.http_status == 400
    assert again.value.user_message == "This bank account has already been verified."


def test_three_wrong_guesses_end_it(
    client: stripe.StripeClient, sandbox: RemoteSandbox, account: str
) -> None:
    sources = client.v1.customers.payment_sources
    for attempt in range(3):
        options = {"idempotency_key": f"guess-{attempt}"}
        for _ in range(2):  # the second is a replay, which costs nothing
            with pytest.raises(stripe.CardError) as missed:
                sources.verify("cus_1", account, {"amounts": [1, 2]}, options)
            assert (missed.value.http_status, missed.value.code) == (402, MISMATCH)
            assert missed.value.error.type == "invalid_request_error"
        assert changes(sandbox, f"guess-{attempt}") == [
            Change.VERIFICATION_ATTEMPT_FAILED
        ]
    assert sources.retrieve("cus_1", account).status == "verification_failed"


def test_an_instance_of_the_older_style_verifies_too(
    client: stripe.StripeClient, account: str
) -> None:
    bank_account = client.v1.customers.payment_sources.retrieve("cus_1", account)
    assert bank_account.verify(amounts=[32, 45]).status == "verified"


@pytest.mark.parametrize("fault", ["drop_after_commit", "garbage"])
def test_an_update_whose_answer_is_lost_happens_once(
    sandbox: RemoteSandbox, client: stripe.StripeClient, fault: str
) -> None:
    sources = client.v1.customers.payment_sources
    sandbox.seed({"cus_1": ["card_a"]})
    sandbox.set_faults([{"fault": fault, "operation": "update", "count": 1}])
    once = ("cus_1", "card_a", {"name": "A"}, {"idempotency_key": "k"})
    with pytest.raises(stripe.StripeError):
        sources.update(*once)
    again = sources.update(*once)
    assert again.last_response.headers["idempotent-replayed"] == "true"
    assert changes(sandbox, "k") == [Change.SOURCE_UPDATED]


@pytest.mark.parametrize(
    ("fault", "code"),
    [("rate_limited", "rate_limit"), ("lock_timeout", "lock_timeout")],
)
def test_both_429s_are_rate_limit_errors_told_apart_by_code(
    sandbox: RemoteSandbox, client: stripe.StripeClient, fault: str, code: str
) -> None:
    sandbox.set_faults([{"fault": fault, "count": 1}])
    with pytest.raises(stripe.RateLimitError) as limited:
        client.v1.customers.payment_sources.list("cus_1")
    error = limited.value
    assert (error.http_status, error.error.code) == (429, code)
    has_reason = "stripe-rate-limited-reason" in error.headers
    assert has_reason == (fault == "rate_limited")


def test_an_expired_key_is_an_authentication_error(
    sandbox: RemoteSandbox, client: stripe.StripeClient
) -> None:
    sandbox.set_faults([{"fault": "unauthorized", "count": 1}])
    with pytest.raises(stripe.AuthenticationError):
        client.v1.customers.payment_sources.list("cus_1")
    assert client.v1.customers.payment_sources.list("cus_1").data == []


@pytest.mark.parametrize(("advice", "requests"), [(False, 1), (True, 2), ("absent", 2)])
def test_the_package_takes_the_advice_of_an_error(
    sandbox: RemoteSandbox, advice: object, requests: int
) -> None:
    rule = {"fault": "error_500_unsaved", "should_retry": advice, "count": 1}
    sandbox.set_faults([rule])
    http = stripe.RequestsClient()
    sources = connect(sandbox, http, retries=1).v1.customers.payment_sources
    try:
        sources.create("cus_1", {"source": "tok_visa"})
    except stripe.APIError:
        assert advice is False
    http.close()
    assert len(sandbox.requests()) == requests


@pytest.fixture
async def async_sources(sandbox: RemoteSandbox) -> AsyncIterator[object]:
    http = stripe.HTTPXClient()
    yield connect(sandbox, http).v1.customers.payment_sources
    await http.close_async()


# The package hands httpx its form in a way that httpx wants no more.
@pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
async def test_the_async_client_drives_all_six_operations(
    async_sources: stripe.CustomerPaymentSourceService, account: str
) -> None:
    card = await async_sources.create_async("cus_1", {"source": "tok_visa"})
    page = await async_sources.list_async("cus_1", {"limit": 1})
    assert [one.id async for one in page.auto_paging_iter()] == [card.id, account]
    updated = await async_sources.update_async("cus_1", card.id, {"name": "A"})
    read = await async_sources.retrieve_async("cus_1", card.id)
    assert (updated.name, read.name) == ("A", "A")
    with pytest.raises(stripe.CardError):
        await async_sources.verify_async("cus_1", account, {"amounts": [1, 2]})
    verified = await async_sources.verify_async("cus_1", account, {"amounts": [32, 45]})
    assert verified.status == "verified"
    gone = await async_sources.delete_async("cus_1", card.id)
    assert gone.deleted is True
