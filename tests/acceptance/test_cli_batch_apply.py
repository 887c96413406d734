"""What an engineer with a plan types: apply it, twice, into a store in trouble."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest
import redis

from customer_sources import CustomerSources
from customer_sources.batches.status import BatchState
from customer_sources.contract.names import Keys
from sandbox.remote import RemoteSandbox
from sandbox.store import Store
from tests.acceptance.conftest import SourcesHere, StartWorker
from tests.batch_plans import Plan, plan
from tests.builders import wait_until
from tests.command_line import COMMAND, unset
from worker.cli.exits import Exit


def test_a_plan_that_is_applied_twice_is_one_batch(
    sources: SourcesHere,
    client: CustomerSources,
    sandbox: RemoteSandbox,
    start_worker: StartWorker,
    small: Plan,
) -> None:
    start_worker()
    first = sources("batch", "apply", "small")
    again = sources("batch", "apply", "small", "--rate", "5")

    assert first.returncode == again.returncode == Exit.OK, first.stderr
    told = f"{small.id} completed: 30 of 30 rows done, 30 succeeded\n"
    assert first.stdout == again.stdout == told
    assert "30 rows of rows.jsonl (create 30) for 30 customers" in first.stderr
    assert f"applied before: it is {small.id}, completed" in again.stderr
    assert len([e for e in sandbox.effects() if e.change == "source.created"]) == 30
    (batch,) = client.batches.list()
    assert batch.rate == 0


def test_what_became_of_rows_is_told_by_the_exit_code(
    sources: SourcesHere, start_worker: StartWorker, tmp_path: Path
) -> None:
    start_worker()
    one = plan(25, fails=lambda number: number % 5 == 0)
    one.write(tmp_path / "mixed")

    done = sources("batch", "apply", "mixed", "--canary", "10", "-o", "json")
    assert done.returncode == Exit.NEEDS_REVIEW, done.stderr
    held = json.loads(done.stdout)
    assert (held["state"], held["why"], held["done"]) == ("held", "canary", 10)
    assert held["codes"] == {"card_declined": 2}
    assert any(f"sources batch resume {one.id}" in told for told in held["advice"])
    shown = sources("batch", "status", one.id)
    assert shown.returncode == Exit.OK
    assert "its canary, the first 10 rows, has ended" in shown.stderr
    assert "card_declined" in shown.stdout

    assert sources("batch", "watch", one.id).returncode == Exit.NEEDS_REVIEW
    assert sources("batch", "resume", one.id).returncode == Exit.OK
    watched = sources("batch", "watch", one.id, "-o", "json")
    assert watched.returncode == Exit.FAILED
    last = json.loads(watched.stdout.splitlines()[-1])
    assert (last["state"], last["succeeded"], last["failed"]) == ("completed", 20, 5)
    assert last["allowed_per_second"] == pytest.approx(9_600, rel=0.1)


def spoil_a_chunk(folder: Path) -> None:
    other = plan(30, chunk_rows=10, label="other", fails=lambda number: number == 25)
    (folder / "chunks" / "000002.z").write_bytes(other.chunks[2])


def cut_a_chunk(folder: Path) -> None:
    path = folder / "chunks" / "000001.z"
    path.write_bytes(path.read_bytes()[:-1])


def drop_a_chunk(folder: Path) -> None:
    (folder / "chunks" / "000000.z").unlink()


EDITS: list[tuple[str, Any]] = [
    ("rows", 29),
    ("changes", 1),
    ("operations", {"get": 30}),
    ("account", "other"),
    ("chunks", []),
    ("version", 2),
    ("plan_sha256", "0" * 64),
]


def edit(name: str, value: Any) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        path = folder / "manifest.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {name: value}))

    return spoil


def drop_the_manifest(folder: Path) -> None:
    (folder / "manifest.json").unlink()


@pytest.mark.parametrize(
    "spoil",
    [
        spoil_a_chunk,
        cut_a_chunk,
        drop_a_chunk,
        drop_the_manifest,
        *(pytest.param(edit(*one), id=one[0]) for one in EDITS),
    ],
)
def test_nothing_is_uploaded_of_a_plan_that_was_changed(
    sources: SourcesHere,
    client: CustomerSources,
    small: Plan,
    tmp_path: Path,
    spoil: Callable[[Path], None],
) -> None:
    spoil(tmp_path / "small")
    done = sources("batch", "apply", "small", "--detach")

    assert done.returncode == Exit.USAGE
    assert done.stderr.startswith("sources: not applied: ")
    assert "Traceback" not in done.stderr
    assert client.batches.list() == []


def test_a_plan_without_rows_is_refused(sources: SourcesHere, tmp_path: Path) -> None:
    plan(0).write(tmp_path / "empty")
    done = sources("batch", "apply", "empty", "--detach")
    assert done.returncode == Exit.USAGE
    assert "nothing to apply" in done.stderr


@pytest.fixture
def live(db: redis.Redis, keys: Keys) -> None:
    """A worker has told that it has a live key."""
    db.hset(keys.account("default"), mapping={"mode": "live", "rate": 96, "each": 24})


@pytest.mark.usefixtures("live")
def test_a_live_account_needs_the_flag_and_the_number(
    sources: SourcesHere, client: CustomerSources, small: Plan
) -> None:
    apply = ("batch", "apply", "small", "--detach")
    for words, told in (
        ((), "--live allows that"),
        (("--yes-changes", "30"), "--live allows that"),
        (("--live",), "--yes-changes 30"),
        (("--live", "--yes-changes", "29"), "30 rows of the plan change something"),
    ):
        done = sources(*apply, *words)
        assert done.returncode == Exit.USAGE
        assert told in done.stderr
        assert client.batches.list() == []

    done = sources(*apply, "--live", "--yes-changes", "30")
    assert done.returncode == Exit.OK, done.stderr
    assert "LIVE KEY" in done.stderr
    assert client.batches.get(small.id).state is BatchState.RUNNING


def test_a_live_key_in_the_shell_counts_where_no_worker_has_told(
    sources: SourcesHere,
    db: redis.Redis,
    keys: Keys,
    monkeypatch: pytest.MonkeyPatch,
    small: Plan,
) -> None:
    monkeypatch.setenv("STRIPE_API_KEY", "sk_live_s3cr3t")
    refused = sources("batch", "apply", "small", "--detach")
    assert refused.returncode == Exit.USAGE
    assert "s3cr3t" not in refused.stderr

    db.hset(keys.account("default"), mapping={"mode": "test"})
    assert sources("batch", "apply", "small", "--detach").returncode == Exit.OK


@pytest.mark.usefixtures("live", "small")
@pytest.mark.parametrize(
    ("typed", "code"), [("30", Exit.OK), ("300", Exit.USAGE), ("yes", Exit.USAGE)]
)
def test_on_a_terminal_the_number_is_typed(
    environment: dict[str, str], tmp_path: Path, typed: str, code: Exit
) -> None:
    ours, theirs = pty.openpty()
    with Popen(
        [*COMMAND, "batch", "apply", "small", "--live", "--detach"],
        env={**unset(), **environment},
        cwd=tmp_path,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        os.write(ours, f"{typed}\n".encode())
        _, said = process.communicate(timeout=20)
    for end in (ours, theirs):
        os.close(end)
    assert process.returncode == code, said
    assert b"30 rows change something; type that number" in said


@pytest.fixture
def narrow() -> Iterator[Store]:
    """A store of its own, whose memory can be full."""
    with Store.start() as running:
        yield running


def test_an_upload_into_a_full_store_goes_on_by_the_same_command(
    sources: SourcesHere, narrow: Store, small: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES_REDIS_URL", narrow.url)
    with (
        CustomerSources(narrow.url, prefix=os.environ["SOURCES_PREFIX"]) as client,
        redis.Redis.from_url(narrow.url) as admin,
    ):
        client.batches.open(small.manifest)
        client.batches.put(small.id, 0, small.chunks[0])
        admin.config_set("maxmemory", 1)
        full = sources("batch", "apply", "small", "--detach")
        assert full.returncode == Exit.UNAVAILABLE
        assert "memory is full" in full.stderr
        assert "the same command goes on where it was" in full.stderr
        assert "1 of 3 chunks are in the store" in full.stderr

        admin.config_set("maxmemory", 0)
        done = sources("batch", "apply", "small", "--detach")
        assert done.returncode == Exit.OK, done.stderr
        assert "1 of 3 chunks are there, the upload goes on" in done.stderr
        assert client.batches.get(small.id).state is BatchState.RUNNING


def test_a_store_that_is_away_is_told_with_what_to_do(
    sources: SourcesHere, small: Plan
) -> None:
    away = ("--redis-url", "redis://127.0.0.1:1/0")
    done = sources("batch", "apply", "small", *away)
    assert done.returncode == Exit.UNAVAILABLE
    assert "the same command goes on where it was" in done.stderr
    for verb in ("status", "watch", "pause", "resume", "cancel"):
        assert sources("batch", verb, small.id, *away).returncode == Exit.UNAVAILABLE


def test_ctrl_c_while_watching_leaves_the_batch_as_it_is(
    environment: dict[str, str],
    client: CustomerSources,
    small: Plan,
    tmp_path: Path,
) -> None:
    said = tmp_path / "said.txt"
    with said.open("w") as sink:
        process = Popen(
            [*COMMAND, "batch", "apply", "small"],
            env={**unset(), **environment},
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            stderr=sink,
        )
        try:
            wait_until(lambda: "running: 0 of 30" in said.read_text(), "it to watch")
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=20) == Exit.STILL_RUNNING
        finally:
            process.kill()
            process.wait()
    assert f"sources batch watch {small.id}" in said.read_text()
    assert "no worker is alive" in said.read_text()
    assert client.batches.get(small.id).state is BatchState.RUNNING
