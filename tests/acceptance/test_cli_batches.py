"""What an engineer types while a batch is on its way: look at it, steer it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import Popen
from typing import Any

import msgspec
import pytest
import redis

from customer_sources import CustomerSources
from customer_sources.batches.status import BatchState
from customer_sources.contract.names import PREFIX, Keys
from customer_sources.contract.notices import batch_event
from sandbox.store import Store
from tests.acceptance.conftest import SourcesHere, StartWorker
from tests.batch_plans import Plan, plan
from tests.builders import KEPT, wait_until
from tests.command_line import COMMAND, unset
from worker.cli import batch_watch
from worker.cli.batch_look import ledger
from worker.cli.batch_watch import follow
from worker.cli.exits import Exit


def test_a_batch_is_steered_by_the_beginning_of_its_id(
    sources: SourcesHere, client: CustomerSources, running: Plan
) -> None:
    short = running.id[:10]
    for words, state in (
        (("pause", short), "paused"),
        (("pause", short.removeprefix("batch_")), "still paused"),
        (("resume", running.id), "running"),
        (("throttle", short, "--rate", "2.5", "--concurrency", "7"), "still running"),
        (("cancel", short), "cancelling"),
    ):
        done = sources("batch", *words)
        assert done.returncode == Exit.OK, done.stderr
        assert done.stdout.startswith(f"{running.id} is {state}: 0 of 30 rows done")
    batch = client.batches.get(running.id)
    assert (batch.rate, batch.window) == (2.5, 7)
    told = json.loads(sources("batch", "resume", short, "-o", "json").stdout)
    assert (told["was"], told["state"]) == ("cancelling", "cancelling")


def test_a_batch_is_steered_by_the_folder_of_its_plan(
    sources: SourcesHere, running: Plan, tmp_path: Path
) -> None:
    (tmp_path / "small" / "chunks" / "000001.z").unlink()  # which steering needs not
    (tmp_path / running.id).mkdir()  # a whole id is an id
    for words in (
        ("status", "small"),
        ("throttle", "small", "--rate", "3"),
        ("pause", "small"),
        ("resume", "small"),
        ("cancel", "small"),
        ("status", running.id),
    ):
        done = sources("batch", *words, "-o", "json")
        assert done.returncode == Exit.OK, done.stderr
        assert json.loads(done.stdout)["batch"] == running.id
    for folder, told in ((".", "manifest.json"), ("x" * 300, "no such batch")):
        assert told in sources("batch", "cancel", folder).stderr
    assert sources("batch", "cancel", "").returncode == Exit.NOT_FOUND


def test_a_throttle_says_what_holds_now_and_needs_an_option(
    sources: SourcesHere, running: Plan, db: redis.Redis, keys: Keys
) -> None:
    db.hset(keys.batch(running.id), mapping={"state": "held", "why": "canary"})
    done = sources("batch", "throttle", running.id, "--concurrency", "7")
    assert "once it runs (it is held): 7 in flight at most" in done.stderr
    for words in ((), ("--rate", "-1"), ("--concurrency", "0")):
        done = sources("batch", "throttle", running.id, *words)
        assert done.returncode == Exit.USAGE
        assert "--rate" in done.stderr or "--concurrency" in done.stderr
        assert "not submitted" not in done.stderr


@pytest.fixture
def waiting(
    client: CustomerSources, running: Plan, db: redis.Redis, keys: Keys
) -> Iterator[list[str]]:
    """A running batch of which no row ends; others that are paused, held, elsewhere."""
    others = [plan(3, label="x"), plan(4), plan(5, account="acme"), plan(6)]
    for one in others:
        client.batches.open(one.manifest)
        client.batches.put(one.id, 0, one.chunks[0])
        client.batches.pause(one.id)
    ids = [running.id, *(one.id for one in others)]
    for batch_id in ids[:-1]:
        db.hset(keys.batch(batch_id), "fed", 2)
    db.hset(keys.batch(ids[2]), "state", "held")
    yield ids
    for batch_id in ids:  # no worker had begun any row
        db.hset(keys.batch(batch_id), "fed", 0)


def test_a_batch_behind_the_rows_of_a_stopped_one_says_so(
    sources: SourcesHere, waiting: list[str]
) -> None:
    running, paused, held, *_ = waiting
    done = sources("batch", "status", running)
    assert done.stderr.count("rows may stand behind those of") == 2
    assert f"those of {paused}, which is paused; `sources batch resume" in done.stderr
    assert f"those of {held}, which is held" in done.stderr
    told = json.loads(sources("batch", "status", running, "-o", "json").stdout)
    assert len([one for one in told["advice"] if "may stand behind" in one]) == 2


def test_who_watches_a_batch_is_told_once_what_may_be_in_its_way(
    client: CustomerSources,
    waiting: list[str],
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(batch_watch, "PATIENCE_SECONDS", 0.1)
    said = ""

    def told(words: str) -> bool:
        nonlocal said
        said += capsys.readouterr().err
        return words in said

    url, prefix = environment.values()
    with ledger(url, prefix) as opened, ThreadPoolExecutor() as pool:
        watching = pool.submit(follow, opened, client.batches.get(waiting[0]))
        wait_until(lambda: told(f"behind those of {waiting[2]}"), "it to notice")
        opened.store.hset(opened.keys.batch(waiting[0]), "state", "held")
        assert watching.result(timeout=20) is Exit.NEEDS_REVIEW
    said += capsys.readouterr().err
    assert said.count("rows may stand behind") == 2


def test_what_is_told_of_a_batch_is_no_job(
    sources: SourcesHere,
    client: CustomerSources,
    running: Plan,
    db: redis.Redis,
    keys: Keys,
) -> None:
    batch, at = client.batches.get(running.id), 1_900_000_000_000
    batch = msgspec.structs.replace(batch, state=BatchState.CANCELLED)
    for what in ("progress", "cancelled"):
        event = batch_event(batch, what, why="", now_ms=at)
        db.xadd(keys.events, {"event": msgspec.json.encode(event)})
    assert json.loads(sources("jobs", "list", "-o", "json").stdout) == []


def test_a_batch_that_is_paused_says_why_it_stands_still(
    sources: SourcesHere, running: Plan
) -> None:
    done = sources("batch", "pause", running.id)
    assert f"sources batch resume {running.id}" in done.stderr
    told = json.loads(sources("batch", "status", running.id, "-o", "json").stdout)
    assert (told["batch"], told["state"]) == (running.id, "paused")
    assert (told["rows"], told["in_flight"], told["concurrency"]) == (30, 0, 1000)
    assert told["average_per_second"] == 0
    assert told["seconds_left"] is None


def test_a_suspended_account_is_told_with_what_to_do(
    sources: SourcesHere, running: Plan, db: redis.Redis, keys: Keys
) -> None:
    record: dict[Any, Any] = {
        "rate": 96,
        "each": 24,
        "suspended": 1,
        "refused": "401 api_key_expired",
    }
    db.hset(keys.account("default"), mapping=record)
    db.sadd(keys.accounts, "default")
    told = sources("batch", "status", running.id).stderr
    assert "sources accounts resume default" in told


@pytest.mark.parametrize("verb", ["status", "watch", "pause", "resume", "cancel"])
def test_a_batch_that_is_not_there_is_not_found(
    sources: SourcesHere, verb: str
) -> None:
    for name in ("batch_none", "none", f"batch_{'0' * 26}", "batch_"):
        done = sources("batch", verb, name)
        assert done.returncode == Exit.NOT_FOUND
        assert "no such batch" in done.stderr


@pytest.mark.usefixtures("running")
def test_an_id_that_may_be_several_is_refused_with_all_of_them(
    sources: SourcesHere, client: CustomerSources
) -> None:
    labels = map(str, range(40))
    made = [client.batches.open(plan(1, label=one).manifest).id for one in labels]
    starts = [one[:7] for one in made]
    common = next(start for start in starts if starts.count(start) > 1)

    done = sources("batch", "cancel", common)
    assert done.returncode == Exit.USAGE
    assert {client.batches.get(one).state for one in made} == {BatchState.UPLOADING}


def test_a_batch_that_is_over_is_not_steered(
    sources: SourcesHere,
    client: CustomerSources,
    start_worker: StartWorker,
    small: Plan,
) -> None:
    client.batches.open(small.manifest)
    client.batches.cancel(small.id)
    start_worker()
    watched = sources("batch", "watch", small.id)
    assert watched.returncode == Exit.FAILED
    assert "30 unprocessed" in watched.stdout

    for verb in (("pause",), ("resume",), ("cancel",), ("throttle", "--rate", "1")):
        done = sources("batch", verb[0], small.id, *verb[1:])
        assert done.returncode == Exit.FAILED
        assert "cancelled: it is over" in done.stderr
    again = sources("batch", "apply", "small")
    assert again.returncode == Exit.FAILED
    assert "--label" in again.stderr
    more = sources("batch", "retry", "small", "-o", "more")
    assert "30 of 30 rows" in more.stdout
    assert "left out" not in more.stdout


def test_batches_are_listed_for_people_and_for_scripts(
    sources: SourcesHere, running: Plan
) -> None:
    table = sources("batch", "list")
    heads, row = table.stdout.splitlines()
    assert heads.split()[:4] == ["batch", "state", "account", "rows"]
    assert row.split()[:4] == [running.id, "running", "default", "30"]

    (told,) = json.loads(sources("batch", "list", "-o", "json").stdout)
    assert (told["batch"], told["state"]) == (running.id, "running")


def test_no_batch_at_all_says_where_one_comes_from(sources: SourcesHere) -> None:
    assert "sources batch plan" in sources("batch", "list").stderr
    assert sources("batch", "list", "-o", "json").stdout == "[]\n"


def test_a_store_that_restarts_does_not_end_the_watching(tmp_path: Path) -> None:
    one, said = plan(3), tmp_path / "said.txt"
    with (
        Store.start(aof=True, config=KEPT) as store,
        CustomerSources(store.url) as client,
        redis.Redis.from_url(store.url) as db,
        said.open("w") as sink,
    ):
        client.batches.open(one.manifest)
        client.batches.put(one.id, 0, one.chunks[0])
        process = Popen(
            [*COMMAND, "batch", "watch", one.id],
            env={**unset(), "SOURCES_REDIS_URL": store.url},
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            stderr=sink,
        )
        try:
            wait_until(lambda: "running: 0 of 3" in said.read_text(), "it to watch")
            store.kill()
            wait_until(lambda: "does not answer" in said.read_text(), "it to notice")
            store.restart()
            db.hset(
                Keys(PREFIX).batch(one.id), mapping={"state": "held", "why": "canary"}
            )
            assert process.wait(timeout=20) == Exit.NEEDS_REVIEW
        finally:
            process.kill()
            process.wait()
