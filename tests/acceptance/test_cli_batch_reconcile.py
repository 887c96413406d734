"""What an engineer types to see that Stripe has it as a batch says."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from customer_sources import CustomerSources
from customer_sources.batches.status import BatchState
from sandbox.remote import RemoteSandbox
from tests.acceptance.batch_commands import (
    begun,
    call,
    create,
    in_state,
    planned,
)
from tests.acceptance.conftest import SourcesHere, StartWorker
from worker.cli.exits import Exit


class Typed(io.StringIO):
    """A terminal at which this is typed."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def sources(batch_sources: SourcesHere) -> SourcesHere:
    return batch_sources


def test_reconcile_names_the_row_of_a_source_that_was_deleted_behind_our_back(
    sources: SourcesHere,
    client: CustomerSources,
    start_worker: StartWorker,
    sandbox: RemoteSandbox,
    tmp_path: Path,
) -> None:
    sandbox.seed({"cus_8": ["card_8"], "cus_9": ["card_9"]})
    on_8 = {"customer": "cus_8", "id": "card_8"}
    plan = planned(
        tmp_path / "a",
        create("cus_1"),
        create("cus_2"),
        {"operation": "update", **on_8, "name": "Ada"},
        {"operation": "update", **on_8, "name": "Eve"},
        {"operation": "delete", "customer": "cus_9", "id": "card_9"},
        {"operation": "get", **on_8},
    )
    start_worker()
    batch = in_state(client, begun(client, plan), BatchState.COMPLETED)

    unasked = sources("reconcile", batch.id)
    assert unasked.returncode == Exit.USAGE
    assert "4 reads of the account default" in " ".join(unasked.stderr.split())
    assert "1 more were changed again by a later row" in unasked.stderr
    assert [r for r in sandbox.requests() if r.method == "GET"][1:] == []
    proof = sources("reconcile", batch.id, "--yes", "--rate", "100")
    assert proof.returncode == Exit.OK, proof.stderr
    assert "4 of 4 match (100 %)" in proof.stdout

    source_id = client.batches.outcomes(batch.id, 0)[2].source
    call(sandbox, "DELETE", f"/v1/customers/cus_2/sources/{source_id}")
    path = "/v1/customers/cus_8/sources/card_8"
    call(sandbox, "POST", path, name="Mallory")

    proof = sources("reconcile", batch.id, "--yes", "--rate", "100")
    assert proof.returncode == Exit.FAILED
    assert proof.stdout.splitlines() == [
        f"row 2: create cus_2 {source_id}: it is not there",
        "row 4: update cus_8 card_8: it differs in name",
        "2 of 4 match (50 %)",
    ]
    words = ("--yes", "--rate", "100", "--sample", "50%", "-o", "json")
    report = json.loads(sources("reconcile", str(plan), *words).stdout)
    assert (report["comparable"], report["compared"], report["reads"]) == (4, 2, 2)


def test_reads_wait_for_a_yes_and_for_a_stripe_that_can_be_read(
    sources: SourcesHere,
    client: CustomerSources,
    start_worker: StartWorker,
    sandbox: RemoteSandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plan = planned(tmp_path / "a", create("cus_1"))
    start_worker()
    batch = in_state(client, begun(client, plan), BatchState.COMPLETED)

    monkeypatch.setattr("sys.stdin", Typed("n\n"))
    assert sources("reconcile", batch.id).returncode == Exit.USAGE
    monkeypatch.setattr("sys.stdin", Typed("y\n"))
    sandbox.set_faults([{"fault": "garbage", "operation": "get", "count": 1}])
    done = sources("reconcile", batch.id, "-o", "json")
    assert done.returncode == Exit.OK, done.stderr
    report = json.loads(done.stdout)
    assert (report["reads"], report["matches"]) == (2, 1)

    sandbox.set_faults([{"fault": "unauthorized"}])
    refused = sources("reconcile", batch.id, "--yes")
    assert refused.returncode == Exit.CONFIG
    assert "Stripe refuses the account's key" in refused.stderr
    monkeypatch.delenv("STRIPE_API_KEY")
    keyless = sources("reconcile", batch.id, "--yes")
    assert keyless.returncode == Exit.CONFIG
    assert "no key is set for the account default" in keyless.stderr
