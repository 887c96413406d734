"""What a verify waits for reaches the store through every way in, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
import redis
from typer.testing import CliRunner

from config.settings import Settings
from customer_sources import AsyncCustomerSources, CustomerSources
from customer_sources.batches import calls
from customer_sources.contract.commands import Command
from customer_sources.contract.names import Keys
from sandbox.store import Store
from tasks.messages import read
from tests.batch_plans import plan
from tests.unit.celery_messages import message
from worker.cli.main import app
from worker.intake import Intake
from worker.store import connect

BA = {"customer": "cus_1", "id": "ba_1", "amounts": [32, 45]}
WAITS = {"when": "deposits_arrived", "added_at": "2026-06-18T10:00:00-04:00"}
ADDED_MS = round(datetime(2026, 6, 18, 14, tzinfo=UTC).timestamp() * 1000)
Say = Callable[[dict[str, Any]], Awaitable[str]]
WAYS = ["sdk", "asyncio", "many", "plain", "celery", "cli"]


@pytest.fixture
def ways(
    client: CustomerSources, store: Store, keys: Keys, settings: Settings
) -> dict[str, Say]:
    """The ways in: each takes what is said of a verify, and gives the job's id."""

    async def by_sdk(said: dict[str, Any]) -> str:
        return client.customer.source.verify(**BA, **said).id

    async def by_asyncio(said: dict[str, Any]) -> str:
        async with AsyncCustomerSources(store.url, prefix=keys.prefix) as one:
            return (await one.customer.source.verify(**BA, **said)).id

    async def by_many(said: dict[str, Any]) -> str:
        ((job_id, _, error),) = client.submit_many(
            [{"operation": "verify", **BA, **said}]
        )
        assert error is None
        return job_id

    async def by_intake(command: object) -> str:
        connection = connect(store.url)
        try:
            job_id = await Intake(connection, keys, settings).take(command, "a:1")
        finally:
            await connection.aclose()
        assert job_id is not None
        return job_id

    async def by_plain(said: dict[str, Any]) -> str:
        return await by_intake(
            json.loads(json.dumps(BA | said | {"operation": "verify"}))
        )

    async def by_celery(said: dict[str, Any]) -> str:
        entry = json.dumps(
            message(headers={"task": "sources.verify"}, kwargs=BA | said)
        )
        asked = read(entry, len(entry))
        assert asked is not None
        return await by_intake(asked.command)

    async def by_cli(said: dict[str, Any]) -> str:
        words = ["verify", "--customer", "cus_1", "--id", "ba_1", "-o", "json"]
        words += ["--amounts", "32", "--amounts", "45", "--prefix", keys.prefix]
        for name, value in said.items():
            flag = f"--{name.replace('_', '-')}"
            words += [flag] if value is True else [flag, value]
        ended = CliRunner().invoke(app, [*words, "--redis-url", store.url])
        assert ended.exit_code == 0, ended.output
        return str(json.loads(ended.stdout)["job"])

    said_by = (by_sdk, by_asyncio, by_many, by_plain, by_celery, by_cli)
    return dict(zip(WAYS, said_by, strict=True))


@pytest.mark.parametrize("way", WAYS)
async def test_a_verify_that_waits_is_marked_in_its_record(
    ways: dict[str, Say], db: redis.Redis, keys: Keys, way: str
) -> None:
    waits = await ways[way](WAITS | {"use_reserve": True})

    command = msgspec.json.decode(str(db.get(keys.command(waits))), type=Command)
    assert (command.when, command.added_at) == ("deposits_arrived", ADDED_MS)
    assert command.use_reserve
    assert db.hget(keys.job(waits), "when") == "1"


@pytest.mark.parametrize("way", WAYS)
async def test_a_verify_that_does_not_has_nothing_of_it(
    ways: dict[str, Say], db: redis.Redis, keys: Keys, way: str
) -> None:
    job_id = await ways[way]({"not_before": "PT2H", "deadline": "P1W"})

    record = db.hgetall(keys.job(job_id))
    assert "when" not in record
    assert record["state"] == "waiting"
    assert int(record["deadline"]) - int(record["due"]) == (7 * 24 - 2) * 3_600_000
    assert "when" not in str(db.get(keys.command(job_id)))


@pytest.mark.parametrize("said", ["2030-01-31T07:00:00-05:00", "P1W"])
def test_a_batch_takes_the_time_at_which_it_begins_as_a_text_too(
    client: CustomerSources, said: str
) -> None:
    began = datetime.now(UTC)
    asked = calls.Settings(not_before=said)
    batch = client.batches.open(plan(25, chunk_rows=10).manifest, asked)

    assert batch.not_before is not None
    if said == "P1W":
        a_week = timedelta(days=7) - timedelta(milliseconds=1)  # in which it is kept
        assert (
            began + a_week <= batch.not_before <= datetime.now(UTC) + timedelta(days=7)
        )
    else:
        assert batch.not_before == datetime(2030, 1, 31, 12, tzinfo=UTC)
