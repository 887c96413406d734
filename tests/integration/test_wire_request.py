"""What goes out, exactly as it arrives, and what is read of an answer's headers."""

from __future__ import annotations

import logging
from importlib import metadata
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.wire_client import EACH_KIND, KEY, REQUESTS, api_to
from tests.integration.wire_server import (
    OK,
    after_request,
    answer,
    answers_all,
    kept_alive,
    wire_server,
)
from worker.answers import Answered
from worker.stripe_api import StripeApi, StripeRequest

if TYPE_CHECKING:
    from pathlib import Path


@EACH_KIND
async def test_a_post_carries_its_key_and_its_body_unchanged(kind: str) -> None:
    async with (
        wire_server(answers_all) as server,
        api_to(server.base, kind, api_version="2026-10-28.endive") as api,
    ):
        await api.send(REQUESTS["POST"])

    (request,) = server.requests
    assert request.line == "POST /v1/customers/cus_1/sources HTTP/1.1"
    assert request.body == REQUESTS["POST"].body
    assert request.headers == {
        "host": f"127.0.0.1:{server.port}",
        "authorization": f"Bearer {KEY}",
        "accept": "application/json",
        "accept-encoding": "identity",
        "user-agent": f"customer-sources/{metadata.version('customer-sources-worker')}",
        "content-type": "application/x-www-form-urlencoded",
        "content-length": str(len(request.body)),
        "idempotency-key": "key-of-j_1",
        "stripe-version": "2026-10-28.endive",
    }


@EACH_KIND
@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_a_request_that_needs_no_key_and_has_no_body_says_neither(
    method: Any, kind: str
) -> None:
    async with wire_server(answers_all) as server, api_to(server.base, kind) as api:
        await api.send(StripeRequest(method, "/v1/x", idempotency_key="unused"))

    (request,) = server.requests
    assert request.line == f"{method} /v1/x HTTP/1.1"
    assert request.headers.pop("content-length", "0") == "0"
    assert set(request.headers) - {"content-length"} == {
        "host",
        "authorization",
        "accept",
        "accept-encoding",
        "user-agent",
    }


@EACH_KIND
async def test_an_empty_post_still_says_that_it_is_a_form(kind: str) -> None:
    async with wire_server(answers_all) as server, api_to(server.base, kind) as api:
        await api.send(StripeRequest("POST", "/v1/x"))

    (request,) = server.requests
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert request.headers["content-length"] == "0"


@EACH_KIND
async def test_a_delete_may_carry_a_body(kind: str) -> None:
    async with wire_server(answers_all) as server, api_to(server.base, kind) as api:
        await api.send(StripeRequest("DELETE", "/v1/x", b"expand[0]=customer"))

    (request,) = server.requests
    assert request.body == b"expand[0]=customer"
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"


@EACH_KIND
@pytest.mark.parametrize(
    "path",
    [
        "/v1/customers/../sources/./x",
        "//elsewhere.test/v1/x",
        "/v1/%41%7e%2F%2e%2E?expand[0]=data&b=%5B%5d&c=+%20",
        "/v1/@elsewhere.test:80/x;y=1,2",
        '/v1/{x}|^`"<>\\',
    ],
)
@pytest.mark.parametrize("prefix", ["", "/stripe%2Fv0"])
async def test_a_path_arrives_as_it_is_spelled(
    prefix: str, path: str, kind: str
) -> None:
    async with (
        wire_server(answers_all) as server,
        api_to(f"{server.base}{prefix}/", kind) as api,
    ):
        result = await api.send(StripeRequest("GET", path))

    assert isinstance(result, Answered)
    assert server.requests[0].line == f"GET {prefix}{path} HTTP/1.1"


@EACH_KIND
async def test_a_large_body_arrives_whole(kind: str) -> None:
    body = b"metadata[a]=" + b"x" * 900_000
    async with wire_server(answers_all) as server, api_to(server.base, kind) as api:
        await api.send(StripeRequest("POST", "/v1/x", body, "k"))

    assert server.requests[0].body == body


@EACH_KIND
async def test_nothing_of_the_environment_gets_into_a_request(
    kind: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with wire_server(answers_all) as server, api_to(server.base, kind) as api:
        result = await api.send(REQUESTS["POST"])

    assert isinstance(result, Answered)
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


@EACH_KIND
async def test_a_cookie_is_not_given_back(kind: str) -> None:
    cookie = answer(b"{}", b"Set-Cookie: session=1; Path=/")
    async with (
        wire_server(kept_alive(cookie, OK)) as server,
        # By a name: nobody keeps the cookies of a bare address.
        api_to(f"http://localhost:{server.port}", kind) as api,
    ):
        for _ in range(2):
            await api.send(REQUESTS["GET"])

    assert len(server.requests) == 2
    assert "cookie" not in server.requests[1].headers


@EACH_KIND
async def test_the_key_is_shown_nowhere(
    kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    garbage = after_request(b"no HTTP\r\n\r\n")
    async with (
        wire_server(kept_alive(OK), garbage, after_request()) as server,
        api_to(server.base, kind) as api,
    ):
        results = [await api.send(REQUESTS["POST"]) for _ in range(4)]
        shown = f"{api!r} {api} {results}"

    assert repr(api) == f"<StripeApi {server.base} over {kind}, key ***>"
    assert KEY not in shown
    assert KEY not in caplog.text


def test_a_request_does_not_show_its_body() -> None:
    request = StripeRequest("POST", "/v1/x", b"bank_account[account_number]=000123")

    assert repr(request) == "<StripeRequest POST /v1/x, 35 bytes>"


@pytest.mark.parametrize(
    "path",
    ["", "v1/x", "@elsewhere.test/", "/a b", "/a\r\nX: y", "/ä", "/x#y", "/\x7f"],
)
def test_a_path_that_could_not_go_out_unchanged_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="path"):
        StripeRequest("GET", path)


@pytest.mark.parametrize("key", ["two words", "line\n", "schlüssel"])
def test_an_idempotency_key_that_is_no_header_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="idempotency key"):
        StripeRequest("POST", "/v1/x", idempotency_key=key)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("key", ""),
        ("key", f"{KEY}\n"),
        ("key", f"{KEY} "),
        ("api_version", "2026\r\nX: y"),
        ("api_base", ""),
        ("api_base", "api.stripe.com"),
        ("api_base", "ftp://api.stripe.com"),
        ("api_base", "https://"),
        ("api_base", "https://[::1"),
        ("api_base", "https://user:word@api.stripe.com"),
        ("api_base", "https://api.stripe.com?x=y"),
        ("api_base", "https://api.stripe.com/#x"),
    ],
)
def test_an_api_that_could_send_nothing_right_is_not_made(
    option: str, value: str
) -> None:
    options: dict[str, Any] = {"api_base": "https://api.stripe.com", "key": KEY}

    with pytest.raises(ValueError, match="the ") as refused:
        StripeApi(**options | {option: value})

    assert KEY not in str(refused.value)
