"""The official `stripe` package works against the sandbox, unmodified."""

from collections.abc import AsyncIterator, Iterator

import pytest
import stripe

from sandbox.journal import Change
from sandbox.remote import RemoteSandbox
from sandbox.server import SandboxServer


@pytest.fixture(scope="module")
def server() -> Iterator[RemoteSandbox]:
    with SandboxServer(seed=1) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(server: RemoteSandbox) -> RemoteSandbox:
    server.reset()
    return server


@pytest.fixture
def client(sandbox: RemoteSandbox) -> Iterator[stripe.StripeClient]:
    http = stripe.RequestsClient()
    yield connect(sandbox.url, http)
    http.close()


def connect(
    url: str, http: stripe.HTTPClient, key: str = "sk_test_1", retries: int = 0
) -> stripe.StripeClient:
    return stripe.StripeClient(
        key,
        base_addresses={"api": url},
        http_client=http,
        max_network_retries=retries,
    )


@pytest.fixture
def customer(client: stripe.StripeClient) -> str:
    return client.v1.customers.create({"email": "a@b.test"}).id


def created(sandbox: RemoteSandbox) -> int:
    changes = [effect.change for effect in sandbox.effects()]
    return changes.count(Change.SOURCE_CREATED)


def test_a_card_is_created_read_and_deleted(
    client: stripe.StripeClient, customer: str
) -> None:
    sources = client.v1.customers.payment_sources
    card = sources.create(
        customer,
        {"source": "tok_visa", "metadata": {"job": "j"}, "expand": ["customer"]},
    )
    assert isinstance(card, stripe.Card)
    assert isinstance(card.customer, stripe.Customer)
    assert (card.last4, card.metadata["job"]) == ("4242", "j")

    read = sources.retrieve(customer, card.id, {"expand": ["customer"]})
    assert read.customer.default_source == card.id
    gone = sources.delete(customer, card.id, {"expand": ["customer"]})
    assert (gone.id, gone.deleted) == (card.id, True)
    with pytest.raises(stripe.InvalidRequestError) as missing:
        sources.retrieve(customer, card.id)
    assert missing.value.http_status == 404
    assert (missing.value.code, missing.value.param) == ("resource_missing", "id")


def test_a_src_is_attached_and_detached(
    client: stripe.StripeClient, customer: str
) -> None:
    src = client.v1.sources.create({"type": "ach_credit_transfer", "currency": "usd"})
    attached = client.v1.customers.payment_sources.create(customer, {"source": src.id})
    assert isinstance(attached, stripe.Source)
    detached = client.v1.customers.payment_sources.delete(customer, src.id)
    assert (detached.object, detached.status) == ("source", "consumed")
    assert "deleted" not in detached
    assert client.v1.sources.retrieve(src.id).status == "consumed"


def test_tokens_are_made_and_used_up(
    client: stripe.StripeClient, customer: str
) -> None:
    token = client.v1.tokens.create(
        {"card": {"number": "4242424242424242", "exp_month": "8", "exp_year": "2034"}}
    )
    sources = client.v1.customers.payment_sources
    card = sources.create(customer, {"source": token.id})
    assert card.id == token.card.id
    assert client.v1.tokens.retrieve(token.id).used is True
    with pytest.raises(stripe.InvalidRequestError) as used:
        sources.create(customer, {"source": token.id})
    assert (used.value.http_status, used.value.code) == (400, "token_already_used")


def test_a_bank_account_token_is_made_and_used(
    client: stripe.StripeClient, customer: str
) -> None:
    details = {"country": "US", "currency": "usd", "routing_number": "110000000"}
    token = client.v1.tokens.create(
        {"bank_account": {**details, "account_number": "000123456789"}}
    )
    account = client.v1.customers.payment_sources.create(customer, {"source": token.id})
    assert isinstance(account, stripe.BankAccount)
    assert (account.status, account.last4) == ("new", "6789")


def test_customers_are_created_read_and_deleted(client: stripe.StripeClient) -> None:
    made = client.v1.customers.create({"source": "tok_amex", "name": "A"})
    assert client.v1.customers.retrieve(made.id).name == "A"
    assert client.v1.customers.delete(made.id).deleted is True
    assert client.v1.customers.retrieve(made.id).deleted is True


def test_declines_are_card_errors(client: stripe.StripeClient, customer: str) -> None:
    with pytest.raises(stripe.CardError) as declined:
        client.v1.customers.payment_sources.create(
            customer, {"source": "tok_visa_chargeDeclinedInsufficientFunds"}
        )
    error = declined.value
    assert (error.http_status, error.code) == (402, "card_declined")
    assert error.error.decline_code == "insufficient_funds"
    assert error.request_id.startswith("req_")


@pytest.mark.parametrize("key", ["sk_live_1", "nonsense"])
def test_a_bad_key_is_an_authentication_error(sandbox: RemoteSandbox, key: str) -> None:
    http = stripe.RequestsClient()
    with pytest.raises(stripe.AuthenticationError):
        connect(sandbox.url, http, key).v1.customers.create()
    http.close()


def test_another_account_is_another_world(
    client: stripe.StripeClient, customer: str
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as missing:
        client.v1.customers.retrieve(customer, options={"stripe_account": "acct_2"})
    assert missing.value.http_status == 404


def test_an_idempotency_key_replays(
    client: stripe.StripeClient, customer: str, sandbox: RemoteSandbox
) -> None:
    sources = client.v1.customers.payment_sources
    options = {"idempotency_key": "key-1"}
    first = sources.create(customer, {"source": "tok_visa"}, options)
    second = sources.create(customer, {"source": "tok_visa"}, options)
    assert first.id == second.id
    assert second.last_response.headers["idempotent-replayed"] == "true"
    assert created(sandbox) == 1
    with pytest.raises(stripe.IdempotencyError):
        sources.create(customer, {"source": "tok_amex"}, options)


@pytest.mark.parametrize(
    "fault", ["drop_before_commit", "drop_after_commit", "error_503_unsaved"]
)
def test_the_retries_of_the_package_meet_a_fault_and_make_one_card(
    sandbox: RemoteSandbox, customer: str, fault: str
) -> None:
    sandbox.set_faults([{"fault": fault, "operation": "create", "count": 1}])
    http = stripe.RequestsClient()
    retrying = connect(sandbox.url, http, retries=1)
    card = retrying.v1.customers.payment_sources.create(
        customer, {"source": "tok_visa"}
    )
    http.close()
    assert [e.object for e in sandbox.effects() if e.operation == "create"] == [card.id]


def test_a_saved_500_is_not_retried_and_still_has_its_effect(
    sandbox: RemoteSandbox, customer: str
) -> None:
    sandbox.set_faults([{"fault": "error_500_saved", "operation": "create"}])
    http = stripe.RequestsClient()
    retrying = connect(sandbox.url, http, retries=2)
    with pytest.raises(stripe.APIError) as failed:
        retrying.v1.customers.payment_sources.create(customer, {"source": "tok_visa"})
    http.close()
    assert failed.value.http_status == 500
    requests = [r for r in sandbox.requests() if r.operation == "create"]
    assert [request.status for request in requests] == [500]
    assert created(sandbox) == 1


@pytest.fixture
async def async_client(sandbox: RemoteSandbox) -> AsyncIterator[stripe.StripeClient]:
    http = stripe.HTTPXClient()
    yield connect(sandbox.url, http)
    await http.close_async()


# The package hands httpx its form in a way that httpx wants no more.
@pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
async def test_the_async_client_works_too(async_client: stripe.StripeClient) -> None:
    customer = await async_client.v1.customers.create_async()
    sources = async_client.v1.customers.payment_sources
    card = await sources.create_async(customer.id, {"source": "tok_visa"})
    gone = await sources.delete_async(customer.id, card.id)
    assert gone.deleted is True
