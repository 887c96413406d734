"""How long to wait before trying again. Pure; chance is an argument.

Two ladders with a stated border. Within a run: a few tries, seconds apart, because
most trouble is over by then and the job still holds its slot. Between runs: from five
seconds to a quarter of an hour, through a wake-up that costs nothing meanwhile.
"""

from __future__ import annotations

import random

QUICK_TRIES = 4
"""Tries in one run. Stripe's SDKs make three, and have nothing behind them."""
QUICK_SECONDS = 10.0
"""Time within which a run starts its tries."""
LONGEST_QUICK = 4.0
FIRST_BACK_OFF = 5.0
LONGEST_BACK_OFF = 900.0
LIMITED = 1.0
"""After a limiter's answer: the rate was halved, and the job keeps its place."""
IN_STORM = 20.0
"""Between runs while an account's requests fail one after another: its rate is down to
a probe a second then. Higher rungs would keep jobs waiting long after it is over."""


def quick(tries: int, rng: random.Random) -> float:
    """Seconds before the next try of a run that has made `tries`: 0.5, 1, 2, 4.

    Half of it is chance, so that jobs that failed together do not return together.
    """
    longest = min(0.5 * 2.0 ** (tries - 1), LONGEST_QUICK)
    return longest * rng.uniform(0.5, 1)


def back_off(runs: int, rng: random.Random) -> float:
    """Seconds before the next run of a job that had `runs`: 5, 15, 45 ... 900."""
    rung = min(max(runs - 1, 0), 10)
    usual = min(FIRST_BACK_OFF * 3.0**rung, LONGEST_BACK_OFF)
    return usual * rng.uniform(0.75, 1.25)
