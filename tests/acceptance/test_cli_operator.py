"""What an operator types before a deployment: doctor, settings, a worker's start."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess, Popen
from typing import Any

import pytest
import redis

from sandbox.store import Store, _free_ports
from tests.builders import wait_until
from tests.command_line import COMMAND, Sources, run, unset
from worker.cli.exits import Exit

HARMLESS = {"STRIPE_API_KEY": "sk_test_x", "STRIPE_API_BASE": "http://127.0.0.1:1"}


@pytest.fixture
def sources(store: Store, prefix: str, tmp_path: Path) -> Sources:
    def sources(*words: str, **environment: str) -> CompletedProcess[str]:
        ours = {"SOURCES_REDIS_URL": store.url, "SOURCES_PREFIX": prefix}
        return run(*words, cwd=tmp_path, **{**ours, **environment})

    return sources


@pytest.fixture(scope="module")
def kept() -> Iterator[Store]:
    """A store as production should have it."""
    with Store.start(aof=True) as store:
        yield store


def checks(done: CompletedProcess[str]) -> dict[str, Any]:
    return {one["check"]: one for one in json.loads(done.stdout)["checks"]}


# --- doctor


def test_the_doctor_finds_a_sound_deployment_sound(
    kept: Store, prefix: str, tmp_path: Path
) -> None:
    environment = {
        "SOURCES_REDIS_URL": kept.url,
        "SOURCES_PREFIX": prefix,
        **HARMLESS,
    }
    worker = Popen(
        [*COMMAND, "worker"],
        env={**unset(), **environment},
        cwd=tmp_path,
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        done = wait_until(
            lambda: (
                (one := run("doctor", cwd=tmp_path, **environment)).returncode == 0
                and one
            ),
            "the doctor to be content",
        )
    finally:
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(timeout=20) == 0

    assert done.stdout.count("\n") == 13
    assert {line.split()[0] for line in done.stdout.splitlines()} == {"OK", "WARN"}
    assert "requests go to http://127.0.0.1:1 and not to Stripe" in done.stdout


def test_the_doctor_names_what_is_wrong_and_what_mends_it(
    sources: Sources, db: redis.Redis
) -> None:
    done = sources("doctor", "-o", "json")

    assert done.returncode == Exit.FAILED
    assert json.loads(done.stdout)["ok"] is False
    found = checks(done)
    failed = {name for name, one in found.items() if one["level"] == "FAIL"}
    assert failed == {"key", "persistence", "workers", "upkeep"}
    assert all(found[name]["fix"] for name in failed)


def test_the_doctor_says_where_a_managed_store_does_not_tell(
    kept: Store, tmp_path: Path
) -> None:
    with redis.Redis.from_url(kept.url) as admin:
        everything = ["~*", "&*", "+@all"]
        admin.execute_command("ACL SETUSER managed on nopass", *everything, "-config")
        admin.execute_command("ACL SETUSER silent on nopass", *everything, "-info")
    address = kept.url.removeprefix("redis://")

    for user, check, said in (
        ("managed", "persistence", "CONFIG is refused"),
        ("silent", "version", "INFO is refused"),
    ):
        url = f"redis://{user}:any@{address}"
        done = run("doctor", "-o", "json", cwd=tmp_path, SOURCES_REDIS_URL=url)
        assert checks(done)[check]["level"] == "WARN"
        assert said in checks(done)[check]["says"]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis://127.0.0.1:1/0", "does not answer"),
        ("redis://nobody:s3cr3t@{}", "refuses us"),
    ],
)
def test_a_store_that_is_not_there_is_one_failure_and_shows_no_password(
    kept: Store, tmp_path: Path, url: str, said: str
) -> None:
    url = url.format(kept.url.removeprefix("redis://"))
    done = run("doctor", cwd=tmp_path, SOURCES_REDIS_URL=url, **HARMLESS)

    assert done.returncode == Exit.FAILED
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("FAIL")]
    assert said in line
    assert "s3cr3t" not in done.stdout + done.stderr


def test_the_doctor_lists_every_wrong_setting_and_slips_of_names(
    sources: Sources,
) -> None:
    done = sources("doctor", SOURCES_CONCURRENCY="many", SOURCES_QUIET_SECONDS="1")
    assert done.returncode == Exit.FAILED
    assert done.stdout.count("FAIL settings") == 2

    slip = sources("doctor", SOURCES_CONCURENCY="3")
    assert "did you mean SOURCES_CONCURRENCY?" in slip.stdout


# --- a worker's start


def test_a_cluster_is_refused_with_the_reason_by_doctor_and_worker(
    tmp_path: Path,
) -> None:
    bus = next(_free_ports())  # its own choice may lie beyond the last port
    config = {"cluster-enabled": "yes", "cluster-port": bus}
    with Store.start(config=config) as cluster:
        for command, code in (("doctor", Exit.FAILED), ("worker", Exit.CONFIG)):
            done = run(command, cwd=tmp_path, SOURCES_REDIS_URL=cluster.url, **HARMLESS)
            assert done.returncode == code
            assert "Valkey Cluster is refused" in done.stdout + done.stderr


def test_a_worker_with_a_wrong_password_says_so(kept: Store, tmp_path: Path) -> None:
    url = kept.url.replace("redis://", "redis://nobody:s3cr3t@")
    done = run("worker", cwd=tmp_path, SOURCES_REDIS_URL=url, **HARMLESS)

    assert done.returncode == Exit.CONFIG
    assert "the store refuses us" in done.stderr
    assert "s3cr3t" not in done.stderr


def test_a_live_key_is_announced_before_anything_is_done(tmp_path: Path) -> None:
    """And a worker whose store is not there yet waits for it, and can be stopped."""
    said = tmp_path / "said.txt"
    with said.open("w") as sink:
        worker = Popen(
            [*COMMAND, "worker"],
            env={
                **unset(),
                "SOURCES_REDIS_URL": "redis://127.0.0.1:1/0",
                "STRIPE_API_KEY": "rk_live_s3cr3t",
            },
            cwd=tmp_path,
            stderr=sink,
        )
    wait_until(lambda: "ledger_unavailable" in said.read_text(), "it to wait")
    worker.send_signal(signal.SIGTERM)

    assert worker.wait(timeout=10) == Exit.OK
    first, *_ = said.read_text().splitlines()
    assert "LIVE KEY" in first
    assert "https://api.stripe.com" in first
    assert "s3cr3t" not in said.read_text()


# --- settings


def test_settings_tell_their_values_masked_and_who_set_them(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "STRIPE_API_KEY=sk_test_s3cr3t\nSOURCES_CONCURRENCY=7\nSOURCES_PREFIX=file:\n"
    )
    environment = {
        "SOURCES_REDIS_URL": "redis://me:s3cr3t@store/0",
        "SOURCES_PREFIX": "mine:",
    }

    done = run("settings", "-o", "json", cwd=tmp_path, **environment)
    rows = json.loads(done.stdout)
    text = run("settings", cwd=tmp_path, **environment).stdout

    assert rows["STRIPE_API_KEY"] == {"value": "sk_test_***", "from": ".env"}
    assert rows["SOURCES_CONCURRENCY"] == {"value": 7, "from": ".env"}
    assert rows["SOURCES_PREFIX"] == {"value": "mine:", "from": "environment"}
    assert rows["SOURCES_REDIS_URL"]["value"] == "redis://me:***@store/0"
    assert rows["SOURCES_LEASE_SECONDS"] == {"value": 8.0, "from": "default"}
    assert "s3cr3t" not in done.stdout + text
    assert [line.split()[0] for line in text.splitlines()[1:]] == list(rows)


def test_every_command_reads_the_file_that_the_worker_reads(
    store: Store, prefix: str, tmp_path: Path, db: redis.Redis
) -> None:
    (tmp_path / ".env").write_text(
        f"SOURCES_REDIS_URL={store.url}\nSOURCES_PREFIX={prefix}\n"
    )
    words = ("create", "--customer", "cus_1", "--source", "tok_visa", "-o", "json")
    job_id = json.loads(run(*words, cwd=tmp_path).stdout)["job"]

    assert db.exists(f"{prefix}job:{job_id}")
    assert job_id in run("jobs", "list", cwd=tmp_path).stdout
