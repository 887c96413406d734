"""What a consumer left behind goes to another, and only what it left behind."""

from __future__ import annotations

import redis

from customer_sources import CustomerSources
from customer_sources.contract.names import Keys
from customer_sources.membership import Member
from tests.integration.told import names, pending, tell

THREE = ["e1", "e2", "e3"]
AN_HOUR_MS = 3_600_000


def leave_behind(db: redis.Redis, keys: Keys, count: int, *, idle_ms: int) -> None:
    """Be a consumer of another make that took a batch and died some time ago."""
    db.xgroup_create(keys.events, "billing", id="0", mkstream=True)
    db.xreadgroup("billing", "dead", {keys.events: ">"}, count=count)
    taken = db.xpending_range(keys.events, "billing", "-", "+", count)
    ids = [one["message_id"] for one in taken]
    db.xclaim(keys.events, "billing", "dead", 0, ids, idle=idle_ms)


def test_what_a_dead_consumer_left_is_taken_over_before_anything_new(
    client: CustomerSources, db: redis.Redis, keys: Keys
) -> None:
    tell(db, keys, *THREE)
    leave_behind(db, keys, 2, idle_ms=60_000)

    assert names(client.events("billing", timeout=0)) == THREE
    assert pending(db, keys) == {}


def test_what_a_consumer_was_given_just_now_is_left_to_it(
    client: CustomerSources, db: redis.Redis, keys: Keys
) -> None:
    tell(db, keys, *THREE)
    leave_behind(db, keys, 2, idle_ms=50_000)

    assert names(client.events("billing", timeout=0)) == ["e3"]
    assert pending(db, keys) == {"dead": 2}


def test_how_long_is_too_long_is_for_the_consumer_to_say(
    client: CustomerSources, db: redis.Redis, keys: Keys
) -> None:
    tell(db, keys, *THREE)
    leave_behind(db, keys, 2, idle_ms=50_000)

    assert names(client.events("billing", take_over_after=51, timeout=0)) == ["e3"]
    events = client.events("billing", take_over_after=49, timeout=0)
    assert names(events) == ["e1", "e2"]


def test_one_is_taken_over_at_a_time_so_that_others_can_help(
    client: CustomerSources, db: redis.Redis, keys: Keys
) -> None:
    tell(db, keys, *THREE)
    leave_behind(db, keys, 3, idle_ms=AN_HOUR_MS)
    one = client.events("billing", timeout=0)
    other = client.events("billing", timeout=0)

    assert [next(one).id, next(other).id] == ["e1", "e2"]
    assert pending(db, keys) == {one.name: 1, other.name: 1, "dead": 1}


def test_a_long_list_of_what_others_hold_is_searched_to_its_end(
    client: CustomerSources, db: redis.Redis, keys: Keys
) -> None:
    tell(db, keys, *(f"held{n}" for n in range(50)), "left")
    leave_behind(db, keys, 51, idle_ms=0)
    (last,) = db.xpending_range(keys.events, "billing", "-", "+", 51)[-1:]
    late = AN_HOUR_MS
    db.xclaim(keys.events, "billing", "dead", 0, [last["message_id"]], idle=late)

    assert names(client.events("billing", timeout=0)) == ["left"]


def test_an_event_trimmed_while_unacknowledged_is_passed_over(
    client: CustomerSources, db: redis.Redis, keys: Keys
) -> None:
    tell(db, keys, *THREE)
    next(client.events("billing", consumer="mine", timeout=0))
    db.xtrim(keys.events, maxlen=0)

    assert names(client.events("billing", consumer="mine", timeout=0)) == []
    assert pending(db, keys) == {}


def test_what_a_dead_consumer_left_and_was_trimmed_since_holds_nobody_up(
    client: CustomerSources, db: redis.Redis, keys: Keys
) -> None:
    tell(db, keys, *THREE)
    leave_behind(db, keys, 2, idle_ms=AN_HOUR_MS)
    db.xtrim(keys.events, maxlen=1, approximate=False)

    assert names(client.events("billing", timeout=0)) == ["e3"]
    assert pending(db, keys) == {}


def test_a_waiting_consumer_looks_again_after_half_the_time() -> None:
    now = 100.0
    member = Member("events", "billing", take_over_after=60, clock=lambda: now)
    asked = []

    def exchange(reply: object) -> None:
        commands = member.ask()
        asked.append(commands[-1][0])
        member.hear([None] * (len(commands) - 1) + [reply])

    member.advance()
    for reply in (b"OK", [], ["0-0", [], []], None):
        exchange(reply)
    now += 29
    exchange(None)
    now += 2
    for reply in (None, ["0-0", [], []], None):
        exchange(reply)

    assert asked == [
        *("XGROUP", "XREADGROUP", "XAUTOCLAIM", "XREADGROUP", "XREADGROUP"),
        *("XREADGROUP", "XAUTOCLAIM", "XREADGROUP"),
    ]


def test_no_read_blocks_for_ever_or_past_the_next_look() -> None:
    now = 100.0
    member = Member("events", "billing", take_over_after=4, clock=lambda: now)
    member.advance()
    for reply in (b"OK", [], ["0-0", [], []]):
        member.ask()
        member.hear([reply])
    blocks = []
    for passed in (0.0, 1.0, 0.9999):
        now += passed
        (command,) = member.ask()
        blocks.append(command[command.index("BLOCK") + 1])
        member.hear([None])

    assert blocks == [2000, 1000, 1]
