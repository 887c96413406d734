"""Looking in and steering: `/_sandbox/`, and the client for it."""

import time
from collections.abc import Iterator

import httpx
import pytest

from sandbox import remote
from sandbox.faults import Fault, FaultRule
from sandbox.limits import Limit, Limits
from sandbox.remote import RemoteSandbox
from sandbox.routes import Operation
from sandbox.server import SandboxServer

KEY = {"Authorization": "Bearer sk_test_1"}


@pytest.fixture(scope="module")
def server() -> Iterator[RemoteSandbox]:
    with SandboxServer(auto_customers=True, seed=1) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(server: RemoteSandbox) -> RemoteSandbox:
    server.reset()
    return server


@pytest.fixture
def http(sandbox: RemoteSandbox) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=sandbox.url) as client:
        yield client


def touch(http: httpx.Client, count: int) -> None:
    """Create `count` customers, cus_0 and on, by mentioning them."""
    for n in range(count):
        assert http.get(f"/v1/customers/cus_{n}", headers=KEY).status_code == 200


def test_health_needs_no_key(http: httpx.Client) -> None:
    assert http.get("/_sandbox/health").json() == {"status": "ok"}


def test_the_journal_is_read_page_by_page(http: httpx.Client) -> None:
    touch(http, 5)
    query = {"kind": "effects", "limit": "2"}
    pages = [
        http.get("/_sandbox/journal", params={**query, "after": str(after)}).json()
        for after in (0, 2, 4)
    ]
    objects = [[entry["object"] for entry in page["data"]] for page in pages]
    assert objects == [["cus_0", "cus_1"], ["cus_2", "cus_3"], ["cus_4"]]
    assert [page["has_more"] for page in pages] == [True, True, False]
    assert [entry["seq"] for page in pages for entry in page["data"]] == [1, 2, 3, 4, 5]


def test_the_client_reads_all_pages(
    http: httpx.Client, sandbox: RemoteSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(http, 5)
    monkeypatch.setattr(remote, "PAGE", 2)
    assert [effect.seq for effect in sandbox.effects()] == [1, 2, 3, 4, 5]
    assert [record.seq for record in sandbox.requests()] == [1, 2, 3, 4, 5]


def test_the_journal_of_requests_tells_what_was_asked(
    http: httpx.Client, sandbox: RemoteSandbox
) -> None:
    answer = http.post(
        "/v1/customers/cus_1/sources?expand[]=customer",
        data={"source": "tok_visa"},
        headers={**KEY, "Idempotency-Key": "key-1"},
    )
    http.get("/v1/nothing", headers=KEY)
    known, unknown = sandbox.requests()
    assert (known.method, known.path) == ("POST", "/v1/customers/cus_1/sources")
    assert (known.operation, known.customer) == ("create", "cus_1")
    assert (known.account, known.idempotency_key) == ("acct_sandbox", "key-1")
    assert (known.status, known.request_id) == (200, answer.headers["Request-Id"])
    assert (unknown.status, unknown.operation, unknown.customer) == (404, "", "")


@pytest.mark.parametrize("query", ["kind=other", "after=x", "limit=many"])
def test_a_malformed_question_to_the_journal_is_refused(
    http: httpx.Client, query: str
) -> None:
    answer = http.get(f"/_sandbox/journal?{query}")
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_looking_in_leaves_no_trace(sandbox: RemoteSandbox) -> None:
    sandbox.check_health()
    sandbox.effects()
    assert sandbox.requests() == []


def test_fault_rules_are_set_read_and_cleared(sandbox: RemoteSandbox) -> None:
    sandbox.set_faults([{"fault": "latency", "seconds": 2, "operation": "delete"}])
    rule = FaultRule(fault=Fault.LATENCY, seconds=2, operation=Operation.DELETE)
    assert sandbox.faults() == [rule]
    sandbox.set_faults([rule, rule])
    assert sandbox.faults() == [rule, rule]
    sandbox.clear_faults()
    assert sandbox.faults() == []


def test_what_is_left_of_a_fault_can_be_read(
    http: httpx.Client, sandbox: RemoteSandbox
) -> None:
    sandbox.set_faults([{"fault": "error_503_unsaved", "count": 2}])
    assert http.get("/v1/customers/cus_1", headers=KEY).status_code == 503
    assert [rule.count for rule in sandbox.faults()] == [1]


def test_a_malformed_rule_puts_none_in_force(sandbox: RemoteSandbox) -> None:
    sandbox.set_faults([{"fault": "latency"}])
    with pytest.raises(ValueError, match="earthquake"):
        sandbox.set_faults([{"fault": "drop_before_commit"}, {"fault": "earthquake"}])
    assert [rule.fault for rule in sandbox.faults()] == [Fault.LATENCY]


def test_a_reset_forgets_objects_keys_faults_and_journal(
    http: httpx.Client, sandbox: RemoteSandbox
) -> None:
    headers = {**KEY, "Idempotency-Key": "key-1"}
    url = "/v1/customers/cus_1/sources"
    http.post(url, data={"source": "tok_visa"}, headers=headers)
    sandbox.set_faults([{"fault": "latency"}])
    sandbox.reset()
    assert (sandbox.effects(), sandbox.requests(), sandbox.faults()) == ([], [], [])
    again = http.post(url, data={"source": "tok_amex"}, headers=headers)
    assert again.status_code == 200


def test_the_clock_is_read_and_advanced(
    http: httpx.Client, sandbox: RemoteSandbox
) -> None:
    before = sandbox.now()
    assert abs(before - time.time()) < 60
    after = sandbox.advance(3600)
    assert 3600 <= after - before < 3660
    assert after <= sandbox.now() < after + 60
    made = http.post("/v1/customers", headers=KEY).json()["created"]
    assert int(after) <= made < after + 60


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"advance": -1}', b'{"advance": "1"}', b'{"advanse": 1}']
)
def test_the_clock_goes_on_where_it_was_after_a_mistake(
    http: httpx.Client, sandbox: RemoteSandbox, body: bytes
) -> None:
    answer = http.post("/_sandbox/clock", content=body)
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert sandbox.now() < time.time() + 60


def test_a_leap_of_a_day_forgets_keys(
    http: httpx.Client, sandbox: RemoteSandbox
) -> None:
    def create() -> httpx.Response:
        return http.post(
            "/v1/customers/cus_1/sources",
            data={"source": "tok_visa"},
            headers={**KEY, "Idempotency-Key": "k"},
        )

    first = create()
    sandbox.advance(24 * 60 * 60 - 60)
    assert create().json() == first.json()
    sandbox.advance(60)
    assert create().json()["id"] != first.json()["id"]


def test_limits_are_set_read_and_taken_back(
    http: httpx.Client, sandbox: RemoteSandbox
) -> None:
    assert sandbox.limits() == Limits()
    sandbox.set_limits({"account": {"rate": 0.001}, "operation": {"concurrency": 3}})
    account = Limit(rate=0.001)
    assert sandbox.limits() == Limits(account=account, operation=Limit(concurrency=3))
    touch(http, 1)
    refused = http.get("/v1/customers/cus_1", headers=KEY)
    assert refused.status_code == 429
    assert refused.headers["Stripe-Rate-Limited-Reason"] == "global-rate"
    with pytest.raises(ValueError, match="rate"):
        sandbox.set_limits({"account": {"rate": 0}})
    assert sandbox.limits().account == account
    sandbox.set_limits(Limits())
    touch(http, 5)


def test_steering_is_not_limited(sandbox: RemoteSandbox) -> None:
    sandbox.set_limits({"account": {"rate": 0.001, "concurrency": 1}})
    for _ in range(5):
        sandbox.check_health()


def test_an_endpoint_for_steering_that_is_not_there_is_a_404(
    http: httpx.Client, sandbox: RemoteSandbox
) -> None:
    assert http.get("/_sandbox/nothing").status_code == 404
    assert http.put("/_sandbox/clock").status_code == 405
    assert sandbox.requests() == []


def test_a_server_starts_with_the_options_that_it_is_given() -> None:
    limits = Limits(account=Limit(rate=0.001, burst=3))
    with SandboxServer(auto_customers=True, limits=limits) as sandbox:
        with httpx.Client(base_url=sandbox.url) as http:
            touch(http, 3)
            assert http.get("/v1/customers/cus_1", headers=KEY).status_code == 429
        sandbox.set_limits({})
        sandbox.reset()
        assert sandbox.limits() == limits


def test_a_sandbox_that_is_not_there_is_an_os_error() -> None:
    with SandboxServer() as sandbox:
        sandbox.check_health()
    with pytest.raises(OSError, match="refused"):
        sandbox.check_health()


def test_servers_take_ports_and_state_of_their_own() -> None:
    with SandboxServer(auto_customers=True) as one, SandboxServer() as other:
        assert one.url != other.url
        with httpx.Client(headers=KEY) as http:
            assert http.get(f"{one.url}/v1/customers/cus_1").status_code == 200
            assert http.get(f"{other.url}/v1/customers/cus_1").status_code == 404
        assert other.effects() == []


def test_a_server_goes_by_the_clock_that_it_is_given() -> None:
    with SandboxServer(auto_customers=True, clock=lambda: 1_900_000_000.5) as sandbox:
        with httpx.Client(headers=KEY) as http:
            made = http.get(f"{sandbox.url}/v1/customers/cus_1").json()["created"]
        assert made == 1_900_000_000
        assert sandbox.effects()[0].time == 1_900_000_000.5


def test_a_server_stops_although_a_request_is_in_progress(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with SandboxServer(auto_customers=True) as sandbox, httpx.Client() as http:
        sandbox.set_faults([{"fault": "latency", "seconds": 1000}])
        with pytest.raises(httpx.ReadTimeout):
            http.get(f"{sandbox.url}/v1/customers/cus_1", headers=KEY, timeout=0.1)
    assert [record.exc_info for record in caplog.records] == [None]


def test_cards_can_be_there_before_anything_happens(
    http: httpx.Client, sandbox: RemoteSandbox
) -> None:
    sandbox.seed({"cus_1": ["card_a", "card_b"], "cus_2": []})
    sandbox.seed({"cus_1": ["card_b"]})

    card = http.get("/v1/customers/cus_1/sources/card_b", headers=KEY).json()
    assert (card["id"], card["brand"]) == ("card_b", "Visa")
    assert sandbox.effects() == []
    with pytest.raises(ValueError, match="array"):
        sandbox.seed({"cus_1": "card_a"})


def test_a_bank_account_that_is_put_there_can_be_verified(
    http: httpx.Client, sandbox: RemoteSandbox
) -> None:
    sandbox.seed({"cus_1": ["ba_1"]})

    url = "/v1/customers/cus_1/sources/ba_1"
    assert http.get(url, headers=KEY).json()["status"] == "new"
    for amounts, status in (([1, 2], 402), ([32, 45], 200)):
        answer = http.post(f"{url}/verify", data={"amounts[]": amounts}, headers=KEY)
        assert answer.status_code == status


def test_each_account_has_what_was_put_there_and_nothing_of_another(
    http: httpx.Client, sandbox: RemoteSandbox
) -> None:
    sandbox.seed({"cus_1": ["card_a"]}, account="acct_2")

    url, other = "/v1/customers/cus_1/sources/card_a", {"Stripe-Account": "acct_2"}
    assert http.get(url, headers=KEY).status_code == 404
    assert http.get(url, headers=KEY | other).json()["id"] == "card_a"
