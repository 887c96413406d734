"""Reading events: in order, by a group, acknowledged only when handled."""

from __future__ import annotations

import gc
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis

from customer_sources import CustomerSources
from customer_sources.contract.names import Keys
from tests.integration.told import names, pending, tell

THREE = ["e1", "e2", "e3"]


@pytest.fixture
def told(db: redis.Redis, keys: Keys) -> list[str]:
    """Three events on the stream; their ids there."""
    return tell(db, keys, *THREE)


# --- reading along


def test_a_job_that_ends_is_told_on_the_stream(client: CustomerSources) -> None:
    job = client.customer.source.create(customer="cus_1", source="tok_visa")
    client.cancel(job.id)

    (event,) = client.events(after="0", timeout=0)
    assert (event.correlationid, event.partitionkey) == (job.id, "cus_1")


def test_everything_kept_can_be_read_from_the_start(
    client: CustomerSources, told: list[str]
) -> None:
    assert names(client.events(after="0", timeout=0)) == THREE


def test_reading_from_now_on_gives_what_comes_and_not_what_was(
    client: CustomerSources, told: list[str], db: redis.Redis, keys: Keys
) -> None:
    with client.events(timeout=0) as events:
        tell(db, keys, "e4")
        assert names(events) == ["e4"]


def test_now_on_an_empty_stream_is_its_beginning(
    client: CustomerSources, db: redis.Redis, keys: Keys
) -> None:
    with client.events(timeout=0) as events:
        tell(db, keys, "e1")
        assert names(events) == ["e1"]


def test_an_event_that_comes_while_waiting_is_given_at_once(
    client: CustomerSources, db: redis.Redis, keys: Keys
) -> None:
    for events in (client.events(timeout=30), client.events("billing", timeout=30)):
        with events:
            tell(db, keys, "e1")
            assert next(events).id == "e1"


def test_reading_along_goes_on_where_it_was_when_its_time_was_up(
    client: CustomerSources, told: list[str], db: redis.Redis, keys: Keys
) -> None:
    events = client.events(after="0", timeout=0)
    assert names(events) == THREE
    tell(db, keys, "e4")
    assert names(events) == ["e4"]


def test_more_events_than_one_read_takes_are_all_read(
    client: CustomerSources, db: redis.Redis, keys: Keys
) -> None:
    many = [f"e{n}" for n in range(250)]
    tell(db, keys, *many)

    assert names(client.events(after="0", timeout=0)) == many
    assert names(client.events("billing", timeout=0)) == many


# --- a group


def test_each_event_goes_to_one_consumer_of_a_group(
    client: CustomerSources, told: list[str]
) -> None:
    one = client.events("billing", timeout=0)
    other = client.events("billing", timeout=0)

    assert [next(one).id, next(other).id, next(one).id] == THREE
    assert next(other, None) is None


def test_two_groups_each_get_everything(
    client: CustomerSources, told: list[str]
) -> None:
    for group in ("billing", "search"):
        assert names(client.events(group, timeout=0)) == THREE


def test_a_consumer_holds_one_event_and_keeps_none_from_the_others(
    client: CustomerSources, told: list[str], db: redis.Redis, keys: Keys
) -> None:
    slow = client.events("billing", timeout=0)
    next(slow)

    assert names(client.events("billing", timeout=0)) == THREE[1:]
    assert pending(db, keys) == {slow.name: 1}


def test_what_was_handled_is_acknowledged(
    client: CustomerSources, told: list[str], db: redis.Redis, keys: Keys
) -> None:
    assert names(client.events("billing", timeout=0)) == THREE
    assert pending(db, keys) == {}


def test_an_event_is_acknowledged_when_the_next_is_asked_for_and_not_before(
    client: CustomerSources, told: list[str], db: redis.Redis, keys: Keys
) -> None:
    events = client.events("billing", timeout=0)
    held = []
    for event in events:
        (entry,) = db.xpending_range(keys.events, "billing", "-", "+", 10)
        held.append((event.id, entry["message_id"]))

    assert held == list(zip(THREE, told, strict=True))


def test_an_event_whose_handling_failed_comes_again_before_any_other(
    client: CustomerSources, told: list[str]
) -> None:
    handled: list[str] = []
    with pytest.raises(ZeroDivisionError):
        handle_until_second(client.events("billing", timeout=0), handled)
    gc.collect()

    again = names(client.events("billing", timeout=0))
    assert handled + again == THREE


def handle_until_second(events: Any, handled: list[str]) -> None:
    for event in events:
        if handled:
            raise ZeroDivisionError
        handled.append(event.id)


def test_a_loop_over_the_same_object_begins_with_what_was_not_handled(
    client: CustomerSources, told: list[str]
) -> None:
    events = client.events("billing", timeout=0)
    for event in events:
        assert event.id == "e1"
        break

    assert names(events) == THREE


# --- a block


def test_leaving_a_block_acknowledges_the_last_event(
    client: CustomerSources, told: list[str], db: redis.Redis, keys: Keys
) -> None:
    with client.events("billing") as events:
        assert [next(events).id, next(events).id] == THREE[:2]

    assert pending(db, keys) == {}
    assert names(client.events("billing", timeout=0)) == ["e3"]


def test_leaving_a_block_by_an_exception_does_not(
    client: CustomerSources, told: list[str], db: redis.Redis, keys: Keys
) -> None:
    events = client.events("billing", timeout=0)
    with pytest.raises(ZeroDivisionError), events:
        handle_until_second(events, [])

    assert pending(db, keys) == {events.name: 1}
    assert names(client.events("billing", timeout=0)) == ["e2", "e3"]


def test_a_group_is_there_once_its_block_is_entered(
    client: CustomerSources, db: redis.Redis, keys: Keys
) -> None:
    with client.events("billing"):
        (group,) = db.xinfo_groups(keys.events)

    assert group["name"] == "billing"


def test_nothing_comes_after_a_block_or_a_close(
    client: CustomerSources, told: list[str]
) -> None:
    with client.events("billing", timeout=0) as events:
        next(events)
    closed = client.events("billing", timeout=0)
    closed.close()

    assert (names(events), names(closed)) == ([], [])


# --- names


def test_no_two_consumers_that_live_share_a_name(client: CustomerSources) -> None:
    living = [client.events("billing") for _ in range(3)]

    assert len({one.name for one in living}) == 3
    assert client.events("search").name not in {one.name for one in living[1:]}


def test_a_consumer_of_this_process_inherits_from_the_one_before(
    client: CustomerSources, told: list[str]
) -> None:
    first = client.events("billing", timeout=0)
    next(first)
    first.close()
    second = client.events("billing", timeout=0)

    assert second.name == first.name
    assert next(second).id == "e1"


def test_a_consumer_with_a_name_of_its_own_finds_what_it_left(
    client: CustomerSources, told: list[str]
) -> None:
    next(client.events("billing", consumer="till-7"))

    assert names(client.events("billing", timeout=0)) == THREE[1:]
    assert names(client.events("billing", consumer="till-7", timeout=0)) == ["e1"]


# --- where to start


def test_a_new_group_may_start_after_an_event(
    client: CustomerSources, told: list[str]
) -> None:
    assert names(client.events("billing", after=told[0], timeout=0)) == THREE[1:]


def test_reading_starts_with_the_first_event_since_a_moment(
    client: CustomerSources, db: redis.Redis, keys: Keys
) -> None:
    noon = datetime(2026, 1, 31, 12, tzinfo=UTC)
    noon_ms = int(noon.timestamp() * 1000)
    for name, ms in (("early", -1), ("noon", 0), ("late", 1)):
        tell(db, keys, name, at=f"{noon_ms + ms}-0")

    for group in (None, "billing"):
        events = client.events(group, since=noon, timeout=0)
        assert names(events) == ["noon", "late"]
    later = client.events(since=noon + timedelta(milliseconds=1), timeout=0)
    assert names(later) == ["late"]


def test_a_moment_before_all_events_is_the_beginning(
    client: CustomerSources, told: list[str]
) -> None:
    for year in (1969, 1970, 2000):
        moment = datetime(year, 1, 1, tzinfo=UTC)
        assert names(client.events(since=moment, timeout=0)) == THREE


def test_a_group_that_is_there_goes_on_where_it_was(
    client: CustomerSources, told: list[str]
) -> None:
    names(client.events("billing", timeout=0))

    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    assert names(client.events("billing", since=long_ago, timeout=0)) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"after": "0", "since": datetime(2026, 1, 1, tzinfo=UTC)},
        {"since": datetime(2026, 1, 1)},  # noqa: DTZ001  that is what is wrong
        {"consumer": "till-7"},
        {"group": ""},
        {"group": "billing", "consumer": ""},
        {"group": "billing", "take_over_after": -1},
        {"group": "billing", "take_over_after": float("nan")},
        {"timeout": -1},
        {"timeout": float("nan")},
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused_before_anything_is_read(
    client: CustomerSources, wrong: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match=r"since|group|consumer|take_over|timeout"):
        client.events(**wrong)
