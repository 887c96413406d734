"""A customer that is being changed is locked for all others."""

import msgspec
import pytest

from sandbox.core import Sandbox
from sandbox.execution import Options
from sandbox.faults import Fault, FaultRule
from sandbox.journal import Change
from sandbox.wire import Answer, Flow, Request

SLOW = FaultRule(fault=Fault.LATENCY, seconds=1, count=1)


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox(Options(auto_customers=True, seed=1))


def request(
    method: str = "GET",
    path: str = "/v1/customers/cus_1",
    body: str = "",
    key: str = "",
    account: str = "acct_1",
) -> Request:
    headers = {"authorization": "Bearer sk_test_1", "stripe-account": account}
    if key:
        headers["idempotency-key"] = key
    return Request(method=method, path=path, headers=headers, body=body.encode())


def create(customer: str = "cus_1", key: str = "") -> Request:
    path = f"/v1/customers/{customer}/sources"
    return request("POST", path, "source=tok_visa", key)


def reason(answer: Answer) -> tuple[int, str | None, str | None]:
    headers = dict(answer.headers)
    error = msgspec.json.decode(answer.body).get("error", {})
    return answer.status, error.get("code"), headers.get("Stripe-Rate-Limited-Reason")


def finish(flow: Flow) -> Answer:
    with pytest.raises(StopIteration) as done:
        next(flow)
    return done.value.value


@pytest.mark.parametrize(
    "other",
    [
        create(),
        create(key="other"),
        request(),
        request("GET", "/v1/customers/cus_1/sources"),
        request("GET", "/v1/customers/cus_1/cards"),
        request("DELETE", "/v1/customers/cus_1/sources/card_1"),
        request("POST", "/v1/customers/cus_1/sources/card_1", "name=A"),
        request("POST", "/v1/customers/cus_1/sources/ba_1/verify", "amounts[]=1"),
        request("DELETE", "/v1/customers/cus_1"),
    ],
)
def test_a_customer_that_is_being_changed_is_locked_for_all_others(
    sandbox: Sandbox, other: Request
) -> None:
    sandbox.faults.replace([SLOW])
    slow = sandbox.flow(create(key="slow"))
    next(slow)
    answer = sandbox.handle(other)
    assert reason(answer) == (429, "lock_timeout", None)
    assert "Stripe-Should-Retry" not in dict(answer.headers)
    assert finish(slow).status == 200
    assert reason(sandbox.handle(other))[0] != 429
    assert sandbox.journal.effects[1].change is Change.SOURCE_CREATED


@pytest.mark.parametrize(
    "other",
    [
        create("cus_2"),
        request("POST", "/v1/customers", "name=A"),
        request("POST", "/v1/customers/cus_1/sources", "source=tok_visa", "", "acct_2"),
    ],
)
def test_a_lock_is_on_one_customer_of_one_account(
    sandbox: Sandbox, other: Request
) -> None:
    sandbox.faults.replace([SLOW])
    slow = sandbox.flow(create())
    next(slow)
    assert sandbox.handle(other).status == 200


def test_who_is_not_there_yet_locks_nobody(sandbox: Sandbox) -> None:
    sandbox.faults.replace([SLOW])
    slow = sandbox.flow(request("POST", "/v1/customers"))
    next(slow)
    assert sandbox.handle(request("POST", "/v1/customers")).status == 200
    assert finish(slow).status == 200


def test_a_read_locks_nothing(sandbox: Sandbox) -> None:
    sandbox.faults.replace([SLOW])
    slow = sandbox.flow(request())
    next(slow)
    assert sandbox.handle(create()).status == 200
    assert finish(slow).status == 200


def test_the_same_key_is_a_conflict_rather_than_a_lock(sandbox: Sandbox) -> None:
    sandbox.faults.replace([SLOW])
    slow = sandbox.flow(create(key="k"))
    next(slow)
    assert reason(sandbox.handle(create(key="k")))[:2] == (
        409,
        "idempotency_key_in_use",
    )


def test_a_lock_timeout_is_not_saved_under_its_key(sandbox: Sandbox) -> None:
    sandbox.faults.replace([SLOW])
    slow = sandbox.flow(create(key="slow"))
    next(slow)
    assert sandbox.handle(create(key="quick")).status == 429
    finish(slow)
    answer = sandbox.handle(create(key="quick"))
    assert (answer.status, "Idempotent-Replayed" in dict(answer.headers)) == (
        200,
        False,
    )


def test_an_abandoned_request_unlocks_its_customer(sandbox: Sandbox) -> None:
    sandbox.faults.replace([SLOW])
    slow = sandbox.flow(create())
    next(slow)
    slow.close()
    assert sandbox.handle(create()).status == 200


def test_locks_can_be_turned_off() -> None:
    sandbox = Sandbox(Options(auto_customers=True, lock_timeout=False))
    sandbox.faults.replace([SLOW])
    slow = sandbox.flow(create())
    next(slow)
    assert sandbox.handle(create()).status == 200
    assert finish(slow).status == 200


def test_the_journal_tells_which_requests_were_there_at_once() -> None:
    times = iter(range(100))
    sandbox = Sandbox(Options(auto_customers=True), clock=lambda: float(next(times)))
    sandbox.faults.replace([SLOW])
    slow = sandbox.flow(create())
    next(slow)
    sandbox.handle(create())
    finish(slow)
    sandbox.handle(create())
    other, first, after = sandbox.journal.requests
    assert first.began < other.began < other.time < first.time < after.began
