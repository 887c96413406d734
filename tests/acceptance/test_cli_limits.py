"""What an operator types about rates: look at limits and accounts, resume one."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest
import redis
from pydantic import SecretStr

from config.accounts import Account
from config.rates import Rates as Set
from customer_sources import CustomerSources
from customer_sources.contract.names import ACCOUNT_RULE, Keys
from tests.acceptance.conftest import Done, SourcesHere
from tests.builders import wait_until
from tests.command_line import COMMAND, unset
from worker.cli.exits import Exit
from worker.cli.limits_table import HEADS
from worker.feedback import Slow
from worker.ledger import Ledger
from worker.rates import Rates

ACME = Account(
    name="acme",
    key=SecretStr("sk_test_acme"),
    rates=Set(account=10_000, operation=40, create=0.01, burst=0.001),
)
SHOP = Account(name="shop", key=SecretStr("sk_live_shop"))


@pytest.fixture
async def trouble(rates: Rates, ledger: Ledger, client: CustomerSources) -> None:
    """One account of which an operation was halved while somebody waits, and one that
    is suspended."""
    await rates.announce(ACME, changed=True)
    await rates.announce(SHOP, changed=True)
    create = client.customer.source.create
    for number in range(2):
        job = create(customer=f"cus_{number}", source="tok_visa", account="acme")
        await ledger.claim(job.id, f"token-{number}")
    read = client.customer.source.get(customer="cus_3", id="card_1", account="acme")
    await ledger.claim(read.id, "token-3")
    await rates.slow("acme", Slow("rate", "get", "endpoint-rate"), 0)
    await rates.suspend("shop", SHOP.key_id, "401 api_key_expired", "create")


def rows(done: Done) -> list[list[str]]:
    assert done.returncode == Exit.OK, done.stderr
    return [line.split() for line in done.stdout.splitlines()]


def by_account(document: Any) -> dict[str, Any]:
    return {one["account"]: one for one in document["accounts"]}


@pytest.mark.usefixtures("trouble")
async def test_limits_say_what_is_allowed_used_waited_for_and_in_trouble(
    sources: SourcesHere,
) -> None:
    done = sources("limits", "-o", "json")
    assert done.returncode == Exit.OK, done.stderr
    document = json.loads(done.stdout)
    acme, shop = by_account(document).values()

    assert (acme["mode"], acme["key_id"]) == ("test", ACME.key_id)
    assert acme["suspended"] is None
    assert acme["reads_last_30_days"] == 1
    assert acme["whole"]["waiting"] == {"interactive": 1, "scheduled": 0, "bulk": 0}
    assert acme["whole"]["in_flight"] == 2
    create, get = acme["operations"]["create"], acme["operations"]["get"]
    assert create["configured_per_second"] == create["allowed_per_second"] == 0.01
    assert create["used_per_second"] == 0
    assert create["oldest_wait_seconds"] >= 1
    assert 20 <= get["allowed_per_second"] < get["configured_per_second"] == 40
    assert (get["halvings"], get["last_reason"]) == (1, "endpoint-rate")
    assert set(acme["operations"]) > {"delete", "token"}

    assert shop["mode"] == "live"
    assert shop["suspended"]["refused"] == "401 api_key_expired"
    assert shop["suspended"]["operation"] == "create"
    assert shop["whole"]["allowed_per_second"] == 0
    assert document["stripe_reads"] == {
        "at_least_per_month": 10_000,
        "per_transaction": 500,
        "stated_at": "https://docs.stripe.com/rate-limits",
    }


@pytest.mark.usefixtures("trouble")
async def test_limits_for_people_leave_out_what_was_never_used(
    sources: SourcesHere,
) -> None:
    done = sources("limits")
    heads, *told = rows(done)

    assert heads == " ".join(HEADS).split()
    assert [row[:2] for row in told] == [
        ["acme", "all"],
        ["acme", "create"],
        ["acme", "get"],
        ["shop", "all"],
    ]
    assert "endpoint-rate" in told[2]
    assert "sources accounts resume shop" in done.stderr
    assert "10,000 a month" in done.stderr

    only = sources("limits", "--account", "shop")
    assert [row[0] for row in rows(only)[1:]] == ["shop"]


def test_limits_of_a_ledger_without_accounts_say_what_to_do(
    sources: SourcesHere,
) -> None:
    for words in (("limits",), ("accounts",)):
        done = sources(*words)
        assert (done.returncode, done.stdout) == (Exit.OK, "")
        assert "sources worker" in done.stderr
    assert json.loads(sources("limits", "-o", "json").stdout)["accounts"] == []
    assert json.loads(sources("accounts", "-o", "json").stdout) == []


@pytest.mark.parametrize("words", [("limits", "--account"), ("accounts", "resume")])
def test_an_account_that_is_not_there_is_not_found(
    sources: SourcesHere, words: tuple[str, ...]
) -> None:
    assert sources(*words, "nobody").returncode == Exit.NOT_FOUND
    slip = sources(*words, "sk_live_s3cr3t")
    assert slip.returncode == Exit.USAGE
    assert "s3cr3t" not in slip.stdout + slip.stderr
    assert ACCOUNT_RULE in slip.stderr


@pytest.mark.parametrize(
    "words", [("limits",), ("limits", "--watch"), ("accounts", "resume", "acme")]
)
def test_a_store_that_is_not_there_is_told_as_such(
    sources: SourcesHere, words: tuple[str, ...]
) -> None:
    done = sources(*words, "--redis-url", "redis://127.0.0.1:1/0")

    assert done.returncode == Exit.UNAVAILABLE
    assert "SOURCES_REDIS_URL" in done.stderr


@contextmanager
def watching(
    words: tuple[str, ...], environment: dict[str, str], said: Path
) -> Iterator[Popen[bytes]]:
    with said.open("w") as sink:
        process = Popen(
            [*COMMAND, *words],
            env={**unset(), **environment},
            stdout=sink,
            stderr=subprocess.DEVNULL,
            cwd=said.parent,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait(timeout=10)


async def test_watched_limits_are_a_line_a_second_until_ctrl_c(
    rates: Rates,
    ledger: Ledger,
    client: CustomerSources,
    environment: dict[str, str],
    tmp_path: Path,
) -> None:
    await rates.announce(SHOP, changed=True)
    said = tmp_path / "limits.jsonl"

    def lines() -> list[Any]:
        whole = said.read_text().rpartition("\n")[0]  # the last may be half written
        return [json.loads(line) for line in whole.splitlines()]

    def used() -> list[float]:
        wholes = [by_account(line)["shop"]["whole"] for line in lines()]
        return [whole["used_per_second"] for whole in wholes]

    with watching(("limits", "--watch", "-o", "json"), environment, said) as process:
        wait_until(lines, "the first line")
        job = client.customer.source.create(
            customer="cus_1", source="tok_visa", account="shop"
        )
        await ledger.claim(job.id, "token")
        wait_until(lambda: any(used()), "the request in a line")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == Exit.OK
    assert sum(map(bool, used())) == 1


async def test_watched_limits_for_people_come_again_until_ctrl_c(
    rates: Rates, environment: dict[str, str], tmp_path: Path
) -> None:
    await rates.announce(SHOP, changed=True)
    said = tmp_path / "limits.txt"
    with watching(("limits", "--watch"), environment, said) as process:
        wait_until(lambda: said.read_text().count("shop") == 2, "a second table")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == Exit.OK


@pytest.mark.usefixtures("trouble")
async def test_accounts_are_listed_with_mode_key_rates_and_suspension(
    sources: SourcesHere,
) -> None:
    heads, acme, shop = rows(sources("accounts"))
    assert heads[:2] == ["account", "mode"]
    assert acme[:3] == ["acme", "test", ACME.key_id]
    assert shop[:3] == ["shop", "live", SHOP.key_id]
    assert shop[-2:] == ["401", "api_key_expired"]

    told = json.loads(sources("accounts", "list", "-o", "json").stdout)
    assert [one["account"] for one in told] == ["acme", "shop"]
    assert told[0]["own_per_second"] == {"create": 0.01}
    assert told[1]["account_per_second"] == 96
    assert told[1]["suspended"]["key_id"] == SHOP.key_id


@pytest.mark.usefixtures("trouble")
async def test_a_suspended_account_is_resumed_once_and_the_event_says_why(
    sources: SourcesHere, db: redis.Redis, keys: Keys
) -> None:
    first = sources("accounts", "resume", "shop", "--reason", "new rights")
    assert first.returncode == Exit.OK
    assert first.stdout.startswith("shop: resumed")

    again = sources("accounts", "resume", "shop", "-o", "json")
    assert again.returncode == Exit.OK
    assert json.loads(again.stdout) == {"account": "shop", "resume": "not_suspended"}

    told: Any = db.xrange(keys.events)
    events = [json.loads(fields["event"]) for _, fields in told]
    (resumed,) = [one for one in events if one["type"].endswith("account.resumed")]
    assert resumed["data"]["account"] == "shop"
    assert resumed["data"]["reason"] == "resumed by an operator: new rights"
    _, shop = json.loads(sources("accounts", "-o", "json").stdout)
    assert shop["suspended"] is None


@pytest.mark.usefixtures("trouble")
async def test_a_reason_that_must_not_be_stored_resumes_nobody(
    sources: SourcesHere, db: redis.Redis, keys: Keys
) -> None:
    done = sources("accounts", "resume", "shop", "--reason", "4242424242424242")

    assert done.returncode == Exit.USAGE
    assert "4242" not in done.stdout + done.stderr
    assert db.hexists(keys.account("shop"), "suspended")
