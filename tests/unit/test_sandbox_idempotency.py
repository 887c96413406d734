from collections.abc import Iterator

import httpx
import pytest

from sandbox.core import ConnectionCutError, Sandbox
from sandbox.execution import Options
from sandbox.faults import Fault, FaultRule
from sandbox.inprocess import transport
from sandbox.journal import Change
from sandbox.wire import Answer, Flow, Request

AUTHORIZATION = "Bearer sk_test_1"
SOURCES = "/customers/cus_1/sources"
DAY = 24 * 60 * 60


class Clock:
    now = 1_900_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sandbox(clock: Clock) -> Sandbox:
    return Sandbox(Options(auto_customers=True, seed=1), clock)


@pytest.fixture
def api(sandbox: Sandbox) -> Iterator[httpx.Client]:
    with httpx.Client(
        transport=transport(sandbox),
        base_url="http://sandbox/v1",
        headers={"Authorization": AUTHORIZATION},
    ) as client:
        yield client


def post(
    api: httpx.Client,
    source: str = "tok_visa",
    *,
    path: str = SOURCES,
    key: str = "key-1",
    **headers: str,
) -> httpx.Response:
    return api.post(
        path, data={"source": source}, headers={"Idempotency-Key": key, **headers}
    )


def raw(
    source: str = "tok_visa", key: str = "key-1", customer: str = "cus_1"
) -> Request:
    return Request(
        method="POST",
        path=f"/v1/customers/{customer}/sources",
        headers={"authorization": AUTHORIZATION, "idempotency-key": key},
        body=f"source={source}".encode(),
    )


def finish(flow: Flow) -> Answer | None:
    with pytest.raises(StopIteration) as done:
        next(flow)
    return done.value.value


def created(sandbox: Sandbox) -> int:
    changes = [effect.change for effect in sandbox.journal.effects]
    return changes.count(Change.SOURCE_CREATED)


def is_replay(response: httpx.Response) -> bool:
    return response.headers.get("Idempotent-Replayed") == "true"


def test_the_same_key_replays_the_first_answer(
    api: httpx.Client, sandbox: Sandbox
) -> None:
    first, second = post(api), post(api)
    assert first.content == second.content
    assert (is_replay(first), is_replay(second)) == (False, True)
    assert second.headers["Idempotency-Key"] == "key-1"
    assert second.headers["Original-Request"] == first.headers["Request-Id"]
    assert second.headers["Request-Id"] != first.headers["Request-Id"]
    assert created(sandbox) == 1
    assert [record.replayed for record in sandbox.journal.requests] == [False, True]


def test_without_a_key_each_request_is_executed(
    api: httpx.Client, sandbox: Sandbox
) -> None:
    for _ in range(2):
        response = api.post(SOURCES, data={"source": "tok_visa"})
        assert "Idempotency-Key" not in response.headers
    assert created(sandbox) == 2


def test_an_empty_key_is_no_key(api: httpx.Client, sandbox: Sandbox) -> None:
    post(api, key="")
    post(api, key="")
    assert created(sandbox) == 2


def test_two_keys_are_two_requests(api: httpx.Client, sandbox: Sandbox) -> None:
    post(api, key="key-1")
    post(api, key="key-2")
    assert created(sandbox) == 2


def test_a_key_counts_on_its_account_only(api: httpx.Client, sandbox: Sandbox) -> None:
    post(api)
    assert not is_replay(post(api, **{"Stripe-Account": "acct_2"}))
    assert created(sandbox) == 2


def test_a_key_means_nothing_on_get_and_delete(api: httpx.Client) -> None:
    url = f"{SOURCES}/{post(api).json()['id']}"
    headers = {"Idempotency-Key": "key-1"}
    for _ in range(2):
        response = api.get(url, headers=headers)
        assert response.status_code == 200
        assert not is_replay(response)
        assert "Idempotency-Key" not in response.headers
    assert api.delete(url, headers=headers).status_code == 200
    assert api.delete(url, headers=headers).status_code == 404


@pytest.mark.parametrize(
    ("source", "status"),
    [("tok_chargeDeclined", 402), ("tok_nope", 400), ("src_nope", 400)],
)
def test_an_error_of_the_execution_is_saved(
    api: httpx.Client, source: str, status: int
) -> None:
    first, second = post(api, source), post(api, source)
    assert first.status_code == second.status_code == status
    assert first.content == second.content
    assert is_replay(second)


def test_a_used_token_stays_used_for_its_key(api: httpx.Client) -> None:
    card = {"number": "4242424242424242", "exp_month": "12", "exp_year": "2040"}
    token = api.post(
        "/tokens", data={f"card[{name}]": value for name, value in card.items()}
    ).json()["id"]
    post(api, token, key="first")
    second, third = post(api, token, key="other"), post(api, token, key="other")
    assert second.json()["error"]["code"] == "token_already_used"
    assert (is_replay(second), is_replay(third)) == (False, True)
    assert post(api, token, key="first").status_code == 200


def test_a_refusal_before_the_execution_is_not_saved(api: httpx.Client) -> None:
    wrong = [
        api.post(SOURCES, data={"limit": "1"}, headers={"Idempotency-Key": "key-1"}),
        post(api, path="/customers/nobody/sources"),
        post(api, Authorization="Bearer nonsense"),
    ]
    assert [response.status_code for response in wrong] == [400, 404, 401]
    assert not any(is_replay(response) for response in wrong)
    right = post(api)
    assert right.status_code == 200
    assert not is_replay(right)


def test_a_key_is_bound_to_its_parameters(api: httpx.Client, sandbox: Sandbox) -> None:
    post(api, "tok_visa")
    response = post(api, "tok_amex")
    error = response.json()["error"]
    assert (response.status_code, error["type"]) == (400, "idempotency_error")
    assert error["message"] == (
        "Keys for idempotent requests can only be used with the same parameters they "
        "were first used with. Try using a key other than 'key-1' if you meant to "
        "execute a different request."
    )
    assert not is_replay(response)
    assert created(sandbox) == 1
    assert is_replay(post(api, "tok_visa"))


def test_the_same_parameters_in_another_notation_are_the_same(
    api: httpx.Client,
) -> None:
    headers = {
        "Idempotency-Key": "key-1",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    bodies = [
        b"source=tok_visa&expand[]=customer",
        b"expand%5B0%5D=customer&source=tok_visa",
    ]
    answers = [api.post(SOURCES, content=body, headers=headers) for body in bodies]
    assert is_replay(answers[1])


def test_a_key_is_bound_to_its_path(api: httpx.Client, sandbox: Sandbox) -> None:
    post(api)
    response = post(api, path="/customers/cus_2/sources")
    error = response.json()["error"]
    assert (response.status_code, error["type"]) == (400, "idempotency_error")
    assert (
        "('/v1/customers/cus_2/sources' vs '/v1/customers/cus_1/sources')"
        in (error["message"])
    )
    assert created(sandbox) == 1


@pytest.mark.parametrize(("length", "status"), [(255, 200), (256, 400)])
def test_a_key_may_have_255_characters(
    api: httpx.Client, length: int, status: int
) -> None:
    assert post(api, key="k" * length).status_code == status


def test_a_key_is_forgotten_after_24_hours_and_not_before(
    api: httpx.Client, sandbox: Sandbox, clock: Clock
) -> None:
    first = post(api)
    clock.now += DAY - 1
    assert is_replay(post(api))
    clock.now += 1
    again = post(api)
    assert not is_replay(again)
    assert again.json()["id"] != first.json()["id"]
    assert created(sandbox) == 2
    clock.now += DAY - 1
    assert is_replay(post(api))


def test_expired_keys_are_forgotten_behind_a_live_one(
    sandbox: Sandbox, clock: Clock
) -> None:
    sandbox.faults.replace([FaultRule(fault=Fault.LATENCY, seconds=1, count=1)])
    slow = sandbox.flow(raw(key="slow"))
    next(slow)
    quick = raw(key="quick", customer="cus_2")
    sandbox.handle(quick)
    clock.now += DAY
    again = sandbox.handle(quick)
    assert again.status == 200
    assert "Idempotent-Replayed" not in dict(again.headers)
    assert sandbox.handle(raw(key="slow")).status == 409


def test_expired_keys_take_up_no_memory(
    api: httpx.Client, sandbox: Sandbox, clock: Clock
) -> None:
    for n in range(10):
        post(api, key=f"old-{n}")
    clock.now += DAY
    post(api, key="new")
    assert list(sandbox._world._keys["acct_sandbox"]._entries) == ["new"]


def test_a_key_in_progress_is_a_conflict_until_its_request_is_done(
    sandbox: Sandbox,
) -> None:
    sandbox.faults.replace([FaultRule(fault=Fault.LATENCY, seconds=3, count=1)])
    slow = sandbox.flow(raw())
    assert next(slow) == 3

    conflict = sandbox.handle(raw())
    assert conflict.status == 409
    assert b'"idempotency_key_in_use"' in conflict.body
    assert sandbox.handle(raw("tok_amex")).status == 400
    assert created(sandbox) == 0

    answer = finish(slow)
    replay = sandbox.handle(raw())
    assert answer is not None
    assert (replay.status, replay.body) == (200, answer.body)
    assert created(sandbox) == 1


def test_an_abandoned_request_frees_its_key(sandbox: Sandbox) -> None:
    sandbox.faults.replace([FaultRule(fault=Fault.LATENCY, seconds=3, count=1)])
    slow = sandbox.flow(raw())
    next(slow)
    slow.close()
    assert sandbox.handle(raw()).status == 200
    assert created(sandbox) == 1


def test_a_request_cut_before_it_was_executed_frees_its_key(sandbox: Sandbox) -> None:
    rule = FaultRule(fault=Fault.DROP_BEFORE_COMMIT, count=1)
    sandbox.faults.replace([rule])
    with pytest.raises(ConnectionCutError):
        sandbox.handle(raw())
    assert created(sandbox) == 0
    answer = sandbox.handle(raw())
    assert answer.status == 200
    assert "Idempotent-Replayed" not in dict(answer.headers)


def test_an_answer_that_was_cut_off_is_replayed(sandbox: Sandbox) -> None:
    sandbox.faults.replace([FaultRule(fault=Fault.DROP_AFTER_COMMIT, count=1)])
    with pytest.raises(ConnectionCutError):
        sandbox.handle(raw())
    assert created(sandbox) == 1
    answer = sandbox.handle(raw())
    assert (answer.status, dict(answer.headers)["Idempotent-Replayed"]) == (200, "true")
    assert created(sandbox) == 1
    assert [record.status for record in sandbox.journal.requests] == [None, 200]


def test_a_saved_500_is_replayed_although_the_effect_is_there(
    api: httpx.Client, sandbox: Sandbox
) -> None:
    sandbox.faults.replace([FaultRule(fault=Fault.ERROR_500_SAVED, count=1)])
    first, second = post(api), post(api)
    for response in (first, second):
        assert response.status_code == 500
        assert response.json()["error"]["type"] == "api_error"
        assert response.headers["Stripe-Should-Retry"] == "false"
    assert is_replay(second)
    assert created(sandbox) == 1


def test_an_unsaved_503_leaves_nothing_behind(
    api: httpx.Client, sandbox: Sandbox
) -> None:
    sandbox.faults.replace([FaultRule(fault=Fault.ERROR_503_UNSAVED, count=1)])
    first = post(api)
    assert first.status_code == 503
    assert first.headers["Stripe-Should-Retry"] == "true"
    assert created(sandbox) == 0
    second = post(api)
    assert second.status_code == 200
    assert not is_replay(second)


def test_replays_are_cut_too_but_neither_delayed_nor_turned_into_a_500(
    api: httpx.Client, sandbox: Sandbox
) -> None:
    post(api)
    sandbox.faults.replace(
        [
            FaultRule(fault=Fault.LATENCY, seconds=1000),
            FaultRule(fault=Fault.ERROR_500_SAVED),
            FaultRule(fault=Fault.DROP_AFTER_COMMIT, count=1),
        ]
    )
    with pytest.raises(httpx.RemoteProtocolError):
        post(api)
    assert is_replay(post(api))
    assert [record.faults for record in sandbox.journal.requests] == [
        [],
        ["drop_after_commit"],
        [],
    ]


def test_a_connection_is_cut_by_one_fault_only(sandbox: Sandbox) -> None:
    before = FaultRule(fault=Fault.DROP_BEFORE_COMMIT, count=1)
    after = FaultRule(fault=Fault.DROP_AFTER_COMMIT, count=1)
    sandbox.faults.replace([after, before])
    with pytest.raises(ConnectionCutError):
        sandbox.handle(raw())
    assert sandbox.faults.rules == [after]


def test_faults_strike_deletes_as_well(api: httpx.Client, sandbox: Sandbox) -> None:
    url = f"{SOURCES}/{post(api).json()['id']}"
    sandbox.faults.replace([FaultRule(fault=Fault.DROP_AFTER_COMMIT, count=1)])
    with pytest.raises(httpx.RemoteProtocolError):
        api.delete(url)
    assert api.delete(url).status_code == 404
    assert sandbox.journal.effects[-1].change is Change.SOURCE_DELETED


def test_requests_without_a_valid_key_use_up_no_fault(
    api: httpx.Client, sandbox: Sandbox
) -> None:
    sandbox.faults.replace([FaultRule(fault=Fault.DROP_BEFORE_COMMIT, count=1)])
    assert post(api, Authorization="Bearer nonsense").status_code == 401
    assert api.get("/nothing").status_code == 404
    assert len(sandbox.faults.rules) == 1
