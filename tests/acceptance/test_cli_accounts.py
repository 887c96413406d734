"""A file of accounts, as an operator meets it: worker, doctor and settings."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path
from subprocess import Popen

import pytest
import redis

from customer_sources.contract.names import Keys
from sandbox.store import Store
from tests.builders import wait_until
from tests.command_line import COMMAND, run, unset
from worker.cli.exits import Exit

WRONG = """\
[[account]]
name = "acme"
key = "s3cr3t s3cr3t"
[[account]]
name = "shop"
key_file = "nowhere"
rates = { create = 0 }
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "accounts.toml"


def test_a_worker_refuses_a_wrong_file_with_all_that_is_wrong(
    file: Path, tmp_path: Path
) -> None:
    file.write_text(WRONG)
    done = run("worker", cwd=tmp_path, SOURCES_ACCOUNTS_FILE="accounts.toml")

    assert done.returncode == Exit.CONFIG
    headline, *details = done.stderr.splitlines()
    assert headline == "sources: the accounts are wrong:"
    assert [line.split(": ")[:2] for line in details] == [
        ["  account acme", "key"],
        ["  account shop", "rates.create"],
        ["  account shop", "key_file"],
    ]
    assert "s3cr3t" not in done.stderr


def test_a_worker_starts_with_a_file_alone_and_tells_of_its_live_key(
    store: Store, db: redis.Redis, keys: Keys, file: Path, tmp_path: Path
) -> None:
    key_file = tmp_path / "shop.key"
    key_file.write_text("sk_live_s3cr3t\n")
    file.write_text(
        '[[account]]\nname="acme"\nkey="sk_test_s3cr3t"\n'
        '[[account]]\nname="shop"\nkey_file="shop.key"\n'
    )
    environment = {
        "SOURCES_REDIS_URL": store.url,
        "SOURCES_PREFIX": keys.prefix,
        "SOURCES_ACCOUNTS_FILE": str(file),
        "STRIPE_API_BASE": "https://127.0.0.1:1",
    }
    worker = Popen(
        [*COMMAND, "worker"],
        env={**unset(), **environment},
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_until(lambda: db.exists(keys.pulse), "the worker to do upkeep")
    finally:
        worker.send_signal(signal.SIGTERM)
        _, said = worker.communicate(timeout=20)

    assert worker.returncode == Exit.OK
    assert "LIVE KEY" in said.splitlines()[0]
    assert "s3cr3t" not in said


def test_the_doctor_reads_the_file_as_a_worker_would(
    file: Path, tmp_path: Path
) -> None:
    environment = {
        "SOURCES_REDIS_URL": "redis://127.0.0.1:1/0",
        "SOURCES_ACCOUNTS_FILE": str(file),
    }
    file.write_text(WRONG)
    wrong = run("doctor", cwd=tmp_path, **environment).stdout
    assert wrong.count("FAIL accounts") == 3
    assert "s3cr3t" not in wrong

    file.write_text('[[account]]\nname="acme"\nkey="sk_live_s3cr3t"\n')
    right = run("doctor", cwd=tmp_path, **environment).stdout
    (line,) = [line for line in right.splitlines() if "accounts" in line]
    assert line.startswith("OK   accounts     1: acme (LIVE)")
    assert "STRIPE_API_KEY" not in right
    assert "s3cr3t" not in right


def test_the_settings_name_the_file_and_leave_empty_what_is_not_set(
    file: Path, tmp_path: Path
) -> None:
    done = run("settings", cwd=tmp_path, SOURCES_ACCOUNTS_FILE=str(file))
    rows = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines()}

    assert rows["SOURCES_ACCOUNTS_FILE"] == [str(file), "environment"]
    assert rows["SOURCES_IN_FLIGHT"] == ["default"]

    as_json = run("settings", "-o", "json", cwd=tmp_path)
    assert '"SOURCES_ACCOUNT_RATE": {\n    "value": null' in as_json.stdout
