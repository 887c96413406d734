"""`sources` as a person types it: each command, its output and its exit code."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess, Popen
from typing import NamedTuple

import pytest

from tests.builders import wait_until
from worker.cli.exits import Exit

Sources = Callable[..., "CompletedProcess[str]"]
ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "worker.cli")


class Dev(NamedTuple):
    """A running `sources dev`."""

    process: Popen[bytes]
    environment: dict[str, str]
    """What it says that another shell needs."""


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    """A running `sources dev`."""
    said = tmp_path_factory.mktemp("dev") / "said.txt"
    with said.open("w") as sink:
        process = Popen(
            [*COMMAND, "dev", "--port", "0", "--sandbox-port", "0"],
            stderr=sink,
            cwd=ROOT,
        )
    try:
        wait_until(lambda: "Ctrl-C stops it" in said.read_text(), "dev to be ready")
        export = re.search(r"^ +export (.+)$", said.read_text(), re.MULTILINE)
        assert export
        yield Dev(process, dict(word.split("=", 1) for word in export[1].split()))
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 0
    assert "what is in flight is finished first" in said.read_text()


@pytest.fixture
def sources(dev: Dev) -> Sources:
    return _sources(**dev.environment)


def _sources(**environment: str) -> Sources:
    def run(*words: str) -> CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *words],
            env={**os.environ, "COLUMNS": "200", **environment},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            cwd=ROOT,
        )

    return run


def test_what_dev_says_another_shell_needs_is_enough_to_read_its_sandbox(
    sources: Sources, tmp_path: Path
) -> None:
    plan = ("batch", "plan", "examples/migration.csv", "-o", str(tmp_path / "plan"))

    done = sources(*plan, "--check", "--yes", "--check-rate", "200")

    assert done.returncode == Exit.OK, done.stderr
    assert "looked at" in done.stdout


def test_create_waits_and_names_the_card(sources: Sources) -> None:
    done = sources("create", "--customer", "cus_1", "--source", "tok_visa", "--wait")

    assert done.returncode == Exit.OK
    assert re.fullmatch(r"job_\w{26} succeeded: card_\w+ Visa 4242\n", done.stdout)


def test_json_is_for_machines(sources: Sources) -> None:
    words = ("--customer", "cus_2", "--source", "tok_visa", "--metadata", "order=7")
    created = json.loads(sources("create", *words, "--wait", "-o", "json").stdout)
    card_id = created["source"]["id"]
    assert created["source"]["metadata"]["order"] == "7"

    words = ("--customer", "cus_2", "--id", card_id, "--wait", "-o", "json")
    assert json.loads(sources("get", *words).stdout)["source"]["id"] == card_id
    assert json.loads(sources("delete", *words).stdout)["source"]["deleted"] is True
    gone = sources("get", *words)
    assert gone.returncode == Exit.FAILED
    assert json.loads(gone.stdout)["error"]["code"] == "resource_missing"


def test_a_card_can_be_created_without_a_mark(sources: Sources) -> None:
    words = ("--customer", "cus_5", "--source", "tok_visa", "--wait", "-o", "json")
    created = json.loads(sources("create", *words, "--no-marker").stdout)

    assert created["source"]["metadata"] == {}


def test_a_declined_card_is_exit_code_1_and_says_why(sources: Sources) -> None:
    words = ("--customer", "cus_1", "--source", "tok_chargeDeclined", "--wait")
    done = sources("create", *words)

    assert done.returncode == Exit.FAILED
    assert "failed (card_declined)" in done.stdout


def test_a_wrong_command_line_names_every_problem(sources: Sources) -> None:
    done = sources("get", "--customer", "cus 1", "--id", "a/b")

    assert done.returncode == Exit.USAGE
    assert "customer: not a Stripe id" in done.stderr
    assert "id: not a Stripe id" in done.stderr


def test_metadata_that_is_no_pair_is_a_usage_error(sources: Sources) -> None:
    done = sources("create", "--customer", "cus_1", "--metadata", "order")

    assert done.returncode == Exit.USAGE
    assert "KEY=VALUE" in done.stderr


def test_a_key_used_twice_for_other_things_is_refused(sources: Sources) -> None:
    words = ("create", "--customer", "cus_1", "--idempotency-key", "k-1", "--source")
    assert sources(*words, "tok_visa").returncode == Exit.OK

    done = sources(*words, "tok_amex")
    assert done.returncode == Exit.USAGE
    assert "use a new key" in done.stderr


def test_a_job_can_be_looked_at(sources: Sources) -> None:
    words = ("--customer", "cus_3", "--source", "tok_amex", "--wait", "-o", "json")
    job_id = json.loads(sources("create", *words).stdout)["job"]

    shown = sources("jobs", "show", job_id).stdout
    assert re.search(r"state\s+succeeded", shown)
    assert re.search(r"source\s+card_\w+ American Express 0005", shown)
    assert json.loads(sources("jobs", "show", job_id, "-o", "json").stdout)["runs"]

    missing = sources("jobs", "show", "job_none")
    assert missing.returncode == Exit.NOT_FOUND


def test_events_can_be_read_along(sources: Sources) -> None:
    words = ("--customer", "cus_4", "--source", "tok_visa", "--wait", "-o", "json")
    job_id = json.loads(sources("create", *words).stdout)["job"]

    tail = ("events", "tail", "--all", "--timeout", "0.5")
    lines = sources(*tail).stdout.splitlines()
    (line,) = [line for line in lines if job_id in line]
    assert " customer.source.created " in line
    events = [
        json.loads(line)
        for line in sources(*tail, "-o", "json").stdout.split("\n")
        if line
    ]
    assert f"{job_id}:terminal" in [event["id"] for event in events]


def test_waiting_has_an_end(sources: Sources) -> None:
    words = ("--customer", "cus_5", "--source", "tok_visa", "--not-before", "60")
    done = sources("create", *words, "--wait", "--timeout", "0.2")

    assert done.returncode == Exit.STILL_RUNNING
    assert "look again: sources jobs show job_" in done.stderr


def test_a_store_that_is_not_there_says_what_to_check() -> None:
    sources = _sources(SOURCES_REDIS_URL="redis://127.0.0.1:1/0")
    done = sources("create", "--customer", "cus_1", "--source", "tok_visa")

    assert done.returncode == Exit.UNAVAILABLE
    assert "SOURCES_REDIS_URL" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_submit_to_a_store_that_nobody_ever_served_says_so(
    store: object, prefix: str, db: object
) -> None:
    sources = _sources(SOURCES_REDIS_URL=store.url, SOURCES_PREFIX=prefix)  # type: ignore[attr-defined]
    done = sources("create", "--customer", "cus_1", "--source", "tok_visa")

    assert done.returncode == Exit.OK
    assert "no worker has ever served this store" in done.stderr


def test_a_worker_without_a_key_does_not_start() -> None:
    done = _sources(STRIPE_API_KEY="")("worker")

    assert done.returncode == Exit.CONFIG
    assert "STRIPE_API_KEY is not set" in done.stderr


def test_wrong_settings_are_all_listed() -> None:
    wrong = _sources(
        STRIPE_API_KEY="sk_test_x", SOURCES_CONCURRENCY="0", SOURCES_LOG_FORMAT="xml"
    )
    done = wrong("worker")

    assert done.returncode == Exit.CONFIG
    assert "SOURCES_CONCURRENCY" in done.stderr
    assert "SOURCES_LOG_FORMAT" in done.stderr


def test_the_version_is_told(sources: Sources) -> None:
    assert re.fullmatch(r"customer-sources \d+\.\d+\.\d+\n", sources("version").stdout)


@pytest.mark.timeout(120)
def test_the_demo_adds_up() -> None:
    done = subprocess.run(
        [*COMMAND, "demo"],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "100"},
    )

    assert done.returncode == Exit.OK, done.stdout + done.stderr
    told = dict(re.findall(r"^ *(\S.*?)  +(\d+) *$", done.stdout, re.MULTILINE))
    assert (told["jobs accepted"], told["terminal events"]) == ("400", "400")
    assert (told["duplicates"], told["lost"]) == ("0", "0")
    in_review = sum(int(n) for kind, n in told.items() if "needs_review" in kind)
    for change in ("created", "updated", "verified"):
        effects = int(told[f"source.{change}"])
        events = int(told[f"customer.source.{change}"])
        assert events <= effects <= events + in_review
    assert "The promise held" in done.stdout
