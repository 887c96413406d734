"""The two ladders of delays: the rungs exactly, the chance by its bounds."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker import delays

seeds = st.integers(0, 2**32)
seeded = random.Random


class Highest(random.Random):
    """Chance at its upper end."""

    def random(self) -> float:
        return 1.0


class Lowest(random.Random):
    """Chance at its lower end."""

    def random(self) -> float:
        return 0.0


@pytest.mark.parametrize(
    ("tries", "longest"), [(1, 0.5), (2, 1.0), (3, 2.0), (4, 4.0), (5, 4.0), (9, 4.0)]
)
def test_quick_tries_double_up_to_four_seconds(tries: int, longest: float) -> None:
    assert delays.quick(tries, Highest()) == longest
    assert delays.quick(tries, Lowest()) == longest / 2


@pytest.mark.parametrize(
    ("runs", "middle"),
    [
        (0, 5.0),
        (1, 5.0),
        (2, 15.0),
        (3, 45.0),
        (4, 135.0),
        (5, 405.0),
        (6, 900.0),
        (100, 900.0),
        (10**9, 900.0),
    ],
)
def test_runs_triple_up_to_a_quarter_of_an_hour(runs: int, middle: float) -> None:
    assert delays.back_off(runs, Lowest()) == middle * 0.75
    assert delays.back_off(runs, Highest()) == middle * 1.25


@settings(deadline=None)
@given(st.integers(1, delays.QUICK_TRIES), seeds)
def test_quick_tries_fit_into_a_run_whatever_the_chance(tries: int, seed: int) -> None:
    rng = seeded(seed)
    pauses = [delays.quick(number, rng) for number in range(1, tries)]

    assert sum(pauses) < delays.QUICK_SECONDS
    assert all(pause >= 0.25 for pause in pauses)


@settings(deadline=None)
@given(st.integers(0, 10**6), seeds)
def test_the_ladder_begins_where_quick_tries_end(runs: int, seed: int) -> None:
    delay = delays.back_off(runs, seeded(seed))

    assert delay >= delays.FIRST_BACK_OFF * 0.75
    assert delay <= delays.LONGEST_BACK_OFF * 1.25


@pytest.mark.parametrize("delay", [delays.quick, delays.back_off])
def test_jobs_that_failed_together_do_not_return_together(
    delay: Callable[[int, random.Random], float],
) -> None:
    rng = seeded(1)

    assert len({delay(3, rng) for _ in range(100)}) == 100
