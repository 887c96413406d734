"""The stories that a bank account's verification can come to, as a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from tests.integration.conftest import World
from tests.integration.doubts import call
from tests.integration.guesses import MISSED, OTHER, RIGHT, THIRD, WRONG

RESERVED, EXHAUSTED, LOCKED = (
    "verification_attempts_reserved",
    "verification_attempts_exhausted",
    "verification_failed",
)
LOST, NEVER_THERE = "drop_after_commit", "drop_before_commit"


class Guess(NamedTuple):
    """One verify job, and what becomes of its answers."""

    amounts: Sequence[int]
    fault: str = ""
    """What befalls all requests of its first run."""
    too_late: bool = False
    """It runs again only when Stripe has forgotten its key."""
    use_reserve: bool = False


Before = Callable[[World, str], object]


class Story(NamedTuple):
    """Guesses at one account whose deposits are there, and how they end."""

    guesses: Sequence[Guess]
    codes: Sequence[str]
    """How each guess ended."""
    made: int
    """Guesses that Stripe has looked at, right ones too."""
    counts: tuple[int, int]
    """Used and left, as the last event tells them."""
    before: Before = lambda world, account: None
    at_once: bool = False
    """All are submitted before the first of them runs."""


def deposits_bounce(world: World, account: str) -> None:
    world.sandbox.bounce("cus_1", account)


def somebody_verifies_it(world: World, account: str) -> None:
    path = f"/v1/customers/cus_1/sources/{account}/verify"
    call(world, "POST", path, **{"amounts[0]": "32", "amounts[1]": "45"})


THREE_MISSES = [Guess(WRONG), Guess(OTHER), Guess(THIRD, use_reserve=True)]
STORIES = {
    "right amounts": Story([Guess(RIGHT)], ["succeeded"], 1, (0, 3)),
    "wrong once": Story([Guess(WRONG), Guess(RIGHT)], [MISSED, "succeeded"], 2, (1, 2)),
    "wrong twice": Story(
        [Guess(WRONG), Guess(OTHER), Guess(RIGHT), Guess(RIGHT, use_reserve=True)],
        [MISSED, MISSED, RESERVED, "succeeded"],
        3,
        (2, 1),
    ),
    "wrong thrice": Story(
        [*THREE_MISSES, Guess(RIGHT, use_reserve=True)],
        [MISSED, MISSED, EXHAUSTED, EXHAUSTED],
        3,
        (3, 0),
    ),
    "lost answer on the winning guess": Story(
        [Guess(RIGHT, LOST)], ["replayed"], 1, (0, 3)
    ),
    "lost answer on the winning guess, looked for a day later": Story(
        [Guess(WRONG), Guess(RIGHT, LOST, too_late=True)],
        [MISSED, "reconciled"],
        2,
        (1, 2),
    ),
    "lost answer on a losing guess": Story(
        [Guess(WRONG, LOST), Guess(RIGHT)], [MISSED, "succeeded"], 2, (1, 2)
    ),
    "lost answer on a losing guess, looked for a day later": Story(
        [Guess(WRONG, LOST, too_late=True), Guess(OTHER)],
        ["key_expired", MISSED],
        2,
        (2, 1),
    ),
    "lost answer on the guess that was the last": Story(
        [Guess(WRONG), Guess(OTHER), Guess(THIRD, LOST, use_reserve=True)],
        [MISSED, MISSED, EXHAUSTED],
        3,
        (3, 0),
    ),
    "lost answer on the last guess, looked for a day later": Story(
        [
            Guess(WRONG),
            Guess(OTHER),
            Guess(THIRD, LOST, too_late=True, use_reserve=True),
        ],
        [MISSED, MISSED, EXHAUSTED],
        3,
        (3, 0),
    ),
    "a guess that was lost on its way": Story(
        [Guess(WRONG, NEVER_THERE), Guess(RIGHT)], [MISSED, "succeeded"], 2, (1, 2)
    ),
    "bounced deposit": Story(
        [Guess(RIGHT), Guess(RIGHT, use_reserve=True)],
        [LOCKED, LOCKED],
        0,
        (1, 0),
        before=deposits_bounce,
    ),
    "bounced deposit, and a lost answer": Story(
        [Guess(RIGHT, LOST, too_late=True)],
        [LOCKED],
        0,
        (1, 0),
        before=deposits_bounce,
    ),
    "already verified": Story(
        [Guess(RIGHT)], ["already_verified"], 0, (0, 3), before=somebody_verifies_it
    ),
    "already verified, wrong amounts": Story(
        [Guess(WRONG, LOST), Guess(WRONG)],
        ["already_verified", "already_verified"],
        0,
        (0, 3),
        before=somebody_verifies_it,
    ),
    "two producers at once": Story(
        [Guess(WRONG), Guess(RIGHT)], [MISSED, "succeeded"], 2, (1, 2), at_once=True
    ),
    "two producers at once, both right": Story(
        [Guess(RIGHT), Guess(RIGHT)],
        ["succeeded", "already_verified"],
        1,
        (0, 3),
        at_once=True,
    ),
    "three producers at once": Story(
        [Guess(WRONG), Guess(OTHER), Guess(THIRD)],
        [MISSED, MISSED, RESERVED],
        2,
        (2, 1),
        at_once=True,
    ),
}
