"""Names of consumers that are gone do not pile up in their groups."""

from __future__ import annotations

import pytest
import redis

from customer_sources import CustomerSources
from customer_sources.contract.names import Keys
from tests.integration.told import Stream, names, pending, tell
from worker import housekeeping as module
from worker.ledger import Ledger


@pytest.fixture
def stream(db: redis.Redis, keys: Keys) -> Stream:
    return Stream(db, keys)


async def test_a_member_that_left_is_forgotten_and_one_that_holds_an_event_is_not(
    ledger: Ledger,
    client: CustomerSources,
    stream: Stream,
    monkeypatch: pytest.MonkeyPatch,
    db: redis.Redis,
    keys: Keys,
) -> None:
    tell(db, keys, "e1")
    names(client.events("billing", consumer="done", timeout=0))
    tell(db, keys, "e2")
    next(client.events("billing", consumer="holds", timeout=0))

    await ledger.trim()
    assert stream.members() == {"done", "holds"}
    monkeypatch.setattr(module, "MEMBER_SILENT_MS", 0)
    await ledger.trim()
    assert stream.members() == {"holds"}
    assert pending(db, keys) == {"holds": 1}


async def test_a_member_that_was_forgotten_and_lives_reads_on(
    ledger: Ledger,
    client: CustomerSources,
    stream: Stream,
    monkeypatch: pytest.MonkeyPatch,
    db: redis.Redis,
    keys: Keys,
) -> None:
    monkeypatch.setattr(module, "MEMBER_SILENT_MS", 0)
    events = client.events("billing", timeout=0)
    for name in ("e1", "e2"):
        tell(db, keys, name)
        assert names(events) == [name]
        await ledger.trim()
        assert stream.members() == set()
