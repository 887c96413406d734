"""Consumers meet stores that go away, lost answers, and events nobody can read."""

from __future__ import annotations

import logging
import threading

import pytest
import redis

from customer_sources import CustomerSources, LedgerUnavailable
from customer_sources.contract.events import DATA_SCHEMA
from customer_sources.contract.names import Keys
from customer_sources.membership import Member
from sandbox.store import Store
from tests.builders import KEPT, wait_until
from tests.integration.told import event, names, pending, tell

UNREADABLE = {
    "no JSON": {"event": "{"},
    "no event": {"something": "else"},
    "no object": {"event": "[1]"},
    "no type": {"event": '{"id": "e", "source": "s", "time": "t"}'},
    "a wrong type": {"event": event("x").encode().replace(b'"x"', b"7")},
    "not text": {"event": b"\xff\xfe"},
    "deeper than anybody reads": {"event": '{"data":' + "[" * 100_000},
    "of a later version": {
        "event": event("x", dataschema=DATA_SCHEMA[:-1] + "2").encode()
    },
    "of a later CloudEvents": {"event": event("x", specversion="2.0").encode()},
}


@pytest.mark.parametrize("fields", UNREADABLE.values(), ids=UNREADABLE.keys())
@pytest.mark.parametrize("group", [None, "billing"])
def test_an_event_that_cannot_be_read_is_passed_over_counted_and_logged(
    client: CustomerSources,
    db: redis.Redis,
    keys: Keys,
    caplog: pytest.LogCaptureFixture,
    group: str | None,
    fields: dict[str, str],
) -> None:
    tell(db, keys, "before")
    entry = db.xadd(keys.events, fields)
    tell(db, keys, "after")
    events = client.events(group, after="0", timeout=0)

    with caplog.at_level(logging.WARNING, logger="customer_sources"):
        assert names(events) == ["before", "after"]
    assert events.skipped == 1
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("customer_sources", "WARNING")
    assert f"event {entry} on {keys.events} skipped: " in record.getMessage()


def test_what_was_passed_over_never_comes_again(
    client: CustomerSources, db: redis.Redis, keys: Keys
) -> None:
    for fields in UNREADABLE.values():
        db.xadd(keys.events, fields)

    assert names(client.events("billing", timeout=0)) == []
    assert pending(db, keys) == {}
    again = client.events("billing", timeout=0)
    assert (names(again), again.skipped) == ([], 0)


def test_more_unreadable_events_than_one_read_takes_end_nothing(
    client: CustomerSources, db: redis.Redis, keys: Keys
) -> None:
    for _ in range(150):
        db.xadd(keys.events, {"event": "{"})
    tell(db, keys, "after")

    assert names(client.events(after="0", timeout=0)) == ["after"]


def test_a_type_that_is_unknown_is_given_to_the_consumer(
    client: CustomerSources, db: redis.Redis, keys: Keys
) -> None:
    """Each consumer ignores many known types; an unknown one is no different."""
    told = event("e1").encode().replace(b"source.created", b"source.polished")
    db.xadd(keys.events, {"event": told})

    assert names(client.events("billing", timeout=0)) == ["e1"]


def test_an_answer_that_was_lost_loses_no_event(
    client: CustomerSources, db: redis.Redis, keys: Keys
) -> None:
    """The store gave the event away, and the connection broke under the answer."""
    tell(db, keys, "e1", "e2", "e3")
    with client.events("billing", timeout=0) as events:
        assert next(events).id == "e1"
        reading = events._reading
        reading.advance()
        events._send(reading.ask())  # and nobody hears it

        assert next(events).id == "e2"
        assert pending(db, keys) == {events.name: 1}
        assert next(events).id == "e3"


def test_an_answer_that_was_lost_is_never_taken_for_nothing() -> None:
    member = Member("events", "billing", timeout=0)
    member.advance()
    for reply in (b"OK", [], ["0-0", [], []]):
        member.ask()
        member.hear([reply])
    (new,) = member.ask()
    (anew,) = member.ask()

    assert new[-1] == ">"
    assert anew[:2] == ("XGROUP", "CREATE")
    member.hear([b"OK"])
    assert member.ask()[0][-1] == "0"


def test_a_waiting_consumer_whose_connection_is_cut_goes_on_waiting(
    client: CustomerSources, store: Store, db: redis.Redis, keys: Keys
) -> None:
    heard: list[str] = []

    def listen() -> None:
        with client.events("billing", timeout=30) as events:
            heard.append(next(events).id)

    thread = threading.Thread(target=listen)
    thread.start()
    cut = wait_until(lambda: waiting(db, keys), "the consumer to wait")
    db.client_kill_filter(_id=cut)
    wait_until(lambda: waiting(db, keys) not in {None, cut}, "it to wait again")
    tell(db, keys, "e1")
    thread.join(timeout=15)

    assert heard == ["e1"]


def waiting(db: redis.Redis, keys: Keys) -> str | None:
    """Find the connection that is blocked in a read, if one is."""
    for one in db.client_list():
        if one["cmd"] == "xreadgroup" and "b" in one["flags"]:
            return str(one["id"])
    return None


def test_a_consumer_whose_store_goes_away_is_told_so() -> None:
    with Store.start() as store, CustomerSources(store.url) as client:
        events = client.events("billing", timeout=30)
        store.kill()
        with pytest.raises(LedgerUnavailable):
            next(events)


def test_when_the_store_is_back_the_same_loop_goes_on_where_it_was() -> None:
    with (
        Store.start(aof=True, config=KEPT) as store,
        CustomerSources(store.url) as client,
    ):
        db = redis.Redis.from_url(store.url, decode_responses=True)
        keys = Keys()
        tell(db, keys, "e1", "e2", "e3")
        events = client.events("billing", timeout=0)
        handled = [next(events).id]
        store.kill()
        with pytest.raises(LedgerUnavailable):
            next(events)
        store.restart()

        handled += names(events)
        assert handled == ["e1", "e2", "e3"]
        assert pending(db, keys) == {}
        db.close()


def test_a_store_that_forgot_everything_gets_its_group_again() -> None:
    with Store.start() as store, CustomerSources(store.url) as client:
        events = client.events("billing", timeout=0)
        assert names(events) == []
        store.kill()
        with pytest.raises(LedgerUnavailable):
            next(events)
        store.restart()
        with redis.Redis.from_url(store.url, decode_responses=True) as db:
            tell(db, Keys(), "e1")

        assert names(events) == ["e1"]


def test_a_consumer_goes_on_in_a_store_that_is_full() -> None:
    with Store.start() as store, CustomerSources(store.url) as client:
        db = redis.Redis.from_url(store.url, decode_responses=True)
        tell(db, Keys(), "e1", "e2")
        next(client.events("billing", consumer="till-7"))
        db.config_set("maxmemory", 1)

        events = client.events("billing", consumer="till-7", timeout=0)
        assert names(events) == ["e1", "e2"]
        db.close()
