"""Watches with real workers: looked at, told and ended, once, by whichever is first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from customer_sources import CustomerSources, VerificationState
from customer_sources.contract.events import TYPE_PREFIX
from sandbox.remote import RemoteSandbox
from tests.acceptance.conftest import StartWorker
from tests.builders import wait_until


def test_two_workers_follow_up_what_is_watched_and_tell_each_end_once(
    client: CustomerSources, sandbox: RemoteSandbox, start_worker: StartWorker
) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=60)
    ids = [f"ba_{number}" for number in range(20)]
    for source in ids:
        client.verifications.watch("cus_1", source, added_at=long_ago)
    fresh = client.verifications.watch("cus_1", "ba_fresh")
    for _ in "ab":
        start_worker()

    def ended() -> bool:
        return all(
            client.verifications.get("cus_1", source).state.is_ended for source in ids
        )

    wait_until(ended, "all watches of accounts that are not there to end")
    told = [
        event
        for event in client.events(after="0", timeout=0)
        if event.type.startswith(f"{TYPE_PREFIX}source_verification.")
    ]
    assert sorted(event.subject for event in told) == sorted(ids)
    assert {event.data["state"] for event in told} == {"deleted"}
    assert len(sandbox.requests()) == len(ids), "one look each"

    def planned() -> bool:
        found = client.verifications.get("cus_1", "ba_fresh")
        return (found.id, found.state) == (fresh.id, VerificationState.WAITING)

    wait_until(planned, "the fresh one to wait for its deposits")
