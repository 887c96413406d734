"""The scripts on accounts, their answers lost on the way: each did its work once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import redis

from config.accounts import Account, accounts_of
from config.settings import Settings
from customer_sources import CustomerSources
from customer_sources.contract.names import Keys
from sandbox.store import Store
from tests.builders import come_due
from tests.proxy import Proxy, proxy_to
from worker.feedback import Slow
from worker.ledger import Ledger
from worker.rates import Rates
from worker.replies import Claimed, Refused
from worker.store import connect

TOO_FAST = Slow("rate", "", "global-rate")


@pytest.fixture
def proxy(store: Store) -> Iterator[Proxy]:
    with proxy_to(store) as running:
        yield running


@pytest.fixture
def account(settings: Settings) -> Account:
    return accounts_of(settings)["default"]


@pytest.fixture
async def lossy(
    proxy: Proxy, rates: Rates, account: Account, keys: Keys, settings: Settings
) -> AsyncIterator[Rates]:
    """A worker's behind the proxy, its scripts in the store, its account announced."""
    connection = connect(proxy.url)
    lossy = Rates(connection, keys, settings)
    for script in lossy._scripts.values():
        await connection.script_load(script.script)
    await rates.announce(account, changed=True)
    yield lossy
    await connection.aclose()


def told(client: CustomerSources) -> list[str]:
    return [event.type for event in client.events(after="0", timeout=0)]


async def test_a_suspension_that_was_not_heard_of_is_told_once(
    lossy: Rates, account: Account, proxy: Proxy, client: CustomerSources
) -> None:
    proxy.eat_an_answer()
    word = await lossy.suspend("default", account.key_id, "401", "create")

    assert (proxy.eaten, word) == (True, "ALREADY")
    assert told(client) == ["dev.customersources.source_account.suspended"]


async def test_a_resumption_that_was_not_heard_of_is_told_once(
    lossy: Rates, account: Account, proxy: Proxy, client: CustomerSources
) -> None:
    await lossy.suspend("default", account.key_id, "401", "create")
    proxy.eat_an_answer()

    assert await lossy.resume("default", "by hand") == "NOT_SUSPENDED"
    assert told(client)[1:] == ["dev.customersources.source_account.resumed"]


async def test_a_halving_that_was_not_heard_of_is_one(
    lossy: Rates, proxy: Proxy, db: redis.Redis, keys: Keys
) -> None:
    proxy.eat_an_answer()

    assert await lossy.slow("default", TOO_FAST, age=0.0)
    assert db.hget(f"{keys.prefix}account:default", "halved") == "1"


async def test_an_announcement_that_was_not_heard_of_is_made_again(
    lossy: Rates, account: Account, proxy: Proxy
) -> None:
    proxy.eat_an_answer()

    assert await lossy.announce(account, changed=True) == "ANNOUNCED"
    assert await lossy.announce(account, changed=False) == "KNOWN"


async def test_who_was_let_go_and_not_heard_of_is_rung_for_and_has_its_permit(
    lossy: Rates,
    rates: Rates,
    account: Account,
    proxy: Proxy,
    client: CustomerSources,
    ledger: Ledger,
    db: redis.Redis,
    keys: Keys,
) -> None:
    await rates.suspend("default", account.key_id, "401", "create")
    job = client.customer.source.create(customer="cus_1", source="tok_visa")
    assert await ledger.claim(job.id, "t0") is Refused.QUEUED
    await rates.resume("default", "by hand")
    proxy.eat_an_answer()

    assert (await lossy.grant(10, 10)).ids == []
    assert proxy.eaten
    come_due(db, keys, job.id)
    assert (await ledger.take_due()).ids["interactive"] == [job.id]
    assert isinstance(await ledger.claim(job.id, "t1"), Claimed)
