"""What each fault does to an answer, to the state and to the key; and the clock."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import nullcontext

import httpx
import pytest

from sandbox.core import Sandbox
from sandbox.execution import Options
from sandbox.faults import Fault, FaultRule
from sandbox.inprocess import transport
from sandbox.journal import Change
from sandbox.limits import Limit, Limits, Reason
from sandbox.wire import Request

KEY = {"Authorization": "Bearer sk_test_1"}
SOURCES = "/customers/cus_1/sources"
DAY = 24 * 60 * 60
UNSAVED = [
    (Fault.UNAUTHORIZED, 401, "api_key_expired"),
    (Fault.RATE_LIMITED, 429, "rate_limit"),
    (Fault.LOCK_TIMEOUT, 429, "lock_timeout"),
    (Fault.ERROR_500_UNSAVED, 500, None),
    (Fault.ERROR_503_UNSAVED, 503, None),
]


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox(Options(auto_customers=True, seed=1))


@pytest.fixture
def api(sandbox: Sandbox) -> Iterator[httpx.Client]:
    with httpx.Client(
        transport=transport(sandbox), base_url="http://sandbox/v1", headers=KEY
    ) as client:
        yield client


def post(api: httpx.Client, key: str = "key-1") -> httpx.Response:
    return api.post(
        SOURCES, data={"source": "tok_visa"}, headers={"Idempotency-Key": key}
    )


def created(sandbox: Sandbox) -> int:
    changes = [effect.change for effect in sandbox.journal.effects]
    return changes.count(Change.SOURCE_CREATED)


def is_replay(response: httpx.Response) -> bool:
    return response.headers.get("Idempotent-Replayed") == "true"


@pytest.mark.parametrize(("fault", "status", "code"), UNSAVED)
def test_an_unsaved_error_leaves_nothing_behind(
    api: httpx.Client, sandbox: Sandbox, fault: Fault, status: int, code: str | None
) -> None:
    sandbox.faults.replace([FaultRule(fault=fault, count=1)])
    first = post(api)
    assert (first.status_code, first.json()["error"].get("code")) == (status, code)
    assert sandbox.journal.effects == []
    assert sandbox.journal.requests[0].faults == [fault]
    second = post(api)
    assert (second.status_code, is_replay(second)) == (200, False)
    assert created(sandbox) == 1


@pytest.mark.parametrize(("fault", "status", "_code"), UNSAVED)
def test_all_unsaved_errors_but_a_lock_also_hide_a_saved_answer(
    api: httpx.Client, sandbox: Sandbox, fault: Fault, status: int, _code: str
) -> None:
    post(api)
    sandbox.faults.replace([FaultRule(fault=fault, count=1)])
    expected = 200 if fault is Fault.LOCK_TIMEOUT else status
    assert post(api).status_code == expected
    sandbox.faults.replace([])
    assert is_replay(post(api))


@pytest.mark.parametrize("reason", [None, *Reason])
def test_a_rate_limit_tells_its_reason(
    api: httpx.Client, sandbox: Sandbox, reason: Reason | None
) -> None:
    sandbox.faults.replace([FaultRule(fault=Fault.RATE_LIMITED, reason=reason)])
    told = post(api).headers["Stripe-Rate-Limited-Reason"]
    assert told == (reason or "global-rate")


def test_a_lock_timeout_tells_no_reason(api: httpx.Client, sandbox: Sandbox) -> None:
    sandbox.faults.replace([FaultRule(fault=Fault.LOCK_TIMEOUT)])
    assert "Stripe-Rate-Limited-Reason" not in post(api).headers


@pytest.mark.parametrize(
    ("fault", "usual"),
    [
        (Fault.ERROR_500_SAVED, "false"),
        (Fault.ERROR_500_UNSAVED, None),
        (Fault.ERROR_503_UNSAVED, "true"),
    ],
)
@pytest.mark.parametrize(
    ("advice", "told"),
    [(None, ...), (True, "true"), (False, "false"), ("absent", None)],
)
def test_what_an_error_advises_can_be_set(
    api: httpx.Client,
    sandbox: Sandbox,
    fault: Fault,
    usual: str | None,
    advice: object,
    told: object,
) -> None:
    sandbox.faults.replace([FaultRule(fault=fault, should_retry=advice)])
    header = post(api).headers.get("Stripe-Should-Retry")
    assert header == (usual if told is ... else told)


def test_a_saved_500_is_replayed_with_the_advice_it_was_saved_with(
    api: httpx.Client, sandbox: Sandbox
) -> None:
    rule = FaultRule(fault=Fault.ERROR_500_SAVED, should_retry=True, count=1)
    sandbox.faults.replace([rule])
    for _ in range(2):
        assert post(api).headers["Stripe-Should-Retry"] == "true"


@pytest.mark.parametrize(
    "rule",
    [
        {"fault": Fault.LATENCY, "reason": Reason.GLOBAL_RATE},
        {"fault": Fault.LOCK_TIMEOUT, "reason": Reason.GLOBAL_RATE},
        {"fault": Fault.RATE_LIMITED, "should_retry": True},
        {"fault": Fault.DROP_AFTER_COMMIT, "should_retry": "absent"},
    ],
)
def test_a_rule_takes_no_field_that_its_fault_has_no_use_for(rule: dict) -> None:
    with pytest.raises(ValueError, match=f"a fault {rule['fault']} "):
        FaultRule(**rule)


@pytest.mark.parametrize("source", ["tok_visa", "tok_chargeDeclined"])
def test_garbage_is_a_success_that_cannot_be_read(
    api: httpx.Client, sandbox: Sandbox, source: str
) -> None:
    once = {"data": {"source": source}, "headers": {"Idempotency-Key": "k"}}
    sandbox.faults.replace([FaultRule(fault=Fault.GARBAGE, count=1)])
    first = api.post(SOURCES, **once)
    assert first.status_code == 200
    with pytest.raises(ValueError, match="Expecting value"):
        first.json()
    second = api.post(SOURCES, **once)
    assert is_replay(second)
    assert second.status_code == (200 if source == "tok_visa" else 402)
    assert created(sandbox) == (source == "tok_visa")


def test_a_slow_body_is_whole_in_the_end(api: httpx.Client, sandbox: Sandbox) -> None:
    sandbox.faults.replace([FaultRule(fault=Fault.SLOW_BODY, seconds=0.05, count=1)])
    began = time.monotonic()
    assert post(api).json()["last4"] == "4242"
    assert time.monotonic() - began >= 0.05


async def test_a_slow_body_holds_up_no_event_loop(sandbox: Sandbox) -> None:
    sandbox.faults.replace([FaultRule(fault=Fault.SLOW_BODY, seconds=0.2, count=2)])
    async with httpx.AsyncClient(
        transport=transport(sandbox), base_url="http://sandbox/v1", headers=KEY
    ) as api:
        began = time.monotonic()
        answers = await asyncio.gather(*[api.get("/customers/cus_1") for _ in "12"])
    assert [answer.status_code for answer in answers] == [200, 200]
    assert time.monotonic() - began < 0.4


@pytest.mark.parametrize("fault", Fault)
def test_each_fault_can_be_narrowed_to_one_operation_of_one_customer(
    api: httpx.Client, sandbox: Sandbox, fault: Fault
) -> None:
    rule = FaultRule(fault=fault, operation="update", customer="cus_2", count=1)
    sandbox.faults.replace([rule])
    assert post(api).status_code == 200
    assert api.get("/customers/cus_2/sources").status_code == 200
    assert sandbox.faults.rules == [rule]
    cut = pytest.raises(httpx.RemoteProtocolError)
    with cut if "drop" in fault else nullcontext():
        api.post("/customers/cus_2/sources/card_1", data={"name": "A"})
    struck = sandbox.journal.requests[-1]
    # Nobody can be told 500 for what was refused before it was executed.
    expected = [] if fault is Fault.ERROR_500_SAVED else [fault]
    assert (struck.operation, struck.faults) == ("update", expected)


def test_the_clock_leaps_and_takes_keys_and_dates_with_it(
    api: httpx.Client, sandbox: Sandbox
) -> None:
    post(api)
    before = sandbox.now()
    sandbox.advance(DAY)
    assert DAY <= sandbox.now() - before < DAY + 60
    assert not is_replay(post(api))
    made = api.post("/customers").json()["created"]
    assert before + DAY - 1 <= made <= before + DAY + 60
    assert sandbox.journal.effects[-1].time >= before + DAY


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), 1e12])
def test_the_clock_goes_neither_back_nor_out_of_all_bounds(
    sandbox: Sandbox, seconds: float
) -> None:
    with pytest.raises(ValueError, match="the clock can be advanced by 0 to"):
        sandbox.advance(seconds)


def test_the_bound_is_on_all_leaps_together(
    api: httpx.Client, sandbox: Sandbox
) -> None:
    for _ in range(2):
        sandbox.advance(50 * 365 * DAY)
    with pytest.raises(ValueError, match="in all"):
        sandbox.advance(1)
    card = {"number": "4242424242424242", "exp_month": "1", "exp_year": "9999"}
    form = {f"card[{name}]": value for name, value in card.items()}
    assert api.post("/tokens", data=form).status_code == 200


def test_a_reset_sets_the_clock_and_the_limits_back() -> None:
    limits = Limits(account=Limit(rate=5))
    sandbox = Sandbox(Options(limits=limits), clock=lambda: 1_900_000_000)
    sandbox.advance(DAY)
    sandbox.limiter.replace(Limits())
    sandbox.reset()
    assert (sandbox.now(), sandbox.limiter.limits) == (1_900_000_000, limits)


def test_what_is_in_progress_leaves_no_trace_after_a_reset(
    api: httpx.Client, sandbox: Sandbox
) -> None:
    sandbox.faults.replace([FaultRule(fault=Fault.LATENCY, seconds=1)])
    slow = sandbox.flow(
        Request(
            method="POST",
            path=f"/v1{SOURCES}",
            headers={"authorization": KEY["Authorization"], "idempotency-key": "key-1"},
            body=b"source=tok_visa",
        )
    )
    next(slow)
    sandbox.reset()
    with pytest.raises(StopIteration) as done:
        next(slow)
    assert done.value.value.status == 200
    assert sandbox.journal.effects == sandbox.journal.requests == []
    assert not is_replay(post(api))
