"""What is read of accounts is what the scripts wrote, by the scripts' own rules."""

from __future__ import annotations

import redis
from pydantic import SecretStr

from config.accounts import Account
from config.rates import Rates as Set
from customer_sources import CustomerSources, scripts
from customer_sources.contract.names import Class, Keys
from worker import scripting
from worker.feedback import Slow
from worker.gauges import PAGE, read_accounts
from worker.ledger import Ledger
from worker.limits import DAY_MS, LIMITED, reads, slowed, view
from worker.rates import Rates

ONE_AT_A_TIME = Set(account=10_000, operation=40, create=0.01, burst=0.001)


def account(name: str, rates: Set = ONE_AT_A_TIME) -> Account:
    return Account(name=name, key=SecretStr(f"sk_test_{name}"), rates=rates)


def test_lua_and_python_say_the_same_of_a_rate_at_every_moment(
    db: redis.Redis, keys: Keys
) -> None:
    rate_now = "slowed(num(ARGV[2]), ARGV[3], ARGV[4], num(ARGV[5]))"
    body = f"return string.format('%.17g', {rate_now})"
    shared = [scripts.read(name) for name in scripts.PRELUDES]
    shared += [scripts.read(name, "worker") for name in scripting.SHARED]
    in_lua = db.register_script("\n".join([*shared, body]))
    halved_at = 1_800_000_000_000

    for rate in (0.01, 1, 24, 96.5):
        for share in (0.5, 0.25, 0.000001, 1):
            for later in (0, 1_500, 1_501, 9_000, 16_500, 31_500, 99_000):
                now = halved_at + later
                said = in_lua(args=[keys.prefix, rate, share, halved_at, now])
                assert float(said) == slowed(rate, share, halved_at, now)


async def test_what_was_sent_who_waits_and_what_is_in_flight_is_read(
    db: redis.Redis,
    keys: Keys,
    rates: Rates,
    ledger: Ledger,
    client: CustomerSources,
) -> None:
    await rates.announce(account("acme"), changed=True)
    before = read_accounts(db, keys)
    create = client.customer.source.create
    first, second = (
        create(customer=f"cus_{n}", source="tok_visa", account="acme").id
        for n in range(2)
    )
    read = client.customer.source.get(customer="cus_3", id="card_1", account="acme").id
    await ledger.claim(first, "token-1")
    await ledger.claim(second, "token-2")
    await ledger.claim(read, "token-3")

    (now,) = read_accounts(db, keys)
    shown = view(now, before[0])
    assert shown.account == "acme"
    assert (shown.whole.sent, shown.whole.in_flight) == (2, 2)
    assert shown.whole.waiting == {"interactive": 1, "scheduled": 0, "bulk": 0}
    assert shown.reads_last_30_days == 1
    create_shown = shown.operations["create"]
    assert (create_shown.sent, create_shown.in_flight) == (1, 1)
    assert create_shown.waiting[Class.INTERACTIVE] == 1
    assert 0 <= (create_shown.oldest_wait_seconds or 0) < 60
    assert create_shown.configured_per_second == 0.01
    assert shown.operations["get"].sent == 1
    assert {op for op, one in shown.operations.items() if not one.is_idle} == {
        "create",
        "get",
    }


async def test_a_halving_is_read_as_the_next_request_would_meet_it(
    db: redis.Redis, keys: Keys, rates: Rates
) -> None:
    await rates.announce(account("acme"), changed=True)
    await rates.slow("acme", Slow("rate", "get", "endpoint-rate"), 0)
    await rates.slow("acme", Slow("cap", "", "global-concurrency"), 0)

    (now,) = read_accounts(db, keys, "acme")
    shown = view(now, None)
    get = shown.operations["get"]
    assert get.allowed_per_second is not None
    assert 20 <= get.allowed_per_second < 40
    assert (get.halvings, get.last_reason) == (1, "endpoint-rate")
    assert shown.whole.allowed_per_second == 10_000
    assert shown.whole.in_flight_allowed is not None
    assert 16 <= shown.whole.in_flight_allowed < 32
    assert shown.whole.last_reason == "global-concurrency"


async def test_accounts_are_read_by_name_however_many_there_are(
    db: redis.Redis, keys: Keys, rates: Rates
) -> None:
    names = [f"shop-{number:03}" for number in range(PAGE + 3)]
    for name in names:
        await rates.announce(account(name), changed=True)

    assert [one.account for one in read_accounts(db, keys)] == names
    assert [one.account for one in read_accounts(db, keys, names[-1])] == names[-1:]
    assert read_accounts(db, keys, "nobody") == []


def test_an_account_that_nobody_announced_is_read_when_somebody_waits_for_it(
    db: redis.Redis, keys: Keys, client: CustomerSources
) -> None:
    create = client.customer.source.create
    for number in range(102):  # until the queue is crowded
        create(customer=f"cus_{number}", source="tok_visa")

    (now,) = read_accounts(db, keys)
    assert now.account == "default"
    assert view(now, None).whole.waiting[Class.INTERACTIVE] > 0
    assert view(now, None).whole.allowed_per_second is None


async def test_a_key_of_another_type_hides_only_itself(
    db: redis.Redis, keys: Keys, rates: Rates
) -> None:
    await rates.announce(account("acme"), changed=True)
    await rates.announce(account("shop"), changed=True)
    db.delete(keys.account("acme"))
    db.set(keys.account("acme"), "what?", ex=60)
    line = keys.line("shop", "get", Class.BULK)
    db.set(line, "what?", ex=60)

    acme, shop = read_accounts(db, keys)
    db.delete(line)
    assert view(acme, None).whole.allowed_per_second is None
    assert view(shop, None).whole.allowed_per_second == 10_000
    assert view(shop, None).whole.waiting[Class.BULK] == 0


async def test_a_read_counts_on_the_day_of_the_ledgers_clock(
    db: redis.Redis, keys: Keys, rates: Rates, ledger: Ledger, client: CustomerSources
) -> None:
    await rates.announce(account("acme"), changed=True)
    ahead = 3 * DAY_MS  # a machine's clock that was set back
    seconds, _ = db.time()
    db.hset(keys.meta, mapping={"clock": seconds * 1000 + ahead, "offset": ahead})
    read = client.customer.source.get(customer="cus_1", id="card_1", account="acme").id
    await ledger.claim(read, "token")

    (now,) = read_accounts(db, keys)
    assert reads(now.record, now.now_ms) == 1
    assert set(now.flights) == {"", *LIMITED}
