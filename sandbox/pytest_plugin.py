"""Fixtures for the tests of those who talk to Stripe: a fake one, new for each test.

    # in the conftest.py at the top of your tests
    pytest_plugins = ["sandbox.pytest_plugin"]

    # in a test
    def test_a_card_is_added(stripe_sandbox):
        my_client = MyClient(api_base=stripe_sandbox.url, key="sk_test_1")
        my_client.add_card("cus_1", "tok_visa")
        changes = [effect.change for effect in stripe_sandbox.effects()]
        assert changes.count("source.created") == 1

Nothing registers this by itself: who does not name it does not have it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from sandbox.remote import RemoteSandbox
from sandbox.server import SandboxServer


@pytest.fixture(scope="session")
def stripe_sandbox_options() -> Mapping[str, Any]:
    """How the sandbox behaves: arguments of `SandboxServer`; override it to differ."""
    return {"auto_customers": True, "seed": 1}


@pytest.fixture(scope="session")
def stripe_sandbox_server(
    stripe_sandbox_options: Mapping[str, Any],
) -> Iterator[RemoteSandbox]:
    """One server for all tests of a session, on a port that was free."""
    with SandboxServer(**stripe_sandbox_options) as sandbox:
        yield sandbox


@pytest.fixture
def stripe_sandbox(stripe_sandbox_server: RemoteSandbox) -> RemoteSandbox:
    """A fake Stripe in which nothing has happened yet.

    Objects, keys, faults, limits, the clock and the journal are as after a start. What
    an earlier test left in progress is not seen here.
    """
    stripe_sandbox_server.reset()
    return stripe_sandbox_server
