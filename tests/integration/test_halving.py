"""slow.lua: what was too much is halved once, and grows back steadily."""

from __future__ import annotations

import pytest

from customer_sources.contract.names import DEFAULT_ACCOUNT
from tests.integration.stopped import Stopped

SECOND = 1_000


async def test_the_rate_of_an_operation_is_halved_and_no_other(
    stopped: Stopped,
) -> None:
    await stopped.announce(account=40, operation=20)

    assert await stopped.slow("create")

    assert await _rate(stopped, "create") == 10
    assert await _rate(stopped, "delete") == 20
    assert await _rate(stopped) == 40
    assert stopped.known()["why:create"] == "told"
    assert stopped.known()["halved:create"] == "1"


async def test_the_rate_of_an_account_is_halved_without_those_of_its_operations(
    stopped: Stopped,
) -> None:
    await stopped.announce(account=40, operation=20)

    assert await stopped.slow("")

    assert await _rate(stopped) == 20
    assert await _rate(stopped, "create") == 20


@pytest.mark.parametrize("age", [0.0, 2.0])
async def test_what_left_before_the_last_halving_halves_nothing_more(
    age: float, stopped: Stopped
) -> None:
    await stopped.announce(operation=20)
    assert await stopped.slow(age=1.0)
    stopped.forward(round(age * SECOND))

    assert not await stopped.slow(age=age)
    assert not await stopped.slow(age=30.0)
    stopped.forward(100)
    assert await stopped.slow(age=0.099)
    assert stopped.known()["halved:create"] == "2"


async def test_it_stays_halved_for_a_moment_and_then_grows_back_in_a_straight_line(
    stopped: Stopped,
) -> None:
    await stopped.announce(operation=32)
    await stopped.slow()
    seen = []

    for ms in (0, 1_499, 1, 3_750, 3_750, 3_750, 3_750, 60_000):
        stopped.forward(ms)
        seen.append(round(await _rate(stopped, "create"), 2))

    assert seen == [16, 16, 16, 20, 24, 28, 32, 32]


async def test_a_second_halving_takes_half_of_what_had_grown_back(
    stopped: Stopped,
) -> None:
    await stopped.announce(operation=32)
    await stopped.slow()
    stopped.forward(1_500 + 7_500)
    assert await _rate(stopped, "create") == 24

    assert await stopped.slow()

    assert await _rate(stopped, "create") == 12


@pytest.mark.parametrize(("rate", "least"), [(20, 1), (0.5, 0.5)])
async def test_a_probe_a_second_goes_on_however_often_it_is_halved(
    rate: float, least: float, stopped: Stopped
) -> None:
    await stopped.announce(account=rate, operation=rate)
    for operation in ("", "create") * 10:
        stopped.forward(1)
        assert await stopped.slow(operation)

    assert await _rate(stopped) == least
    assert await _rate(stopped, "create") == least


async def test_a_bound_of_what_is_in_flight_is_halved_too(stopped: Stopped) -> None:
    await stopped.announce(in_flight=16)

    assert await stopped.slow("", what="cap")
    assert await stopped.slow("create", what="cap")
    assert await stopped.fill("get", priority="bulk") == 6  # of 12 that it had
    assert await stopped.fill() == 2  # of 16, for all together

    stopped.forward(1_500 + 15_000)
    assert await stopped.grant() != []
    assert await _rate(stopped) == 1_000


async def test_an_operations_bound_leaves_room_for_the_others(stopped: Stopped) -> None:
    await stopped.announce(in_flight=8)
    for _ in range(2):
        assert await stopped.slow("create", what="cap")
        stopped.forward(1)

    assert await stopped.fill() == 2
    assert await stopped.fill("get") == 6


async def test_an_account_that_nobody_announced_has_nothing_to_halve(
    stopped: Stopped,
) -> None:
    assert not await stopped.slow()
    assert stopped.known() == {}


async def test_a_new_announcement_changes_what_is_allowed_and_keeps_what_was_learnt(
    stopped: Stopped,
) -> None:
    await stopped.announce(operation=20)
    await stopped.slow()

    await stopped.announce(operation=10)

    assert await _rate(stopped, "create") == 5
    assert stopped.known()["halved:create"] == "1"


async def _rate(stopped: Stopped, operation: str = "") -> float:
    """Requests a second: by how far one request moves the mark of an idle account."""
    marks = f"t:{operation or 'create'}", "t"
    stopped.db.hdel(stopped.keys.account(DEFAULT_ACCOUNT), *marks)
    assert await stopped.goes(operation or "create")
    mark = float(stopped.known()[marks[0] if operation else "t"])
    return round(SECOND / (mark - stopped.now), 3)
