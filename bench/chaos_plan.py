"""The plan of a chaos run: what is done to whom, and when. Pure.

Drawn from the seed alone, so a run that broke something can be played again. What the
machine makes of it is not repeatable to the millisecond; what is done is.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from enum import StrEnum

import msgspec

from sandbox.faults import Fault, FaultRule


class Act(StrEnum):
    """What is done."""

    KILL = "kill -9 a worker"
    TERM = "SIGTERM to a worker"
    STOP = "SIGSTOP to a worker"
    CONT = "SIGCONT to a worker"
    CUT = "cut every connection to the store"
    STORE_KILL = "kill -9 the store"
    STORE_TERM = "SIGTERM to the store"
    STORE_HANG = "SIGSTOP to the store"
    STORE_BACK = "the store comes back"
    FAULTS = "other faults at Stripe"


class Action(msgspec.Struct, frozen=True):
    """One thing to do."""

    at: float
    """Seconds from the start."""
    act: Act
    slot: int = -1
    """Which worker, where one is meant: a slot, since workers come and go."""
    rules: tuple[FaultRule, ...] = ()
    """The faults in force from then on."""

    def __str__(self) -> str:
        what = f" {self.slot}" if self.slot >= 0 else ""
        if self.act is Act.FAULTS:
            faults = (f"{rule.fault} {rule.probability:.1%}" for rule in self.rules)
            what = f": {', '.join(faults) or 'none'}"
        return f"{self.at:8.2f} s  {self.act}{what}"


class Every(msgspec.Struct, frozen=True):
    """How often something happens: once in so many seconds, but no less than `least`.

    The time is cut into as many equal parts, and it happens at some moment in each.
    """

    seconds: float
    least: int = 1

    def count(self, length: float) -> int:
        """How often in a run of `length` seconds."""
        return max(self.least, round(length / self.seconds))


KILLS = Every(8, least=3)
TERMS = Every(45)
STOPS = Every(25)
CUTS = Every(30)
OUTAGES = Every(35)
PHASES = Every(20, least=2)

STOPPED_SECONDS = (1.0, 12.0)
"""Longer than a lease lasts, now and then: whoever wakes up must find out by itself."""
HUNG_SECONDS = (1.0, 6.0)
AWAY_SECONDS = (0.0, 3.0)
LONG_AWAY_SECONDS = (15.0, 30.0)
LONG_AWAY_EVERY = 8
"""Of so many outages one is long."""
OUTAGE_KINDS = (
    Act.STORE_KILL,
    Act.STORE_TERM,
    Act.STORE_KILL,
    Act.STORE_TERM,
    Act.STORE_HANG,
)
CALM_EVERY = 6
"""Of so many phases of faults one has none."""
TROUBLE = (0.23, 0.39)
"""Share of all requests that a phase lets go wrong, calm ones apart. Over all phases
more than 22 % are struck: faults that strike together count once."""
WEIGHTS: dict[Fault, float] = {
    Fault.DROP_AFTER_COMMIT: 4.5,
    Fault.DROP_BEFORE_COMMIT: 2.5,
    Fault.LATENCY: 3,
    Fault.SLOW_BODY: 2,
    Fault.ERROR_500_UNSAVED: 2,
    Fault.ERROR_503_UNSAVED: 2,
    Fault.RATE_LIMITED: 2,
    Fault.GARBAGE: 1.5,
    Fault.LOCK_TIMEOUT: 1,
    Fault.ERROR_500_SAVED: 0.4,
}
"""Every fault but a refused key: that one stops an account for a minute at a time."""
SLOW_SECONDS = (0.2, 3.0)


def draw(seed: int, minutes: float, workers: int) -> list[Action]:
    """Draw the plan of a run: a function of its arguments and of nothing else."""
    rng = random.Random(f"{seed} plan")  # noqa: S311  a plan, no secret
    length = minutes * 60
    actions = [
        *_to_workers(rng, length, workers),
        *(Action(at, Act.CUT) for at in _moments(rng, length, CUTS)),
        *_outages(rng, length),
        *_phases(rng, length),
    ]
    return sorted(actions, key=lambda action: action.at)


def _moments(rng: random.Random, length: float, every: Every) -> list[float]:
    count = every.count(length)
    return [(part + rng.random()) * length / count for part in range(count)]


def _to_workers(rng: random.Random, length: float, workers: int) -> Iterator[Action]:
    for act, every in ((Act.KILL, KILLS), (Act.TERM, TERMS)):
        for at in _moments(rng, length, every):
            yield Action(at, act, rng.randrange(workers))
    for at in _moments(rng, length, STOPS):
        slot = rng.randrange(workers)
        yield Action(at, Act.STOP, slot)
        yield Action(min(at + rng.uniform(*STOPPED_SECONDS), length), Act.CONT, slot)


def _outages(rng: random.Random, length: float) -> Iterator[Action]:
    """Each within a part of its own, so that no two of them overlap."""
    count = OUTAGES.count(length)
    part = length / count
    for number in range(count):
        kind = OUTAGE_KINDS[number % len(OUTAGE_KINDS)]
        away = rng.uniform(*_away(kind, number))
        away = min(away, 0.9 * part)
        at = part * number + rng.uniform(0, part - away)
        yield Action(at, kind)
        yield Action(at + away, Act.STORE_BACK)


def _away(kind: Act, number: int) -> tuple[float, float]:
    if kind is Act.STORE_HANG:
        return HUNG_SECONDS
    return LONG_AWAY_SECONDS if (number + 1) % LONG_AWAY_EVERY == 0 else AWAY_SECONDS


def _phases(rng: random.Random, length: float) -> Iterator[Action]:
    for number, at in enumerate([0.0, *_moments(rng, length, PHASES)[1:]]):
        calm = number % CALM_EVERY == CALM_EVERY - 1
        yield Action(at, Act.FAULTS, rules=() if calm else _storm(rng))


def _storm(rng: random.Random) -> tuple[FaultRule, ...]:
    """Weigh all faults anew; some are off."""
    weights = {
        fault: weight * rng.uniform(0.5, 1.5)
        for fault, weight in WEIGHTS.items()
        if rng.random() < 0.8  # noqa: PLR2004  four of five are on
    }
    share = rng.uniform(*TROUBLE) / (sum(weights.values()) or 1)
    slow = {Fault.LATENCY, Fault.SLOW_BODY}
    return tuple(
        FaultRule(
            fault=fault,
            probability=round(weight * share, 4),
            seconds=round(rng.uniform(*SLOW_SECONDS), 2) if fault in slow else 0.0,
        )
        for fault, weight in weights.items()
    )


def told(actions: Sequence[Action]) -> str:
    """Write a plan for people, a line an action."""
    return "\n".join(map(str, actions))
