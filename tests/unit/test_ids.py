"""Ids: random ones that sort by time, and ones that a producer's key always finds."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from customer_sources.contract.ids import (
    is_job_id,
    job_id_for_key,
    new_job_id,
    new_token,
)
from customer_sources.contract.names import ACCOUNT_NAME

NOW_MS = 1_767_225_600_000
LAST_MS = 2**48 - 1  # in the year 10889

texts = st.text(max_size=20)
accounts = st.from_regex(ACCOUNT_NAME, fullmatch=True)


@settings(deadline=None)
@given(st.integers(0, LAST_MS))
@example(0)
@example(LAST_MS)
def test_a_new_id_has_the_shape_of_one(now_ms: int) -> None:
    job_id = new_job_id(now_ms)

    assert is_job_id(job_id)
    assert re.fullmatch(r"job_[0-9a-z]{26}", job_id)


@settings(deadline=None)
@given(st.integers(0, LAST_MS - 1), st.integers(1, 10**9))
def test_ids_sort_by_the_time_of_submit(now_ms: int, later: int) -> None:
    assert new_job_id(now_ms) < new_job_id(min(now_ms + later, LAST_MS))


def test_ids_of_one_moment_differ() -> None:
    assert len({new_job_id(NOW_MS) for _ in range(1000)}) == 1000


@settings(deadline=None)
@given(texts, texts)
def test_a_key_always_finds_the_same_id(account: str, key: str) -> None:
    job_id = job_id_for_key(account, key)

    assert job_id == job_id_for_key(account, key)
    assert is_job_id(job_id)


@settings(deadline=None)
@given(st.sets(texts, min_size=2, max_size=2))
@example({"a", "a "})
@example({"order-1", "order-10"})
def test_another_key_finds_another_id(pair: set[str]) -> None:
    one, other = pair

    assert job_id_for_key("default", one) != job_id_for_key("default", other)
    assert job_id_for_key(one, "k") != job_id_for_key(other, "k")


@settings(deadline=None)
@given(st.lists(accounts, min_size=2, max_size=2, unique=True), texts, texts)
@example(["a", "ab"], "k", "\nk")
def test_two_accounts_never_share_an_id(
    pair: list[str], key: str, another: str
) -> None:
    one, other = pair

    assert job_id_for_key(one, key) != job_id_for_key(other, key)
    assert job_id_for_key(one, key) != job_id_for_key(other, another)


def test_the_id_of_a_key_is_the_same_in_every_version() -> None:
    """A changed derivation would make a repeated key a second effect at Stripe."""
    assert job_id_for_key("default", "order-1") == "job_6hcdwj2zqdmwt388jf1e2ebfy8"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "job_",
        "job_" + "0" * 25,
        "job_" + "0" * 27,
        "job_" + "0" * 26 + "\n",
        "job_" + "O" * 26,
        "job_" + "i" * 26,
        "job_" + "l" * 26,
        "job_" + "u" * 26,
        "job_" + "0" * 25 + "A",
        "job_" + "0" * 25 + ":",
        "job_" + "0" * 25 + "٣",
        " job_" + "0" * 26,
        "JOB_" + "0" * 26,
    ],
)
def test_what_is_no_job_id_is_not_taken_for_one(text: str) -> None:
    assert not is_job_id(text)


def test_an_id_fits_where_stripe_takes_a_key() -> None:
    assert len(new_job_id(NOW_MS)) <= 255
    assert new_job_id(NOW_MS).isascii()


def test_tokens_of_runs_never_repeat_and_stay_short_fields() -> None:
    tokens = {new_token() for _ in range(1000)}

    assert len(tokens) == 1000
    assert {len(token) for token in tokens} == {16}
