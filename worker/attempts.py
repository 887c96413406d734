"""Guesses at a bank account's two amounts: what is counted, and what became of one.

Stripe takes three that miss, and then locks the account for good. So every guess that
may have reached it is counted, in the script that lets it go
(worker/lua/attempts.lua), and one is kept for a person. Pure.
"""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import parse_qsl

from customer_sources.contract.commands import Command
from customer_sources.contract.names import target_name
from customer_sources.verifications.status import MOST_ATTEMPTS
from worker.guesses import NO_GUESS, Became, Guess
from worker.outcomes import Cancel, Fail, Outcome, Reconcile, Review, Succeed
from worker.refusals import LOCKED, MISSES, doubted
from worker.replies import Word

RESERVED = 1
"""Of the guesses, those that need a person who says `use_reserve`."""
EXHAUSTED = "verification_attempts_exhausted"
"""Code: three guesses have missed, or may have."""
KEPT_BACK = "verification_attempts_reserved"
"""Code: the last guess is left, and is kept for a person."""
MISSED_BEFORE = "verification_amounts_failed_before"
"""Code: these amounts have been tried on this account, and were wrong."""
IN_DOUBT = "verification_amounts_in_doubt"
"""Code: these amounts were sent, and nobody knows whether they were looked at."""
ACCOUNT_FAILED = "verification_failed"
"""Code: Stripe lets nobody guess any more, and not for our guesses: a deposit bounced,
or others have guessed."""


def guess_of(command: Command) -> Guess:
    """Say what a command would guess at; `NO_GUESS` where it guesses nothing."""
    if command.operation != "verify":
        return NO_GUESS
    limit = MOST_ATTEMPTS if command.use_reserve else MOST_ATTEMPTS - RESERVED
    return Guess(target_name(command.account, command.customer, command.id), limit)


def marked(guess: Guess, command: Command, secret: str) -> Guess:
    """Add what tells the pair of amounts; without amounts there is nothing to tell.

    There are 4,950 pairs, so a plain hash could be undone by trying them all. Stripe
    does not say whether their order matters, so the mark tells a pair in either order,
    and its last letter which of both it is.

    Args:
        guess: of the command.
        command: whose body has the amounts.
        secret: the key of the hash; another one recognises nothing.
    """
    given = [value for name, value in parse_qsl(command.body) if name[:7] == "amounts"]
    if not guess.target or not given:
        return guess
    pair = sorted(given)
    said = f"customer-sources pair\n{guess.target}\n{' '.join(pair)}"
    digest = hmac.new(secret.encode(), said.encode(), hashlib.sha256)
    order = "a" if given == pair else "b"
    return guess._replace(mark=digest.hexdigest()[:16] + order)


def refused_guess(word: Word, *, unknown: bool) -> Fail | Reconcile:
    """Decide what becomes of a verify whose guess may not leave.

    Args:
        word: one of `NO_GUESS_LEFT`.
        unknown: whether it may have left before: its guess is counted, unless the
            store has lost that.
    """
    code, message = _REFUSED[word]
    error = {"code": code, "message": message, "param": "amounts"}
    return doubted(Review(code, error)) if unknown else Fail(code, error)


_REFUSED = {
    Word.PAIR_MISSED: (
        MISSED_BEFORE,
        "these amounts were tried on this bank account before, and were wrong",
    ),
    Word.PAIR_TURNED: (
        MISSED_BEFORE,
        "these amounts were wrong in the other order; a person may use_reserve",
    ),
    Word.PAIR_HELD: (
        IN_DOUBT,
        "nobody knows what came of these amounts yet; a person may use_reserve",
    ),
    Word.RESERVED: (
        KEPT_BACK,
        "one attempt is left, which is kept for a person: use_reserve",
    ),
    Word.LOCKED: (
        ACCOUNT_FAILED,
        "nobody can verify it any more: a deposit bounced, or it was tried elsewhere",
    ),
    Word.EXHAUSTED: (
        EXHAUSTED,
        "no attempt is left; ask Stripe's support, or add the account again",
    ),
}


def became_of(outcome: Outcome) -> Became:
    """Say what became of a guess that was held, by what its run decided."""
    match outcome:
        case Succeed():
            return Became.VERIFIED
        case Fail(code) if code in {EXHAUSTED, ACCOUNT_FAILED, *LOCKED}:
            return Became.OVER
        case Fail(code, executed=executed) if executed or code in MISSES:
            return Became.MISSED
        case Fail() | Cancel():
            return Became.FREE
    return Became.OPEN


def told(before: int, outcome: Outcome, *, made: bool) -> dict[str, int]:
    """Count what is used and left, for the event.

    Args:
        before: guesses that others have used.
        outcome: of the run.
        made: whether a guess of this job may have left.
    """
    became = became_of(outcome)
    counts = made and became not in {Became.FREE, Became.VERIFIED}
    used = before + 1 if counts else before
    over = became is Became.OVER
    return {"used": used, "left": 0 if over else max(0, MOST_ATTEMPTS - used)}
