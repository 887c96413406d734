"""Names that several processes must agree on; that Lua does shows `test_key_names`."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from customer_sources.contract.errors import SettingInvalid
from customer_sources.contract.names import QUEUES, Class, Keys, lane_name

texts = st.text(min_size=1, max_size=80)


def test_a_short_lane_is_named_so_that_a_person_can_read_it() -> None:
    assert lane_name("default", "cus_1") == "default:cus_1"


@settings(deadline=None)
@given(texts)
@example("x" * 56)
@example("x" * 57)
@example("ü" * 28)
@example("ü" * 29)
@example("cus_" + "x" * 4996)
def test_a_lane_is_never_longer_than_a_short_field(customer: str) -> None:
    name = lane_name("default", customer)

    assert len(name.encode()) <= 64
    assert name == lane_name("default", customer)


@settings(deadline=None)
@given(st.sets(texts, min_size=2, max_size=2))
@example({"x" * 57 + "a", "x" * 57 + "b"})
@example({"a", "A"})
def test_two_customers_never_share_a_lane(customers: set[str]) -> None:
    one, other = customers

    assert lane_name("default", one) != lane_name("default", other)


def test_a_long_name_cannot_be_mistaken_for_a_short_one() -> None:
    assert re.fullmatch(r"#[0-9a-f]{32}", lane_name("default", "x" * 100))


def test_every_class_of_job_has_a_queue() -> None:
    assert set(QUEUES) == set(Class)
    assert Class.INTERACTIVE.queue == "sources.interactive"
    assert Class.SCHEDULED.queue == Class.BULK.queue == "sources.bulk"


def test_every_key_starts_with_the_prefix_and_no_two_are_the_same() -> None:
    keys = Keys("p:")
    names = [
        keys.events,
        keys.pulse,
        keys.meta,
        keys.review,
        keys.workers,
        keys.poison,
        keys.job("x"),
        keys.command("x"),
        keys.result("x"),
        keys.tombstone("x"),
        keys.lane("x"),
        keys.wake("x"),
        keys.done_channel("x"),
        keys.queue("x"),
    ]

    assert all(name.startswith("p:") for name in names)
    assert len(set(names)) == len(names)


def test_ledgers_with_other_prefixes_share_nothing() -> None:
    one, other = vars(Keys("a:")), vars(Keys("b:"))

    assert not set(one.values()) & set(other.values())
    assert Keys("a:").job("x") != Keys("b:").job("x")


@pytest.mark.parametrize(
    "prefix", ["", "x y", "a*", "[a]", "x" * 33, "\n", "ä", None, 7]
)
def test_what_is_no_prefix_makes_no_keys(prefix: Any) -> None:
    with pytest.raises(SettingInvalid, match="1 to 32 characters"):
        Keys(prefix)
