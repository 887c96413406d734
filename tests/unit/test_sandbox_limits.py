"""Limits of rate and concurrency."""

import msgspec
import pytest

from sandbox.core import Sandbox
from sandbox.execution import Options
from sandbox.faults import Fault, FaultRule
from sandbox.limits import NO_LIMIT, Limit, Limits
from sandbox.wire import Answer, Flow, Request

AUTHORIZATION = "Bearer sk_test_1"
NOW = 1_900_000_000.75
SLOW = FaultRule(fault=Fault.LATENCY, seconds=1, count=1)


def sandbox_with(account: Limit = NO_LIMIT, operation: Limit = NO_LIMIT) -> Sandbox:
    """Return a sandbox whose clock stands still."""
    limits = Limits(account=account, operation=operation)
    options = Options(auto_customers=True, seed=1, limits=limits)
    return Sandbox(options, clock=lambda: NOW)


def request(
    method: str = "GET",
    path: str = "/v1/customers/cus_1",
    body: str = "",
    key: str = "",
    account: str = "acct_1",
    authorization: str = AUTHORIZATION,
) -> Request:
    headers = {"authorization": authorization, "stripe-account": account}
    if key:
        headers["idempotency-key"] = key
    return Request(method=method, path=path, headers=headers, body=body.encode())


def create(customer: str = "cus_1", key: str = "") -> Request:
    path = f"/v1/customers/{customer}/sources"
    return request("POST", path, "source=tok_visa", key)


def passed(sandbox: Sandbox, times: int, one: Request | None = None) -> int:
    return sum(sandbox.handle(one or request()).status == 200 for _ in range(times))


def reason(answer: Answer) -> tuple[int, str | None, str | None]:
    headers = dict(answer.headers)
    error = msgspec.json.decode(answer.body).get("error", {})
    return answer.status, error.get("code"), headers.get("Stripe-Rate-Limited-Reason")


def finish(flow: Flow) -> Answer:
    with pytest.raises(StopIteration) as done:
        next(flow)
    return done.value.value


def test_nothing_is_limited_unless_asked_for() -> None:
    assert passed(sandbox_with(), 500) == 500


def test_a_bucket_holds_one_second_of_its_rate_and_comes_back_evenly() -> None:
    sandbox = sandbox_with(operation=Limit(rate=25))
    assert passed(sandbox, 100) == 25
    for _ in range(3):
        sandbox.advance(1 / 25)
        assert passed(sandbox, 5) == 1
    sandbox.advance(0.4)
    assert passed(sandbox, 100) == 10
    sandbox.advance(3600)
    assert passed(sandbox, 100) == 25


def test_a_burst_can_be_set_apart_from_the_rate() -> None:
    sandbox = sandbox_with(account=Limit(rate=2, burst=5))
    assert passed(sandbox, 9) == 5
    sandbox.advance(1)
    assert passed(sandbox, 9) == 2
    slow = sandbox_with(account=Limit(rate=0.1))
    assert passed(slow, 9) == 1
    slow.advance(10)
    assert passed(slow, 9) == 1


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        ({"account": Limit(rate=1)}, "global-rate"),
        ({"operation": Limit(rate=1)}, "endpoint-rate"),
        ({"account": Limit(rate=1), "operation": Limit(rate=1)}, "global-rate"),
    ],
)
def test_a_rate_that_is_reached_is_told(limits: dict[str, Limit], told: str) -> None:
    sandbox = sandbox_with(**limits)
    sandbox.handle(request())
    assert reason(sandbox.handle(request())) == (429, "rate_limit", told)


def test_each_operation_has_a_rate_of_its_own() -> None:
    sandbox = sandbox_with(operation=Limit(rate=1))
    assert passed(sandbox, 2, create()) == 1
    assert passed(sandbox, 2, create("cus_2")) == 0  # the same operation
    assert passed(sandbox, 2) == 1


def test_each_account_has_limits_of_its_own() -> None:
    sandbox = sandbox_with(account=Limit(rate=1))
    assert passed(sandbox, 2, request(account="acct_1")) == 1
    assert passed(sandbox, 2, request(account="acct_2")) == 1


def test_a_refused_request_takes_nothing() -> None:
    sandbox = sandbox_with(account=Limit(rate=3), operation=Limit(rate=1))
    assert passed(sandbox, 9, create()) == 1
    assert passed(sandbox, 9) == 1
    assert passed(sandbox, 9, request("GET", "/v1/customers/cus_1/sources")) == 1


def test_requests_without_a_valid_key_or_endpoint_are_not_counted() -> None:
    sandbox = sandbox_with(account=Limit(rate=1))
    assert sandbox.handle(request(authorization="Bearer no")).status == 401
    assert sandbox.handle(request(path="/v1/nothing")).status == 404
    assert passed(sandbox, 2) == 1


def test_limiters_run_before_the_idempotency_layer() -> None:
    sandbox = sandbox_with(operation=Limit(rate=1))
    assert sandbox.handle(create(key="k")).status == 200
    refused = sandbox.handle(create(key="k"))
    assert reason(refused)[0] == 429
    assert "Idempotent-Replayed" not in dict(refused.headers)
    sandbox.advance(1)
    replay = sandbox.handle(create(key="k"))
    assert (replay.status, dict(replay.headers)["Idempotent-Replayed"]) == (200, "true")


def test_a_429_is_not_saved_under_the_key() -> None:
    sandbox = sandbox_with(operation=Limit(rate=1))
    sandbox.handle(create(key="first"))
    assert sandbox.handle(create(key="second")).status == 429
    sandbox.advance(1)
    again = sandbox.handle(create(key="second"))
    assert (again.status, "Idempotent-Replayed" in dict(again.headers)) == (200, False)


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        ({"account": Limit(concurrency=2)}, "global-concurrency"),
        ({"operation": Limit(concurrency=2)}, "endpoint-concurrency"),
    ],
)
def test_requests_in_flight_are_limited(limits: dict[str, Limit], told: str) -> None:
    sandbox = sandbox_with(**limits)
    sandbox.faults.replace([FaultRule(fault=Fault.LATENCY, count=2)])
    flows = [sandbox.flow(create(f"cus_{n}")) for n in range(2)]
    for flow in flows:
        next(flow)
    assert reason(sandbox.handle(create("cus_3"))) == (429, "rate_limit", told)
    assert finish(flows[0]).status == 200
    assert sandbox.handle(create("cus_3")).status == 200
    flows[1].close()  # one that is abandoned is in flight no more
    sandbox.faults.replace([FaultRule(fault=Fault.LATENCY, count=1)])
    next(sandbox.flow(create("cus_4")))
    assert sandbox.handle(create("cus_5")).status == 200


def test_other_limits_begin_with_full_buckets_and_know_what_is_in_flight() -> None:
    sandbox = sandbox_with(account=Limit(rate=2))
    sandbox.faults.replace([SLOW])
    slow = sandbox.flow(create())
    next(slow)
    sandbox.limiter.replace(Limits(account=Limit(rate=3, concurrency=1)))
    assert reason(sandbox.handle(request()))[2] == "global-concurrency"
    finish(slow)
    assert passed(sandbox, 9) == 3
    sandbox.limiter.replace(Limits())
    assert passed(sandbox, 9) == 9


@pytest.mark.parametrize(
    "limits",
    [
        {"account": {"rate": 0}},
        {"account": {"rate": -1}},
        {"operation": {"burst": 0}},
        {"operation": {"concurrency": 0}},
        {"operation": {"concurrency": 1.5}},
        {"account": {"rates": 1}},
        {"acount": {}},
    ],
)
def test_limits_with_a_mistake_are_refused(limits: dict) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(limits, Limits)
