"""Several accounts over one pool: whose key a request carries, and who ends it."""

from __future__ import annotations

import asyncio

import pytest

from tests.integration.wire_client import EACH_KIND, KEY, REQUESTS, api_to
from tests.integration.wire_server import (
    PATIENCE,
    Peer,
    answers_all,
    wire_server,
)
from worker.answers import Answered, NotSent

OTHER = "rk_test_another"


@EACH_KIND
async def test_each_request_carries_its_own_key_over_the_same_connection(
    kind: str,
) -> None:
    async with (
        wire_server(answers_all) as server,
        api_to(server.base, kind, api_version="2026-10-28.endive") as api,
    ):
        other = api.acting_for(OTHER)
        connected = api.acting_for(OTHER, "acct_1Abc")
        for one in (api, other, connected, api):
            assert isinstance(await one.send(REQUESTS["POST"]), Answered)

    said = [
        (one.headers["authorization"], one.headers.get("stripe-account"))
        for one in server.requests
    ]
    assert said == [
        (f"Bearer {KEY}", None),
        (f"Bearer {OTHER}", None),
        (f"Bearer {OTHER}", "acct_1Abc"),
        (f"Bearer {KEY}", None),
    ]
    versions = {one.headers["stripe-version"] for one in server.requests}
    assert versions == {"2026-10-28.endive"}
    assert server.connections == 1


@EACH_KIND
async def test_accounts_share_what_may_be_in_flight(kind: str) -> None:
    heard = asyncio.Event()

    async def silent(peer: Peer) -> None:
        await peer.hear()
        heard.set()
        await peer.hear_out()

    async with (
        wire_server(silent) as server,
        api_to(server.base, kind, max_connections=1, connect_timeout=0.05) as api,
    ):
        first = asyncio.create_task(api.send(REQUESTS["GET"]))
        async with asyncio.timeout(PATIENCE):
            await heard.wait()
        second = await api.acting_for(OTHER).send(REQUESTS["GET"])
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)

    assert second == NotSent("pool_timeout")


@EACH_KIND
async def test_who_closes_one_closes_all(kind: str) -> None:
    async with wire_server(answers_all) as server, api_to(server.base, kind) as api:
        before, idle = api.acting_for(OTHER), api.acting_for(OTHER, "acct_1")
        await before.send(REQUESTS["GET"])
        await api.aclose()
        after = api.acting_for(OTHER)
        results = [
            await one.send(REQUESTS["GET"]) for one in (api, before, idle, after)
        ]

    assert results == [NotSent("closed")] * 4
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("key", "account"),
    [
        ("", ""),
        (f"{OTHER}\n", ""),
        (OTHER, "acct_"),
        (OTHER, f"{OTHER}"),
        (OTHER, "acct_1\r\nX: y"),
        (OTHER, "acct_1\n"),
    ],
)
async def test_what_could_not_go_into_a_header_is_refused_unquoted(
    key: str, account: str
) -> None:
    async with api_to("http://127.0.0.1:1", "httpx") as api:
        with pytest.raises(ValueError, match="the ") as refused:
            api.acting_for(key, account)

    assert OTHER not in str(refused.value)


async def test_no_key_is_shown() -> None:
    async with api_to("http://127.0.0.1:1", "httpx") as api:
        assert OTHER not in repr(api.acting_for(OTHER))
