"""The sandbox over a real socket, byte by byte where it matters."""

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from sandbox.abort import abort
from sandbox.journal import Change
from sandbox.remote import RemoteSandbox
from sandbox.server import SandboxServer, listen

SOURCES = "/v1/customers/cus_1/sources"
KEY = {"Authorization": "Bearer sk_test_1"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module")
def server() -> Iterator[RemoteSandbox]:
    with SandboxServer(auto_customers=True, seed=1) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(server: RemoteSandbox) -> RemoteSandbox:
    server.reset()
    return server


@pytest.fixture
def api(sandbox: RemoteSandbox) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=sandbox.url, headers=KEY) as client:
        yield client


def create(api: httpx.Client, key: str = "key-1") -> httpx.Response:
    return api.post(
        SOURCES, data={"source": "tok_visa"}, headers={"Idempotency-Key": key}
    )


def connected(sandbox: RemoteSandbox) -> socket.socket:
    address = urlsplit(sandbox.url)
    return socket.create_connection((address.hostname, address.port), timeout=10)


def exchange(sandbox: RemoteSandbox, request: bytes) -> bytes:
    """Send bytes, and return all that comes back until the other side closes."""
    with connected(sandbox) as connection:
        connection.sendall(request)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
        return received


def raw_create(key: str = "key-1") -> bytes:
    body = b"source=tok_visa"
    return (
        f"POST {SOURCES} HTTP/1.1\r\nHost: sandbox\r\nIdempotency-Key: {key}\r\n"
        f"Authorization: Bearer sk_test_1\r\nContent-Length: {len(body)}\r\n"
        "Connection: close\r\n\r\n"
    ).encode() + body


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain until {what}"


def created(sandbox: RemoteSandbox) -> int:
    changes = [effect.change for effect in sandbox.effects()]
    return changes.count(Change.SOURCE_CREATED)


@pytest.mark.parametrize(
    "body",
    [
        b"source=tok_visa&expand[]=customer&metadata[job]=j",
        b"source=tok_visa&expand[0]=customer&metadata[job]=j",
        b"source=tok_visa&expand%5B%5D=customer&metadata%5Bjob%5D=j",
        b"source=tok_visa&expand%5B0%5D=customer&metadata%5Bjob%5D=j",
    ],
)
def test_arrays_and_hashes_are_read_in_every_notation(
    api: httpx.Client, body: bytes
) -> None:
    card = api.post(SOURCES, content=body, headers=FORM).json()
    assert card["customer"]["id"] == "cus_1"
    assert card["metadata"] == {"job": "j"}


def test_basic_and_bearer_keys_are_taken(sandbox: RemoteSandbox) -> None:
    with httpx.Client(base_url=sandbox.url) as api:
        assert api.get("/v1/customers/cus_1").status_code == 401
        for auth in ({"headers": KEY}, {"auth": ("sk_test_1", "")}):
            assert api.get("/v1/customers/cus_1", **auth).status_code == 200


def test_every_answer_has_a_request_id_and_a_version(api: httpx.Client) -> None:
    answers = [
        create(api),
        api.get("/v1/nothing", headers={"Stripe-Version": "2020-08-27"}),
        api.get(SOURCES + "/card_1", headers={"Authorization": "nonsense"}),
    ]
    ids = {answer.headers["Request-Id"] for answer in answers}
    assert len(ids) == 3
    assert answers[1].headers["Stripe-Version"] == "2020-08-27"
    for answer in answers:
        assert answer.headers["Content-Type"] == "application/json"
        assert "Stripe-Version" in answer.headers


def test_one_connection_serves_many_requests(api: httpx.Client) -> None:
    streams = {
        id(create(api, f"key-{n}").extensions["network_stream"]) for n in range(3)
    }
    assert len(streams) == 1


def test_a_replay_is_byte_for_byte_the_first_answer(api: httpx.Client) -> None:
    first, second = create(api), create(api)
    assert first.content == second.content
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    assert second.headers["Original-Request"] == first.headers["Request-Id"]


@pytest.mark.parametrize(
    ("fault", "effects"), [("drop_before_commit", 0), ("drop_after_commit", 1)]
)
def test_a_dropped_connection_ends_without_a_byte(
    sandbox: RemoteSandbox,
    caplog: pytest.LogCaptureFixture,
    fault: str,
    effects: int,
) -> None:
    sandbox.set_faults([{"fault": fault, "count": 1}])
    assert exchange(sandbox, raw_create()) == b""
    assert caplog.messages == []
    assert created(sandbox) == effects
    assert [(r.status, r.faults) for r in sandbox.requests()] == [(None, [fault])]

    answer = exchange(sandbox, raw_create())
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert (b"idempotent-replayed: true" in answer) == (effects == 1)
    assert created(sandbox) == 1


def test_the_head_of_a_slow_answer_comes_at_once_and_its_body_later(
    sandbox: RemoteSandbox, api: httpx.Client
) -> None:
    sandbox.set_faults([{"fault": "slow_body", "seconds": 0.5, "count": 1}])
    with connected(sandbox) as connection:
        connection.sendall(raw_create())
        head = b""
        while b"\r\n\r\n" not in head:
            head += connection.recv(1)
        assert head.startswith(b"HTTP/1.1 200 ")
        assert created(sandbox) == 1
        assert create(api).headers["Idempotent-Replayed"] == "true"  # meanwhile
        connection.setblocking(False)  # noqa: FBT003 - the socket's own name for it
        with pytest.raises(BlockingIOError):
            connection.recv(1)
        connection.settimeout(10)
        assert connection.recv(1) == b"{"


def test_a_slow_body_is_a_read_timeout_to_a_client_that_cannot_wait(
    api: httpx.Client, sandbox: RemoteSandbox
) -> None:
    sandbox.set_faults([{"fault": "slow_body", "seconds": 0.3, "count": 1}])
    with pytest.raises(httpx.ReadTimeout):
        api.post(SOURCES, data={"source": "tok_visa"}, timeout=0.1)
    assert [record.status for record in sandbox.requests()] == [200]


def test_a_server_stops_although_a_body_is_still_to_be_sent(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with SandboxServer(auto_customers=True) as sandbox, connected(sandbox) as slow:
        sandbox.set_faults([{"fault": "slow_body", "seconds": 1000}])
        slow.sendall(raw_create())
        assert slow.recv(1) == b"H"
    assert [record.exc_info for record in caplog.records] == [None]


def test_garbage_is_a_200_that_is_no_json(
    sandbox: RemoteSandbox, api: httpx.Client
) -> None:
    sandbox.set_faults([{"fault": "garbage", "count": 1}])
    assert create(api).text.startswith("<html>")
    assert created(sandbox) == 1


@pytest.mark.parametrize("fault", ["drop_before_commit", "drop_after_commit"])
def test_http_clients_see_a_dropped_connection_as_an_error(
    api: httpx.Client, sandbox: RemoteSandbox, fault: str
) -> None:
    create(api, "warm-up")  # so that the drop hits a connection in use
    sandbox.set_faults([{"fault": fault, "count": 1}])
    with pytest.raises(httpx.RemoteProtocolError):
        create(api)
    assert create(api).status_code == 200


def test_a_drop_hits_no_other_connection(sandbox: RemoteSandbox) -> None:
    with httpx.Client(base_url=sandbox.url, headers=KEY) as other:
        stream = create(other, "before").extensions["network_stream"]
        sandbox.set_faults([{"fault": "drop_after_commit", "count": 1}])
        assert exchange(sandbox, raw_create()) == b""
        assert create(other, "after").extensions["network_stream"] is stream


async def test_of_two_requests_at_once_with_one_key_one_is_a_conflict(
    sandbox: RemoteSandbox,
) -> None:
    sandbox.set_faults([{"fault": "latency", "seconds": 0.5, "count": 1}])
    async with httpx.AsyncClient(base_url=sandbox.url, headers=KEY) as api:
        post = {"data": {"source": "tok_visa"}, "headers": {"Idempotency-Key": "k"}}
        answers = await asyncio.gather(*[api.post(SOURCES, **post) for _ in range(2)])
        assert sorted(answer.status_code for answer in answers) == [200, 409]
        conflict = max(answers, key=lambda answer: answer.status_code)
        assert conflict.json()["error"]["code"] == "idempotency_key_in_use"
        again = await api.post(SOURCES, **post)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert created(sandbox) == 1


def test_a_slow_request_holds_up_no_other() -> None:
    with SandboxServer(auto_customers=True) as sandbox:
        sandbox.set_faults([{"fault": "latency", "seconds": 1000, "count": 1}])
        with connected(sandbox) as slow:
            slow.sendall(raw_create())
            wait_until(lambda: not sandbox.faults(), "the slow request is at work")
            other = raw_create(key="key-2").replace(b"cus_1", b"cus_2")
            assert exchange(sandbox, other).startswith(b"HTTP/1.1 200 ")
            slow.settimeout(0)
            with pytest.raises(BlockingIOError):
                slow.recv(1)


def test_a_client_that_gives_up_does_not_stop_the_execution(
    api: httpx.Client, sandbox: RemoteSandbox
) -> None:
    sandbox.set_faults([{"fault": "latency", "seconds": 0.3, "count": 1}])
    with pytest.raises(httpx.ReadTimeout):
        api.post(
            SOURCES,
            data={"source": "tok_visa"},
            headers={"Idempotency-Key": "key-1"},
            timeout=0.1,
        )
    wait_until(lambda: create(api).status_code != 409, "the execution is over")
    assert create(api).headers["Idempotent-Replayed"] == "true"
    assert created(sandbox) == 1


def test_concurrent_requests_lose_no_update(sandbox: RemoteSandbox) -> None:
    async def storm() -> list[str]:
        async with httpx.AsyncClient(base_url=sandbox.url, headers=KEY) as api:
            answers = await asyncio.gather(
                *[api.post(SOURCES, data={"source": "tok_visa"}) for _ in range(100)]
            )
        return [answer.json()["id"] for answer in answers]

    made = asyncio.run(storm())
    told = [e.object for e in sandbox.effects() if e.change is Change.SOURCE_CREATED]
    assert sorted(told) == sorted(set(made))
    with httpx.Client(base_url=sandbox.url, headers=KEY) as api:
        listed = api.get("/v1/customers/cus_1?expand[]=sources").json()["sources"]
    assert {source["id"] for source in listed["data"]} == set(made)


def test_a_client_that_leaves_inside_its_body_does_nothing(
    sandbox: RemoteSandbox,
) -> None:
    with connected(sandbox) as connection:
        connection.sendall(raw_create()[:-3])
    exchange(sandbox, raw_create())
    assert [record.status for record in sandbox.requests()] == [200]


async def test_a_send_without_a_transport_is_told_loudly() -> None:
    async def nothing(*_: object) -> None: ...

    with pytest.raises(RuntimeError, match="uvicorn"):
        await abort(nothing, nothing)


def test_answers_do_not_wait_for_nagles_algorithm() -> None:
    # What asyncio asks a socket before it turns the algorithm off.
    with listen(("127.0.0.1", 0)) as listener:
        assert listener.proto == socket.IPPROTO_TCP
