"""What an operator types about jobs in review: look, run again, settle."""

from __future__ import annotations

import json
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
import redis

from customer_sources import CustomerSources, State
from customer_sources.contract.ids import replay_id
from customer_sources.contract.names import Keys
from sandbox.remote import RemoteSandbox
from sandbox.store import Store
from tests.builders import ending
from tests.command_line import Sources, run
from worker.cli.exits import Exit
from worker.ledger import Ledger

WHY = ("--reason", "Stripe was down")
NOBODY = "job_" + "0" * 26


@pytest.fixture
def sources(store: Store, prefix: str, tmp_path: Path) -> Sources:
    def sources(*words: str, **environment: str) -> CompletedProcess[str]:
        ours = {"SOURCES_REDIS_URL": store.url, "SOURCES_PREFIX": prefix}
        return run("review", *words, cwd=tmp_path, **{**ours, **environment})

    return sources


async def in_review(client: CustomerSources, ledger: Ledger, **command: Any) -> str:
    """The id of a create of which nobody knows what became."""
    given = {"customer": "cus_1", "source": "tok_visa"} | command
    job_id = client.customer.source.create(**given).id
    await ledger.claim(job_id, "t1")
    await ledger.commit(job_id, "t1", ending(State.NEEDS_REVIEW, unknown=True))
    return job_id


def told(done: CompletedProcess[str], code: Exit = Exit.OK) -> Any:
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


async def test_a_job_is_listed_shown_replayed_and_shown_again(
    sources: Sources, client: CustomerSources, ledger: Ledger
) -> None:
    job_id = await in_review(client, ledger)

    (listed,) = told(sources("list", "-o", "json"))
    assert (listed["id"], listed["customer"]) == (job_id, "cus_1")
    row = sources("list").stdout.splitlines()[1]
    assert row.startswith(job_id)
    assert "sends again with the same key, which is safe until" in row
    shown = sources("show", job_id).stdout
    assert "sends again with the same key" in " ".join(shown.split())

    done = sources("replay", job_id, *WHY, USER="ada")
    assert done.returncode == Exit.OK, done.stderr
    line, summary = done.stdout.splitlines()
    assert line.startswith(f"{job_id} replayed as {replay_id(job_id)}: sends again")
    assert summary == "1 replayed"
    (event,) = [e for e in client.events(after="0", timeout=0) if e.data]
    assert (event.data["actor"], event.data["reason"]) == ("ada", "Stripe was down")

    assert "no job like that" in sources("list").stderr
    shown = sources("show", job_id).stdout
    assert f"replayed as {replay_id(job_id)} by ada: Stripe was down" in shown
    again = sources("replay", job_id, *WHY)
    assert again.stdout.splitlines() == [
        f"{job_id} already as {replay_id(job_id)}",
        "1 already",
    ]


async def test_a_dry_run_changes_nothing(
    sources: Sources, client: CustomerSources, ledger: Ledger
) -> None:
    job_id = await in_review(client, ledger)

    for command in ("replay", "discard"):
        rows = told(sources(command, "--all", *WHY, "--dry-run", "-o", "json"))
        assert rows["summary"] == {"would": 1}
        assert rows["jobs"][0]["says"]
    assert client.review.show(job_id).plan is not None
    assert [e for e in client.events(after="0", timeout=0) if e.data] == []


async def test_a_live_key_is_announced_before_anything_is_replayed(
    sources: Sources,
    client: CustomerSources,
    ledger: Ledger,
    db: redis.Redis,
    keys: Keys,
) -> None:
    job_id = await in_review(client, ledger)
    db.hset(keys.meta, "mode", "live")

    for words in (("list",), ("show", job_id), ("replay", job_id, *WHY, "--dry-run")):
        assert "LIVE" not in sources(*words).stderr
    done = sources("replay", job_id, *WHY)
    assert done.returncode == Exit.OK
    assert "LIVE" in done.stderr.splitlines()[0]


async def test_the_story_of_either_job_tells_of_the_other(
    store: Store,
    prefix: str,
    tmp_path: Path,
    client: CustomerSources,
    ledger: Ledger,
) -> None:
    old = await in_review(client, ledger)
    new = client.review.replay(old, reason="all \x1b[2J gone", actor="ada").id

    where = {"SOURCES_REDIS_URL": store.url, "SOURCES_PREFIX": prefix}
    for job_id, words in ((old, f"replayed as {new}"), (new, f"a replay of {old}")):
        shown = run("jobs", "show", job_id, cwd=tmp_path, **where).stdout
        assert f"{words} by ada: all \\u001b[2J gone" in shown
        assert "\x1b[2J" not in shown


async def test_filters_choose_and_a_pace_is_kept(
    sources: Sources, client: CustomerSources, ledger: Ledger
) -> None:
    ids = [await in_review(client, ledger, customer=f"cus_{n}") for n in range(3)]

    words = ("--all", "--customer", "cus_1", "--code", "needs_review")
    done = sources("replay", *words, *WHY, "--per-second", "100", "-o", "json")
    assert [row["job"] for row in told(done)["jobs"]] == [ids[1]]
    ended = ("--since", "2020-01-01", "--until", "2020-01-02T00:00:00+01:00")
    done = sources("replay", "--all", *ended, *WHY)
    assert (done.returncode, done.stdout) == (Exit.OK, "no job like that in review\n")
    done = sources("discard", "--all", "--operation", "create", *WHY, "-o", "json")
    assert told(done)["summary"] == {"discarded": 2}
    assert told(sources("list", "-o", "json")) == []
    assert sources("discard", ids[0], *WHY).stdout == f"{ids[0]} already\n1 already\n"


async def test_each_job_is_settled_by_itself_and_the_code_tells_the_worst(
    sources: Sources, client: CustomerSources, ledger: Ledger
) -> None:
    job_id = await in_review(client, ledger)
    live = client.customer.source.create(customer="cus_9", source="tok_visa").id

    done = sources("replay", live, job_id, *WHY, "-o", "json")
    summary = told(done, Exit.FAILED)["summary"]
    assert summary == {"not in review": 1, "replayed": 1}
    done = sources("discard", NOBODY, job_id, *WHY, "-o", "json")
    summary = told(done, Exit.NOT_FOUND)["summary"]
    assert summary == {"not found": 1, "not in review": 1}
    assert sources("show", live).returncode == Exit.FAILED
    assert sources("show", NOBODY).returncode == Exit.NOT_FOUND


async def test_what_says_too_little_or_too_much_is_a_usage_error(
    sources: Sources, client: CustomerSources, ledger: Ledger
) -> None:
    job_id = await in_review(client, ledger)
    for words in (
        ("replay", job_id),
        ("replay", job_id, "--reason", ""),
        ("replay", *WHY),
        ("replay", job_id, "--all", *WHY),
        ("replay", job_id, "--customer", "cus_1", *WHY),
        ("replay", "--all", "--operation", "charge", *WHY),
        ("replay", "--all", "--since", "yesterday", *WHY),
        ("discard", "--all", "--per-second", "0", *WHY),
    ):
        assert sources(*words).returncode == Exit.USAGE, words
    assert client.review.show(job_id).plan is not None


async def test_a_look_tells_what_is_at_stripe_and_changes_nothing(
    sources: Sources, client: CustomerSources, ledger: Ledger, sandbox: RemoteSandbox
) -> None:
    sandbox.seed({"cus_1": ["card_1"]})
    update = client.customer.source.update
    done = update(customer="cus_1", id="card_1", metadata="").id
    undone = update(customer="cus_1", id="card_1", metadata={"order": "7"}).id
    for job_id in (done, undone):
        await ledger.claim(job_id, "t1")
        await ledger.commit(job_id, "t1", ending(State.NEEDS_REVIEW, unknown=True))
    stripe = {"STRIPE_API_BASE": sandbox.url, "STRIPE_API_KEY": "sk_test_sandbox"}

    shown = told(sources("show", done, "--look", "-o", "json", **stripe))
    assert shown["at Stripe"].startswith("done: card_1")
    shown = told(sources("show", undone, "--look", "-o", "json", **stripe))
    assert shown["at Stripe"].startswith("not shown to be done: the source differs")
    lost = await in_review(client, ledger)
    shown = told(sources("show", lost, "--look", "-o", "json", **stripe))
    assert "no source bears this job's mark" in shown["at Stripe"]
    assert sandbox.effects() == []
    assert sources("show", lost, "--look").returncode == Exit.CONFIG
