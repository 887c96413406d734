"""What an engineer types when a batch is over: results, and another try."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest

from customer_sources import CustomerSources
from customer_sources.batches.rows import row_id
from customer_sources.batches.status import BatchState
from sandbox.remote import RemoteSandbox
from tests.acceptance.batch_commands import (
    begun,
    call,
    create,
    in_state,
    lines,
    planned,
)
from tests.acceptance.conftest import SourcesHere, StartWorker
from tests.integration.doubts import CARD
from worker.cli.children import stop
from worker.cli.exits import Exit

HASTY = {
    "connect_seconds": "0.5",
    "read_seconds": "0.5",
    "request_seconds": "0.5",
    "quiet_seconds": "0.5",
    "horizon_seconds": "0.2",
}
"""A worker for which a key is too old at once."""


@pytest.fixture
def sources(batch_sources: SourcesHere) -> SourcesHere:
    return batch_sources


def test_the_three_files_add_up_and_hold_every_row_as_it_was_asked(
    sources: SourcesHere,
    client: CustomerSources,
    start_worker: StartWorker,
    sandbox: RemoteSandbox,
    tmp_path: Path,
) -> None:
    sandbox.seed({"cus_1": ["card_1"]})
    plan = planned(
        tmp_path / "a",
        create("cus_2", metadata={"order": "=1+1"}),
        create("cus_3", "tok_chargeDeclined"),
        {"operation": "create"},
        {"operation": "update", "customer": "cus_1", "id": "card_1", "name": "Ada"},
        {"operation": "delete", "customer": "cus_1", "id": "card_none"},
    )
    start_worker()
    batch = in_state(client, begun(client, plan), BatchState.COMPLETED)

    done = sources("results", batch.id, "-o", "out")

    assert done.returncode == Exit.OK, done.stderr
    told = " ".join(done.stdout.split())
    assert "4 rows of the plan = 2 succeeded + 2 failed + 0 unprocessed" in told
    assert "5 rows of rows.jsonl = 4 planned + 1 rejected" in told
    made, updated = lines(tmp_path / "out/succeeded.jsonl")
    assert (made["row"], updated["row"]) == (1, 4)
    assert made["asked"] == create("cus_2", metadata={"order": "=1+1"})
    assert made["source_id"].startswith("card_")
    assert made["request_id"].startswith("req_")
    assert made["idempotency_key"] == row_id(batch.id, 1)
    assert made["ended"].endswith("Z")
    declined, absent = lines(tmp_path / "out/failed.jsonl")
    assert (declined["row"], declined["code"]) == (2, "card_declined")
    assert declined["message"]
    assert not declined["retryable"]
    assert (absent["row"], absent["code"]) == (5, "resource_missing")
    assert (tmp_path / "out/unprocessed.jsonl").read_bytes() == b""

    done = sources("results", str(plan), "-o", "out", "--format", "csv")
    assert done.returncode == Exit.OK, done.stderr
    with (tmp_path / "out/succeeded.csv").open(newline="") as source:
        table = list(csv.DictReader(source))
    assert table[0]["metadata.order"] == "'=1+1"
    assert table[0]["source"] == "tok_visa"
    assert table[1]["source_id"] == table[1]["id"] == "card_1"

    again = sources("results", batch.id, "-o", "out")
    assert again.returncode == Exit.FAILED
    assert "--force" in again.stderr
    assert sources("results", batch.id, "-o", "out", "--force").returncode == Exit.OK

    nothing = sources("retry", batch.id, "-o", "again")
    assert nothing.returncode == Exit.OK, nothing.stderr
    assert "nothing to retry: of 4 rows" in nothing.stdout
    assert "1 card_declined" in nothing.stdout
    assert not (tmp_path / "again").exists()


def test_rows_that_a_cancelled_batch_left_are_done_once_by_its_retry(
    sources: SourcesHere,
    client: CustomerSources,
    start_worker: StartWorker,
    sandbox: RemoteSandbox,
    tmp_path: Path,
) -> None:
    customers = [f"cus_{number}" for number in range(1, 8)]
    plan = planned(tmp_path / "a", *map(create, customers))
    start_worker()
    batch = in_state(client, begun(client, plan, canary=3), BatchState.HELD)

    early = sources("results", batch.id, "-o", "early")
    assert early.returncode == Exit.STILL_RUNNING
    assert "4 of 7 rows have not ended" in " ".join(early.stderr.split())
    assert not (tmp_path / "early").exists()
    early = sources("results", batch.id, "-o", "early", "--partial")
    assert early.returncode == Exit.STILL_RUNNING
    assert "+ 4 pending" in early.stdout
    assert len(lines(tmp_path / "early/succeeded.jsonl")) == 3
    refused = sources("retry", batch.id, "-o", "again")
    assert refused.returncode == Exit.STILL_RUNNING
    assert "only what is over is retried" in refused.stderr

    client.batches.cancel(batch.id)
    in_state(client, batch, BatchState.CANCELLED)
    assert sources("results", batch.id, "-o", "out").returncode == Exit.OK
    left = lines(tmp_path / "out/unprocessed.jsonl")
    assert [row["row"] for row in left] == [4, 5, 6, 7]

    done = sources("retry", batch.id, "-o", "again", "--only", "unprocessed")
    assert done.returncode == Exit.OK, done.stderr
    assert "4 of 7 rows" in done.stdout
    again = begun(client, tmp_path / "again")
    assert again.label == f"retry of {batch.id}"
    in_state(client, again, BatchState.COMPLETED)
    # The same rows in another plan: Stripe has seen their keys.
    done = sources("retry", batch.id, "-o", "third")
    assert done.returncode == Exit.OK, done.stderr
    assert begun(client, tmp_path / "third").id == again.id

    made = [e for e in sandbox.effects() if e.change == "source.created"]
    assert Counter(effect.customer for effect in made) == Counter(customers)
    assert sources("results", again.id, "-o", "out2").returncode == Exit.OK
    rows = lines(tmp_path / "out2/succeeded.jsonl")
    assert [row["row"] for row in rows] == [4, 5, 6, 7]
    assert rows[0]["idempotency_key"] == row_id(batch.id, 4)
    for one, count in ((batch, 3), (again, 4)):
        proof = sources("reconcile", one.id, "--yes", "--rate", "100")
        assert proof.returncode == Exit.OK, proof.stderr
        assert f"{count} of {count} match (100 %)" in proof.stdout


def test_a_batch_that_is_not_there_is_told_so(
    sources: SourcesHere, tmp_path: Path
) -> None:
    for command in (("results", "-o", "out"), ("retry", "-o", "out"), ("reconcile",)):
        name, *options = command
        done = sources(name, "batch_" + "0" * 26, *options)
        assert done.returncode == Exit.NOT_FOUND
        assert "no such batch" in done.stderr
        assert sources(name, str(tmp_path), *options).returncode == Exit.USAGE


def test_a_row_of_unknown_outcome_is_retried_with_the_key_that_stripe_has_seen(
    sources: SourcesHere,
    client: CustomerSources,
    start_worker: StartWorker,
    sandbox: RemoteSandbox,
    tmp_path: Path,
) -> None:
    token = call(sandbox, "POST", "/v1/tokens", **CARD)["id"]
    sandbox.set_faults([{"fault": "drop_after_commit", "operation": "create"}])
    # Without a mark, and with its token used, no read can show that it was done.
    plan = planned(tmp_path / "a", create("cus_1", token, marker=False))
    worker = start_worker(**HASTY)
    batch = in_state(client, begun(client, plan), BatchState.COMPLETED)
    stop(worker)
    sandbox.clear_faults()

    told = sources("reconcile", batch.id, "--yes", "--rate", "100")
    assert told.returncode == Exit.OK, told.stderr
    assert "row 1: create cus_1: not shown to be done: " in told.stdout
    assert "nothing to compare" in told.stdout
    assert sources("results", batch.id, "-o", "out").returncode == Exit.OK
    (doubted,) = lines(tmp_path / "out/failed.jsonl")
    assert (doubted["state"], doubted["unknown"]) == ("needs_review", True)
    assert doubted["first_sent"].endswith("Z")

    done = sources("retry", batch.id, "-o", "again")
    assert done.returncode == Exit.OK, done.stderr
    assert "1  of unknown outcome, with the key that Stripe has" in done.stdout
    start_worker()
    again = begun(client, tmp_path / "again")
    in_state(client, again, BatchState.COMPLETED)
    assert sources("results", again.id, "-o", "out2").returncode == Exit.OK
    (settled,) = lines(tmp_path / "out2/succeeded.jsonl")
    assert settled["idempotency_key"] == doubted["idempotency_key"]
    assert settled["idempotency_key"] == row_id(batch.id, 1)
    (made,) = [e for e in sandbox.effects() if e.change == "source.created"]
    assert made.object == settled["source_id"]
