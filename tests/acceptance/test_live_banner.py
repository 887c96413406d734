"""Whoever is about to change real customers is told so before, and nobody else is."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import redis

from config.settings import Settings
from customer_sources import CustomerSources, LedgerUnavailable
from customer_sources.contract.names import Keys
from sandbox.store import Store
from tests.command_line import Sources, run
from worker.cli.exits import Exit
from worker.cli.live import warn_where_live
from worker.ledger import Ledger
from worker.store import connect

LIVE, TEST = "sk_live_s3cr3t", "sk_test_s3cr3t"
CREATE = ("create", "--customer", "cus_1", "--source", "tok_visa")

Serve = Callable[..., Awaitable[Ledger]]


@pytest.fixture
def sources(store: Store, prefix: str, tmp_path: Path) -> Sources:
    def sources(*words: str, **environment: str) -> CompletedProcess[str]:
        ours = {"SOURCES_REDIS_URL": store.url, "SOURCES_PREFIX": prefix}
        return run(*words, cwd=tmp_path, **{**ours, **environment})

    return sources


@pytest.fixture
async def serve(
    store: Store, db: redis.Redis, keys: Keys, prefix: str
) -> AsyncIterator[Serve]:
    """Begin as a worker with this key does. It sends nothing, so no key is used."""
    connection = connect(store.url)

    async def serve(key: str, boot: str = "boot-1") -> Ledger:
        settings = Settings(
            _env_file=None, redis_url=store.url, prefix=prefix, stripe_api_key=key
        )
        ledger = Ledger(connection, keys, settings, boot)
        await ledger.heartbeat({})
        await ledger.announce(live=settings.live)
        return ledger

    yield serve
    await connection.aclose()


def is_banner(line: str) -> bool:
    return "LIVE KEY" in line and "real customers" in line


async def test_what_changes_customers_is_announced_by_every_command_that_does_so(
    sources: Sources, serve: Serve, client: CustomerSources
) -> None:
    await serve(LIVE)
    one = ("--customer", "cus_1", "--id", "card_1")
    account = ("--customer", "cus_1", "--id", "ba_1")
    doomed = client.customer.source.create(customer="cus_2", source="tok_visa").id
    for words in (
        CREATE,
        ("update", *one, "--name", "Ada"),
        ("delete", *one),
        ("verify", *account, "--amounts", "32", "--amounts", "45"),
        ("jobs", "cancel", doomed),
    ):
        done = sources(*words, "-o", "json")
        assert done.returncode == Exit.OK, done.stderr
        assert is_banner(done.stderr.splitlines()[0]), words
        assert json.loads(done.stdout)  # the result is nobody's to disturb
        assert "s3cr3t" not in done.stderr


async def test_who_only_looks_is_left_in_peace(
    sources: Sources, serve: Serve, client: CustomerSources
) -> None:
    await serve(LIVE)
    job_id = client.customer.source.create(customer="cus_2", source="tok_visa").id
    for words in (
        ("list", "--customer", "cus_1"),
        ("get", "--customer", "cus_1", "--id", "card_1"),
        ("jobs", "show", job_id),
        ("jobs", "list"),
        ("events", "tail", "--timeout", "0.1"),
    ):
        done = sources(*words)
        assert done.returncode == Exit.OK, done.stderr
        assert "LIVE" not in done.stderr, words


async def test_a_test_key_and_no_word_at_all_are_announced_by_nobody(
    sources: Sources, serve: Serve
) -> None:
    assert "LIVE" not in sources(*CREATE).stderr
    await serve(TEST)
    assert "LIVE" not in sources(*CREATE, STRIPE_API_KEY=TEST).stderr


@pytest.mark.usefixtures("db")
def test_a_live_key_in_the_shell_or_its_file_is_announced_without_any_word(
    sources: Sources, tmp_path: Path
) -> None:
    by_shell = sources(*CREATE, stripe_api_key="rk_live_s3cr3t")
    (tmp_path / ".env").write_text(f"STRIPE_API_KEY={LIVE}\n")
    by_file = sources(*CREATE)

    for done in (by_shell, by_file):
        assert is_banner(done.stderr.splitlines()[0])
        assert "STRIPE_API_KEY here" in done.stderr
        assert "s3cr3t" not in done.stderr


async def test_a_test_key_beside_a_live_worker_does_not_hush_the_banner(
    serve: Serve, db: redis.Redis, keys: Keys
) -> None:
    def mode() -> str | None:
        return db.hget(keys.meta, "mode")

    await serve(TEST, "boot-1")
    assert mode() == "test"
    await serve(LIVE, "boot-2")
    assert mode() == "live"
    await serve(TEST, "boot-3")
    assert mode() == "live"
    for others in ("boot-1", "boot-2"):  # they stop
        db.zadd(keys.workers, {others: 1})
    await serve(TEST, "boot-3")
    assert mode() == "test"


def test_the_banner_shows_no_password_of_the_store(
    capsys: pytest.CaptureFixture[str], store: Store, db: redis.Redis, keys: Keys
) -> None:
    db.hset(keys.meta, "mode", "live")
    url = store.url.replace("redis://", "redis://default:s3cr3t@")
    warn_where_live(url, keys.prefix)

    said = capsys.readouterr().err
    assert is_banner(said)
    assert "redis://default:***@" in said


def test_a_store_that_does_not_tell_ends_the_command_before_it_has_begun() -> None:
    with pytest.raises(LedgerUnavailable):
        warn_where_live("redis://127.0.0.1:1/0", "any:")


async def test_the_doctor_tells_of_workers_with_a_live_key(
    sources: Sources, serve: Serve
) -> None:
    await serve(TEST)
    assert "1 alive\n" in sources("doctor").stdout
    await serve(LIVE)
    assert "1 alive with a LIVE key" in sources("doctor").stdout
