"""`sources verifications sweep`: with no worker up, counted first, and as JSON."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
import redis

from config.settings import Settings
from customer_sources import CustomerSources
from customer_sources.contract.names import Keys
from customer_sources.contract.sweeps import SWEPT
from tests.acceptance.conftest import Done, SourcesHere
from worker.cli.exits import Exit
from worker.ledger import Ledger
from worker.store import connect

SWEEP = ("verifications", "sweep")
NOBODY = {
    "running": 0,
    "in_line": 0,
    "due": 0,
    "quiet": 0,
    "scheduled": 0,
    "ended": 0,
    "unreadable": 0,
}


PutOff = Callable[..., str]


@pytest.fixture
def put_off(client: CustomerSources, settings: Settings) -> PutOff:
    """Have a verification tried, and decide nothing."""

    async def run(job_id: str, *, unknown: bool) -> None:
        async with connect(settings.redis_url) as store:
            ledger = Ledger(store, Keys(settings.prefix), settings, "boot-1")
            await ledger.claim(job_id, "t1")
            assert await ledger.defer(
                job_id,
                "t1",
                delay_ms=3_600_000,
                counts=True,
                unknown=unknown,
                quiet_ms=60_000 if unknown else 0,
            )

    def put_off(*, unknown: bool = False) -> str:
        verify = client.customer.source.verify
        job = verify(customer="cus_1", id="ba_1", amounts=[32, 45])
        asyncio.run(run(job.id, unknown=unknown))
        return job.id

    return put_off


@pytest.fixture
def waiting(put_off: PutOff) -> str:
    return put_off()


def said(done: Done) -> Any:
    assert done.returncode == Exit.OK, done.stderr
    return json.loads(done.stdout)


def events(db: redis.Redis, keys: Keys) -> list[Any]:
    entries: Any = db.xrange(keys.events)
    return [json.loads(fields["event"]) for _, fields in entries]


def test_a_dry_run_counts_and_changes_nothing(
    sources: SourcesHere, waiting: str, db: redis.Redis, keys: Keys
) -> None:
    before = db.hgetall(keys.job(waiting))

    counted = said(sources(*SWEEP, "--dry-run", "-o", "json"))
    assert counted == {
        "dry_run": True,
        "considered": 1,
        "put_forward": 1,
        "passed_over": NOBODY,
    }
    told = sources(*SWEEP, "--dry-run")
    assert told.stdout == "1 considered, 1 would be put forward\n"
    assert (db.hgetall(keys.job(waiting)), events(db, keys)) == (before, [])


def test_a_sweep_puts_forward_and_tells_its_counts(
    sources: SourcesHere, waiting: str, db: redis.Redis, keys: Keys
) -> None:
    done = said(sources(*SWEEP, "-o", "json"))

    counts = {"considered": 1, "put_forward": 1, "passed_over": NOBODY}
    assert done == {"dry_run": False, "joined": False, **counts, "sweep": done["sweep"]}
    (event,) = events(db, keys)
    assert (event["type"], event["subject"]) == (SWEPT, done["sweep"])
    assert event["data"] == {"state": "swept", "by": "hand", **counts}
    due = float(db.hget(keys.job(waiting), "due") or 0)
    assert db.zscore(keys.wake("interactive"), f"j:{waiting}") == due
    assert due < float(db.hget(keys.meta, "clock") or 0) + 1000


def test_what_is_passed_over_is_told_to_people_in_words(
    sources: SourcesHere, put_off: PutOff
) -> None:
    put_off(unknown=True)

    done = sources(*SWEEP)

    assert done.returncode == Exit.OK, done.stderr
    first, second = done.stdout.splitlines()
    assert first == "1 considered, 0 put forward"
    assert second == "  1 quiet, because a request of theirs may still arrive"


@pytest.mark.usefixtures("waiting")
def test_a_sweep_that_was_left_alone_is_gone_on_with(
    sources: SourcesHere, db: redis.Redis, keys: Keys
) -> None:
    def leave() -> None:
        cursor = {"cursor": 0, "last": 1}
        left = {"id": "sweep_left", "state": "live", "rule": "", **cursor}
        db.hset(keys.sweep, mapping=left)  # type: ignore[arg-type]  # str and int

    leave()
    done = said(sources(*SWEEP, "-o", "json"))
    assert (done["sweep"], done["joined"]) == ("sweep_left", True)
    assert db.hget(keys.sweep, "state") == "told"
    leave()
    assert "under way" in sources(*SWEEP).stderr


def test_an_empty_ledger_has_nothing_to_sweep(sources: SourcesHere) -> None:
    assert sources(*SWEEP).stdout == "0 considered, 0 put forward\n"


def test_a_store_that_is_away_is_told_as_such(sources: SourcesHere) -> None:
    done = sources(*SWEEP, "--dry-run", "--redis-url", "redis://127.0.0.1:1/0")

    assert done.returncode == Exit.UNAVAILABLE
    assert "SOURCES_REDIS_URL" in done.stderr


def test_a_live_key_is_announced_before_a_sweep(
    sources: SourcesHere, db: redis.Redis, keys: Keys
) -> None:
    db.hset(keys.meta, "mode", "live")

    assert "LIVE KEY" in sources(*SWEEP).stderr
    assert "LIVE KEY" not in sources(*SWEEP, "--dry-run").stderr
