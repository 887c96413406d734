"""trim.lua: what nobody needs goes, and what a group still needs stays to the cap."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import redis
from structlog.testing import capture_logs

from config.settings import Settings
from customer_sources import CustomerSources
from customer_sources.contract.names import Keys
from sandbox.store import Store
from tasks.upkeep import TRIM_SECONDS, Upkeep
from tests.builders import ending
from tests.integration.told import Stream
from worker import housekeeping as module
from worker.ledger import Ledger
from worker.store import connect

LENGTH, CAP = 1000, 3000
NODE = 100
"""Entries as small as here that the store keeps, and drops, together."""
EIGHT_DAYS_MS = 8 * 24 * 3_600_000


@pytest.fixture
async def ledger(store: Store, db: redis.Redis, keys: Keys) -> AsyncIterator[Ledger]:
    settings = Settings(
        _env_file=None,
        redis_url=store.url,
        prefix=keys.prefix,
        events_length=LENGTH,
        events_hard_cap=CAP,
    )
    connection = connect(store.url)
    yield Ledger(connection, keys, settings, "boot-1")
    await connection.aclose()


@pytest.fixture
def stream(db: redis.Redis, keys: Keys) -> Stream:
    return Stream(db, keys)


async def test_there_need_not_be_a_stream(ledger: Ledger) -> None:
    trimmed = await ledger.trim()

    assert (trimmed.word, trimmed.dropped, trimmed.left) == ("FINE", 0, 0)


# --- with no group


async def test_without_a_group_events_are_kept_to_the_length(
    ledger: Ledger, stream: Stream
) -> None:
    stream.fill(LENGTH + 550)
    trimmed = await ledger.trim()

    assert trimmed.dropped == 500
    assert LENGTH <= len(stream) == trimmed.left < LENGTH + NODE
    assert trimmed.word == "FINE"


async def test_without_a_group_events_are_kept_to_the_age(
    ledger: Ledger, stream: Stream
) -> None:
    stream.fill(300, age_ms=EIGHT_DAYS_MS)
    stream.fill(300)
    await ledger.trim()

    assert len(stream) == 300


async def test_what_is_young_and_few_stays(ledger: Ledger, stream: Stream) -> None:
    stream.fill(LENGTH, age_ms=EIGHT_DAYS_MS - 2 * 24 * 3_600_000)

    assert (await ledger.trim()).dropped == 0


async def test_one_call_does_not_hold_the_store_for_long(
    ledger: Ledger,
    stream: Stream,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST_TRIMMED", 200)
    stream.fill(LENGTH + 500)

    assert [(await ledger.trim()).dropped for _ in range(4)] == [200, 200, 100, 0]


# --- with groups


async def test_what_a_group_has_not_read_stays_however_old_and_many(
    ledger: Ledger, stream: Stream
) -> None:
    stream.join()
    stream.fill(LENGTH + 500, age_ms=EIGHT_DAYS_MS)

    assert (await ledger.trim()).dropped == 0


async def test_what_a_group_has_acknowledged_may_go(
    ledger: Ledger,
    stream: Stream,
    db: redis.Redis,
) -> None:
    stream.join()
    stream.fill(LENGTH + 500)
    stream.read("billing", 350)

    assert (await ledger.trim()).dropped == 300
    stream.read("billing", LENGTH)
    assert (await ledger.trim()).dropped == 200
    assert len(stream) == LENGTH


async def test_what_is_old_and_acknowledged_goes_and_what_is_old_and_not_stays(
    ledger: Ledger,
    stream: Stream,
    db: redis.Redis,
) -> None:
    stream.join()
    stream.fill(600, age_ms=EIGHT_DAYS_MS)
    stream.read("billing", 250)

    assert (await ledger.trim()).dropped == 200
    assert len(stream) == 400


async def test_an_event_that_a_consumer_still_holds_stays(
    ledger: Ledger,
    stream: Stream,
    db: redis.Redis,
) -> None:
    """The group has long read on; one of its members never acknowledged."""
    stream.join()
    stream.fill(LENGTH + 500, age_ms=EIGHT_DAYS_MS)
    stream.read("billing", 150)
    (held,) = stream.read("billing", LENGTH + 350, leave=1)
    await ledger.trim()

    assert db.xrange(stream.name, held, held)
    assert len(stream) == LENGTH + 400
    db.xack(stream.name, "billing", held)
    await ledger.trim()
    assert len(stream) <= NODE


async def test_the_group_that_is_furthest_behind_decides_and_is_named(
    ledger: Ledger,
    stream: Stream,
    db: redis.Redis,
) -> None:
    for group in ("billing", "search", "audit"):
        stream.join(group)
    stream.fill(LENGTH + 500)
    for group, count in (("billing", 500), ("search", 150), ("audit", 900)):
        stream.read(group, count)
    trimmed = await ledger.trim()

    assert (trimmed.dropped, trimmed.last) == (100, "search")
    db.xgroup_destroy(stream.name, "search")
    assert (await ledger.trim()).last == "billing"


async def test_a_group_that_was_set_back_keeps_what_it_is_to_read_again(
    ledger: Ledger,
    stream: Stream,
    db: redis.Redis,
) -> None:
    stream.join()
    stream.fill(LENGTH + 500)
    stream.read("billing", LENGTH + 500, leave=1)
    db.xgroup_setid(stream.name, "billing", "0")

    assert (await ledger.trim()).dropped == 0


# --- the cap


async def test_past_the_cap_the_oldest_go_and_it_is_said_who_loses_them(
    ledger: Ledger, stream: Stream
) -> None:
    stream.join()
    stream.fill(CAP + 250)
    trimmed = await ledger.trim()

    assert (trimmed.word, trimmed.dropped, trimmed.last) == ("LOST", 200, "billing")
    assert CAP <= len(stream) < CAP + NODE


async def test_a_group_that_keeps_back_half_of_what_it_may_is_named_in_time(
    ledger: Ledger,
    stream: Stream,
    db: redis.Redis,
) -> None:
    stream.join()
    stream.fill(LENGTH + 900)
    assert (await ledger.trim()).word == "FINE"
    stream.fill(200)
    assert (await ledger.trim()).word == "HELD"
    stream.read("billing", LENGTH + 1100)
    assert (await ledger.trim()).word == "FINE"


async def test_an_end_of_a_job_keeps_the_stream_below_the_cap_by_itself(
    ledger: Ledger,
    client: CustomerSources,
    stream: Stream,
) -> None:
    """The last line of defence, where no upkeep runs."""
    stream.join()
    await ledger.announce(live=False)
    stream.fill(CAP + 250)
    job = client.customer.source.create(customer="cus_1", source="tok_visa")
    client.cancel(job.id)

    assert CAP <= len(stream) < CAP + NODE


async def test_between_length_and_cap_an_end_of_a_job_drops_nothing(
    ledger: Ledger,
    client: CustomerSources,
    stream: Stream,
) -> None:
    stream.join()
    await ledger.announce(live=False)
    stream.fill(LENGTH + 500)
    source = client.customer.source
    client.cancel(source.create(customer="cus_1", source="tok_visa").id)
    done = source.create(customer="cus_2", source="tok_visa")
    await ledger.claim(done.id, "token")
    await ledger.commit(done.id, "token", ending())

    assert len(stream) == LENGTH + 502


# --- upkeep


async def test_upkeep_trims_every_ten_seconds_and_not_at_every_pass(
    ledger: Ledger, stream: Stream
) -> None:
    now = 0.0
    upkeep = Upkeep(ledger, clock=lambda: now)
    lengths = []
    for seconds in (0.0, TRIM_SECONDS - 0.1, 0.2):
        now += seconds
        stream.fill(LENGTH + NODE - len(stream))
        await upkeep.one_pass()
        lengths.append(len(stream))

    assert lengths == [LENGTH, LENGTH + NODE, LENGTH]


async def test_a_group_that_loses_events_is_logged_once_and_so_is_its_recovery(
    ledger: Ledger,
    stream: Stream,
    db: redis.Redis,
) -> None:
    now = 0.0
    upkeep = Upkeep(ledger, clock=lambda: now)
    stream.join()
    told = []
    with capture_logs() as logs:
        for count in (0, LENGTH + 1100, 800, 200, 200, 0):
            now += TRIM_SECONDS
            stream.fill(count)
            if not count:
                db.xgroup_setid(stream.name, "billing", "$")
            await upkeep.one_pass()
            told.append([(one["log_level"], one["event"]) for one in logs])
            logs.clear()

    lost, held = ("error", "events_lost"), ("warning", "events_held")
    assert told == [[], [held], [], [lost], [], [("info", "events_fine")]]
