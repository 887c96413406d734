"""Names that several processes must agree on; that Lua does shows `test_key_names`."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from customer_sources.contract.errors import SettingInvalid
from customer_sources.contract.names import (
    ACCOUNT_NAME,
    QUEUES,
    Class,
    Keys,
    is_account_name,
    lane_name,
)

texts = st.text(min_size=1, max_size=80)
accounts = st.from_regex(ACCOUNT_NAME, fullmatch=True)


def test_a_short_lane_is_named_so_that_a_person_can_read_it() -> None:
    assert lane_name("default", "cus_1") == "default:cus_1"


@pytest.mark.parametrize(
    "name", ["default", "a", "0", "a" * 40, "shop-eu_2", "0-", "a_"]
)
def test_an_account_may_be_called_so(name: str) -> None:
    assert is_account_name(name)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "",
            "A",
            "a" * 41,
            "-a",
            "_a",
            "a.b",
            "a:b",
            "a|b",
            "a b",
            "a\n",
            "é",
            "\ud800",
        ),
        *("4242424242424242", "4000-0566-5566-5556", "sk_live_1", "tok_visa"),
        *(None, 7, b"a", ["a"]),
    ],
    ids=ascii,
)
def test_an_account_may_not_be_called_so(name: object) -> None:
    assert not is_account_name(name)


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


@settings(deadline=None)
@given(st.lists(accounts, min_size=2, max_size=2, unique=True), texts, texts)
@example(["a", "a-b"], "b:c", "c")
@example(["a", "b"], "x" * 80, "x" * 80)
def test_two_accounts_never_share_a_lane(
    pair: list[str], customer: str, another: str
) -> None:
    one, other = pair

    assert lane_name(one, customer) != lane_name(other, customer)
    assert lane_name(one, customer) != lane_name(other, another)


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
