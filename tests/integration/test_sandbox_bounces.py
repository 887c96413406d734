"""Deposits that bounce when they are told to, at a server."""

import httpx
import pytest

from sandbox.remote import RemoteSandbox
from sandbox.server import SandboxServer

KEY = {"Authorization": "Bearer sk_test_1"}


def test_deposits_can_be_made_to_bounce() -> None:
    with (
        SandboxServer() as sandbox,
        httpx.Client(base_url=sandbox.url, headers=KEY) as http,
    ):
        bounce_and_look(sandbox, http)


def bounce_and_look(sandbox: RemoteSandbox, http: httpx.Client) -> None:
    sandbox.seed({"cus_1": ["ba_1"]})
    sandbox.seed({"cus_1": ["ba_1"]}, account="acct_2")
    sandbox.bounce("cus_1", "ba_1", account="acct_2")

    url, other = "/v1/customers/cus_1/sources/ba_1", {"Stripe-Account": "acct_2"}
    assert http.get(url).json()["status"] == "new"
    bounced = http.get(url, headers=other).json()
    assert bounced["status"] == "verification_failed"
    assert sandbox.effects() == []
    for customer, source in (("cus_1", "ba_2"), ("cus_2", "ba_1")):
        with pytest.raises(ValueError, match="no unverified"):
            sandbox.bounce(customer, source)
