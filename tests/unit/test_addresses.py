"""What is no address of a store is refused when the client is made, and not quoted."""

from __future__ import annotations

import traceback
from typing import Any

import pytest

from customer_sources import AsyncCustomerSources, CustomerSources, SettingInvalid

CLIENTS = [CustomerSources, AsyncCustomerSources]


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize(
    "address",
    [
        "foo",
        "localhost:6379",
        "http://h",
        "redis://:Pa5s/w0rd@h:6379/0",
        "redis://:Pa5s#w0rd@h:6379/0",
        "redis://:Pa5s@h:99999",
        "redis://[::1",
        "redis://:Pa5s@h?w0rd=1",
        "redis://:Pa5s@h?socket_timeout=w0rd",
        7,
    ],
)
def test_what_is_no_address_is_refused_without_its_password(
    client: Any, address: Any
) -> None:
    with pytest.raises(SettingInvalid, match="expected redis://") as caught:
        client(address)

    told = "".join(traceback.format_exception(caught.value))
    assert "Pa5s" not in str(caught.value)
    assert "w0rd" not in told.replace(str(address), "")
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize(
    "address",
    [
        "redis://127.0.0.1:6379/0",
        "redis://:Pa5s%2Fw0rd@h:6379/0",
        "rediss://user:word@h:6380/2",
        "unix:///run/store.sock?db=1",
        "redis://h?socket_timeout=2",
    ],
)
def test_an_address_makes_a_client_that_has_not_connected(
    client: Any, address: str
) -> None:
    client(address)


def test_a_prefix_that_is_none_makes_no_client() -> None:
    for client in CLIENTS:
        with pytest.raises(SettingInvalid, match="the prefix must"):
            client("redis://127.0.0.1:6379/0", prefix="x y")
