"""What support types about a bank account that is watched: list, show, cancel."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
from typer.testing import CliRunner, Result

from customer_sources import CustomerSources
from customer_sources.contract.names import Keys, target_name
from sandbox.remote import RemoteSandbox
from sandbox.store import Store
from tests.acceptance.conftest import SourcesHere, StartWorker
from tests.command_line import run
from tests.integration.doubts import ACCOUNT as BANK_ACCOUNT
from tests.integration.doubts import KEY
from worker.cli.exits import Exit
from worker.cli.main import app

Typed = Callable[..., Result]


@pytest.fixture
def typed(store: Store, prefix: str) -> Typed:
    """Type a command in this process."""

    def typed(*words: str) -> Result:
        where = "--redis-url", store.url, "--prefix", prefix
        return CliRunner().invoke(app, ["verifications", *words, *where])

    return typed


@pytest.fixture
def guessed(client: CustomerSources, db: redis.Redis, keys: Keys) -> CustomerSources:
    """Watches of three bank accounts, at one of which somebody has guessed."""
    for source in ("ba_1", "ba_2", "ba_3"):
        client.verifications.watch("cus_1", source, reference=f"order of {source}")
    client.verifications.cancel("cus_1", "ba_3")
    attempts = keys.attempts(target_name("default", "cus_1", "ba_2"))
    db.hset(attempts, mapping={"used": 1, "held:job_1": "x"})
    db.expire(attempts, 600)
    return client


@pytest.mark.usefixtures("guessed")
def test_what_is_watched_is_listed_with_what_is_left_of_its_attempts(
    typed: Typed,
) -> None:
    rows = typed("list").stdout.splitlines()
    assert rows[0].split()[:3] == ["customer", "id", "state"]
    assert [row.split()[1] for row in rows[1:]] == ["ba_1", "ba_2", "ba_3"]
    assert "2 of 3" in rows[2]

    def listed(*words: str) -> list[Any]:
        found: list[Any] = json.loads(typed("list", "-o", "json", *words).stdout)
        return [one["source"] for one in found]

    assert listed("--state", "new") == ["ba_1", "ba_2"]
    assert listed("--state", "cancelled") == ["ba_3"]
    assert listed("--limit", "1") == ["ba_1"]
    nothing = typed("list", "--state", "due")
    assert (nothing.stdout, nothing.exit_code) == ("", Exit.OK)
    assert "no bank account like that is watched" in nothing.stderr


def test_one_is_shown_and_cancelled(typed: Typed, guessed: CustomerSources) -> None:
    watch = guessed.verifications.get("cus_1", "ba_2")

    shown = " ".join(typed("show", "cus_1", "ba_2").stdout.split())
    for said in ("state new", "attempts 2 of 3 used, 1 left", watch.id):
        assert said in shown
    told = json.loads(typed("show", "cus_1", "ba_2", "-o", "json").stdout)
    assert (told["watch"], told["attempts"]) == (watch.id, {"used": 2, "left": 1})
    assert (told["reference"], told["arrives"]) == ("order of ba_2", None)

    ended = json.loads(typed("cancel", "cus_1", "ba_2", "-o", "json").stdout)
    assert (ended["state"], ended["next"]) == ("cancelled", None)
    assert guessed.verifications.get("cus_1", "ba_2").state == "cancelled"


def test_what_cannot_be_done_is_said_in_words_with_a_code(
    client: CustomerSources,
    db: redis.Redis,
    keys: Keys,
    store: Store,
    prefix: str,
    tmp_path: Path,
) -> None:
    client.verifications.watch("cus_1", "ba_1")
    client.verifications.cancel("cus_1", "ba_1")
    key = keys.watch(target_name("default", "cus_1", "ba_1"))
    db.hset(key, "state", "verified")
    ours = {"SOURCES_REDIS_URL": store.url, "SOURCES_PREFIX": prefix}
    for words, code, said in (
        (("cancel", "cus_1", "ba_1"), Exit.FAILED, "is over: verified"),
        (("show", "cus_1", "ba_9"), Exit.NOT_FOUND, "ba_9 of cus_1: no watch"),
        (("show", "cus_1", "card_1"), Exit.USAGE, "only bank accounts are verified"),
    ):
        done = run("verifications", *words, cwd=tmp_path, **ours)
        assert done.returncode == code
        assert said in " ".join(done.stderr.split())


def test_attempts_are_shown_of_an_account_that_nobody_watches(
    sources: SourcesHere, db: redis.Redis, keys: Keys
) -> None:
    show = partial(sources, "verifications", "show")
    assert show("cus_9", "ba_9").returncode == Exit.NOT_FOUND
    attempts = keys.attempts(target_name("default", "cus_9", "ba_9"))
    db.hset(attempts, mapping={"used": 2})
    db.expire(attempts, 600)

    shown = show("cus_9", "ba_9")
    assert (shown.returncode, shown.stdout) == (
        Exit.OK,
        "not watched; attempts: 2 of 3 used, 1 left\n",
    )
    told = json.loads(show("cus_9", "ba_9", "-o", "json").stdout)
    assert told == {"watch": None, "attempts": {"used": 2, "left": 1}}


def test_a_verify_tells_how_it_is_known_and_what_is_left(
    sources: SourcesHere, start_worker: StartWorker, sandbox: RemoteSandbox
) -> None:
    start_worker()
    with httpx.Client(base_url=sandbox.url, headers=KEY) as stripe:
        token = stripe.post("/v1/tokens", data=BANK_ACCOUNT).json()["id"]
    made = sources("create", "--customer", "cus_1", "--source", token, "--wait")
    account = made.stdout.split()[2]
    verify = "verify", "--customer", "cus_1", "--id", account, "--wait"

    wrong = sources(*verify, "--amounts", "1", "--amounts", "2")
    assert wrong.returncode == Exit.FAILED
    assert wrong.stdout.rstrip().endswith("(attempts: 1 used, 2 left)")
    right = "--amounts", "32", "--amounts", "45"
    assert " succeeded: ba_" in sources(*verify, *right).stdout
    again = sources(*verify, *right)
    assert " succeeded (already_verified): ba_" in again.stdout
    told = json.loads(sources(*verify, *right, "-o", "json").stdout)
    assert told["outcome"] == "already_verified"
