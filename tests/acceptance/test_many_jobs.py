"""Ten thousand jobs: all end once, and nothing is left that is not documented."""

from __future__ import annotations

from collections import Counter

import pytest
import redis

from customer_sources import CustomerSources
from customer_sources.contract.names import Keys
from sandbox.remote import RemoteSandbox
from tests.acceptance.conftest import StartWorker
from tests.builders import wait_until

JOBS = 10_000
CUSTOMERS = 500


@pytest.mark.timeout(300)
def test_ten_thousand_jobs_end_once_each_and_leave_only_what_is_documented(
    client: CustomerSources,
    sandbox: RemoteSandbox,
    start_worker: StartWorker,
    db: redis.Redis,
    keys: Keys,
) -> None:
    start_worker()
    start_worker()
    accepted = {
        client.customer.source.create(
            customer=f"cus_{n % CUSTOMERS}", source="tok_visa"
        ).id
        for n in range(JOBS)
    }
    wait_until(lambda: db.xlen(keys.events) >= JOBS, "every event", seconds=240)

    told = Counter(event.correlationid for event in client.events(after="0", timeout=0))
    assert told == Counter(accepted)
    made = Counter(
        effect.metadata["customer_sources_job"]
        for effect in sandbox.effects()
        if effect.change == "source.created"
    )
    assert made == told

    without_ttl = {
        key.removeprefix(keys.prefix)
        for key in db.scan_iter(f"{keys.prefix}*", count=5000)
        if db.ttl(key) == -1
    }
    assert {name for name in without_ttl if not name.startswith("_kombu.")} <= {
        "account:default",
        "accounts",
        "events",
        "inbox",
        "meta",
        "pulse",
        "sweep:slots",
    }
    live = list(db.scan_iter(f"{keys.prefix}job:*:cmd", count=5000))
    assert live == []
