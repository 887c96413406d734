"""What an operator types about jobs: list them, cancel them."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from customer_sources import CustomerSources
from customer_sources.contract.states import State
from sandbox.store import Store
from tests.builders import ending
from tests.command_line import Sources, run
from worker.cli.exits import Exit
from worker.ledger import Ledger


@pytest.fixture
def sources(store: Store, prefix: str, tmp_path: Path) -> Sources:
    def sources(*words: str, **environment: str) -> CompletedProcess[str]:
        ours = {"SOURCES_REDIS_URL": store.url, "SOURCES_PREFIX": prefix}
        return run(*words, cwd=tmp_path, **{**ours, **environment})

    return sources


def listed(done: CompletedProcess[str]) -> list[str]:
    assert done.returncode == Exit.OK, done.stderr
    return [row["job"] for row in json.loads(done.stdout)]


async def test_jobs_are_listed_whatever_has_become_of_them(
    sources: Sources, client: CustomerSources, ledger: Ledger
) -> None:
    create, later = client.customer.source.create, timedelta(hours=1)
    head = create(customer="cus_1", source="tok_visa").id
    behind = create(customer="cus_1", source="tok_amex").id
    waiting = create(customer="cus_2", source="tok_visa", not_before=later).id
    dropped = create(customer="cus_3", source="tok_visa", not_before=later).id
    doubtful = create(customer="cus_4", source="tok_visa").id
    client.cancel(dropped)
    await ledger.claim(doubtful, "token")
    await ledger.commit(doubtful, "token", ending(State.NEEDS_REVIEW))

    everything = sources("jobs", "list", "-o", "json")
    rows = {row["job"]: row for row in json.loads(everything.stdout)}
    states = {name: row["state"] for name, row in rows.items()}
    assert states == {
        head: "queued",
        behind: "queued",
        waiting: "waiting",
        dropped: "cancelled",
        doubtful: "needs_review",
    }
    assert rows[waiting]["customer"] == "cus_2"
    assert rows[dropped]["customer"] == "cus_3"
    assert rows[doubtful]["operation"] == "create"

    def only(*words: str) -> list[str]:
        return listed(sources("jobs", "list", "-o", "json", *words))

    assert only("--state", "waiting") == [waiting]
    assert only("--state", "needs_review") == [doubtful]
    assert only("--state", "cancelled") == [dropped]
    assert only("--customer", "cus_1") == [head, behind]
    assert only("--operation", "delete") == []
    assert len(only("--limit", "2")) == 2


def test_a_list_for_people_never_cuts_an_id(
    sources: Sources, client: CustomerSources
) -> None:
    job_id = client.customer.source.create(customer="cus_1" * 9, source="tok_visa").id
    done = sources("jobs", "list", "--limit", "1")

    heads, row = done.stdout.splitlines()
    assert heads.split() == ["job", "state", "operation", "customer", "at", "code"]
    assert row.split()[:4] == [job_id, "queued", "create", "cus_1" * 9]
    assert "--limit" in done.stderr
    assert "no job like that" in sources("jobs", "list", "--state", "failed").stderr


def test_a_filter_that_can_match_nothing_is_a_usage_error(sources: Sources) -> None:
    for words in (("--state", "lost"), ("--operation", "charge"), ("--limit", "0")):
        assert sources("jobs", "list", *words).returncode == Exit.USAGE


def test_a_list_of_more_than_a_page_is_whole(
    sources: Sources, client: CustomerSources
) -> None:
    create = client.customer.source.create
    ids = {create(customer=f"cus_{i % 30}", source="tok_visa").id for i in range(600)}

    assert set(listed(sources("jobs", "list", "-o", "json", "--limit", "9999"))) == ids


async def test_jobs_are_cancelled_each_by_itself(
    sources: Sources, client: CustomerSources, ledger: Ledger
) -> None:
    create = client.customer.source.create
    free, running, ended = (
        create(customer=f"cus_{n}", source="tok_visa").id for n in range(3)
    )
    await ledger.claim(running, "token")
    await ledger.claim(ended, "token")
    await ledger.commit(ended, "token", ending(State.SUCCEEDED))

    done = sources("jobs", "cancel", "job_none", free, running, ended, "-o", "json")
    words = {row["job"]: row["cancel"] for row in json.loads(done.stdout)}
    assert words == {
        "job_none": "not_found",
        free: "done",
        running: "asked",
        ended: "too_late",
    }
    assert done.returncode == Exit.NOT_FOUND
    assert client.job(free).state is State.CANCELLED

    again = sources("jobs", "cancel", free)
    assert (again.returncode, again.stdout) == (Exit.OK, f"{free} cancelled\n")
    late = sources("jobs", "cancel", ended)
    assert late.returncode == Exit.FAILED
    assert "had already ended: succeeded" in late.stdout
