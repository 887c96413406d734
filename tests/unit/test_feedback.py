"""What answers say of the rates at which we send."""

from __future__ import annotations

import pytest

from worker.answers import Answered, MaybeSent, NotSent, TryResult
from worker.feedback import STORM, Slow, Streaks, is_failure, is_refused_key, too_much


def answer(status: int, code: str = "", limited_by: str = "") -> Answered:
    return Answered(
        status=status, body={"error": {"code": code}}, limited_by=limited_by
    )


@pytest.mark.parametrize(
    ("reason", "slow"),
    [
        ("global-rate", Slow("rate", "", "global-rate")),
        ("global-concurrency", Slow("cap", "", "global-concurrency")),
        ("endpoint-rate", Slow("rate", "create", "endpoint-rate")),
        ("endpoint-concurrency", Slow("cap", "create", "endpoint-concurrency")),
        ("resource-specific", None),
        ("", Slow("rate", "create", "rate_limited")),
        ("a-new-one", Slow("rate", "create", "rate_limited")),
    ],
)
def test_the_limiter_that_refused_is_the_one_that_is_heeded(
    reason: str, slow: Slow | None
) -> None:
    assert too_much(answer(429, "rate_limit", reason), "create") == slow


@pytest.mark.parametrize(
    "result",
    [
        answer(429, "lock_timeout"),
        answer(200),
        answer(402, "card_declined"),
        answer(503),
        NotSent("connect"),
        MaybeSent("read_timeout"),
    ],
)
def test_nothing_else_says_that_we_send_too_fast(result: TryResult) -> None:
    assert too_much(result, "create") is None


@pytest.mark.parametrize(
    ("result", "failure"),
    [
        (answer(200), False),
        (answer(402), False),
        (answer(404), False),
        (answer(429), None),
        (answer(500), True),
        (answer(503), True),
        (MaybeSent("read_timeout"), True),
        (NotSent("connect"), True),
        (NotSent("pool_timeout"), None),
        (NotSent("closed"), None),
    ],
)
def test_an_outage_is_made_of_failures_that_are_stripes(
    result: TryResult,
    failure: bool | None,  # noqa: FBT001  a column of the table
) -> None:
    assert is_failure(result) is failure


def test_many_failures_in_a_row_are_a_storm_and_few_are_none() -> None:
    streaks = Streaks()
    broken, fine, limited = answer(503), answer(200), answer(429)

    assert [streaks.note("a", broken) for _ in range(STORM - 1)] == [None] * (STORM - 1)
    assert streaks.note("a", limited) is None, "it says nothing either way"
    assert streaks.note("a", broken) == Slow("rate", "", "storm")
    assert streaks.note("a", broken) is not None, "as long as it lasts"
    assert streaks.note("b", broken) is None, "of another account"
    assert streaks.note("a", fine) is None
    assert streaks.note("a", broken) is None, "it begins anew"


@pytest.mark.parametrize("status", [401, 402, 403])
def test_a_key_is_refused_by_401_and_403(status: int) -> None:
    refused = status != 402
    assert is_refused_key(answer(status), read=False) is refused
    assert not is_refused_key(MaybeSent("read_timeout"), read=False)


def test_a_key_that_may_not_read_is_not_refused() -> None:
    assert not is_refused_key(answer(403), read=True)
    assert is_refused_key(answer(401), read=True)
