"""The calls of the SDK that this one takes the place of, letter by letter.

Only the two lines that make the client are ours. What comes back is a job.
"""

from __future__ import annotations

import ast
import inspect
from typing import Any

import pytest

from customer_sources import AsyncCustomerSources, CustomerSources, State
from sandbox.store import Store

CLIENT = """
from os import getenv
from customer_sources import CustomerSources

client = CustomerSources(getenv("SOURCES_REDIS_URL"), prefix=getenv("SOURCES_PREFIX"))
"""
ASYNC_CLIENT = CLIENT.replace("CustomerSources", "AsyncCustomerSources")

CALLS = {
    'res = client.customer.source.delete(customer="string", id="string")': (
        *("delete", "/v1/customers/string/sources/string"),
    ),
    'res = client.customer.source.list(customer="string")': (
        *("list", "/v1/customers/string/sources"),
    ),
    'res = client.customer.source.get(customer="string", id="string")': (
        *("get", "/v1/customers/string/sources/string"),
    ),
    'res = client.customer.source.create(customer="string")': (
        *("create", "/v1/customers/string/sources"),
    ),
    'res = client.customer.source.update(customer="string", id="string")': (
        *("update", "/v1/customers/string/sources/string"),
    ),
    'res = client.customer.source.verify(customer="string", id="string")': (
        *("verify", "/v1/customers/string/sources/string/verify"),
    ),
}
ASYNC_CALLS = {
    'res = await client.customer.source.delete(customer="string", id="string")': (
        *("delete", "/v1/customers/string/sources/string"),
    ),
    'res = await client.customer.source.list(customer="string")': (
        *("list", "/v1/customers/string/sources"),
    ),
    'res = await client.customer.source.get(customer="string", id="string")': (
        *("get", "/v1/customers/string/sources/string"),
    ),
    'res = await client.customer.source.create(customer="string")': (
        *("create", "/v1/customers/string/sources"),
    ),
    'res = await client.customer.source.update(customer="string", id="string")': (
        *("update", "/v1/customers/string/sources/string"),
    ),
    'res = await client.customer.source.verify(customer="string", id="string")': (
        *("verify", "/v1/customers/string/sources/string/verify"),
    ),
}


@pytest.fixture(autouse=True)
def _environment(
    monkeypatch: pytest.MonkeyPatch, store: Store, prefix: str, client: CustomerSources
) -> None:
    monkeypatch.setenv("SOURCES_REDIS_URL", store.url)
    monkeypatch.setenv("SOURCES_PREFIX", prefix)


@pytest.mark.parametrize(("call", "expected"), CALLS.items())
async def test_each_call_gives_a_job(
    call: str, expected: tuple[str, str], client: CustomerSources
) -> None:
    said = await run(CLIENT + call)
    said["client"].close()

    assert isinstance(said["client"], CustomerSources)
    assert_is_job(said["res"], expected, client)


@pytest.mark.parametrize(("call", "expected"), ASYNC_CALLS.items())
async def test_each_call_gives_a_job_to_asyncio(
    call: str, expected: tuple[str, str], client: CustomerSources
) -> None:
    said = await run(ASYNC_CLIENT + call)
    await said["client"].close()

    assert isinstance(said["client"], AsyncCustomerSources)
    assert_is_job(said["res"], expected, client)


async def run(code: str) -> dict[str, Any]:
    """Run a piece of code as a person would type it, and return its names."""
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    names: dict[str, Any] = {}
    waiting = eval(compile(code, "seed", "exec", flags=flags), names)  # noqa: S307
    if inspect.isawaitable(waiting):
        await waiting
    return names


def assert_is_job(job: Any, expected: tuple[str, str], client: CustomerSources) -> None:
    operation, path = expected
    assert job.id.startswith("job_")
    assert job.state is State.QUEUED
    command = client.command(job.id)
    assert command is not None
    assert (command.operation, command.path) == (operation, path)
    assert command.customer == "string"
    assert command.id == ("" if operation in {"create", "list"} else "string")
