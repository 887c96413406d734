"""What is wrong with a key or a running deployment, and what mends it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches

import msgspec

from worker.findings import Finding, fail, ok, warn

STRIPE = "https://api.stripe.com"
KEYS = {
    "sk_test_": "a secret key in test mode",
    "rk_test_": "a restricted key in test mode",
    "sk_live_": "a secret key in LIVE mode: real customers are changed",
    "rk_live_": "a restricted key in LIVE mode: real customers are changed",
}
"""By how they begin (Stripe's documentation of keys)."""
NOT_STRIPE = "unset STRIPE_API_BASE, unless that is a sandbox on purpose"
SHOUTED = {"live": "LIVE"}
MOST_NAMED = 20
"""Accounts that one line names."""
LIKENESS = 0.85
"""Of a name to a setting's: a letter or two; other programs' names are less alike."""
SKEW_MS = 2_000
"""Clocks that are synchronised at all agree within milliseconds."""
PRIORITY_STEPS = ("\x06\x163", "\x06\x166", "\x06\x169")
"""What kombu adds to a queue's name for messages with a priority, unless told not."""
LATE_MS = 60_000
"""Wake-ups are looked at every half second; one that waits a minute is overlooked."""


class Ledger(msgspec.Struct, frozen=True, kw_only=True):
    """What the ledger held at one moment. Times are milliseconds since the epoch."""

    store_ms: int
    """The store's clock."""
    here_ms: int
    """This machine's clock at the same moment."""
    mark_ms: int
    """The latest time that the ledger has seen: its own time never runs back."""
    pulse_ms: int
    """The last pass of upkeep; 0: there never was one."""
    workers: int
    live: bool
    """Whether they have a live key, by their own word."""
    queues: Mapping[str, int]
    """Messages by the name of their queue."""
    astray: int = 0
    """Messages in lists that no worker reads, as their sender gave them a priority."""
    wakeups: int
    late: int
    """Wake-ups that have been due for longer than `LATE_MS`."""
    review: int
    poison: int


def key_finding(key: str, api_base: str) -> Finding:
    """Judge the Stripe key by how it begins. It is never repeated.

    Args:
        key: as it was set.
        api_base: where requests go, without a password.
    """
    fix = "set STRIPE_API_KEY to a secret or restricted key (sk_... or rk_...)"
    if not key:
        return fail("key", "STRIPE_API_KEY is not set", fix)
    if any(letter.isspace() for letter in key):
        return fail("key", "STRIPE_API_KEY has white space in it", fix)
    begins = "_".join(key.split("_")[:2]) + "_"
    if key.startswith("pk_"):
        return fail("key", "STRIPE_API_KEY is a publishable key", fix)
    if begins not in KEYS:
        return warn("key", f"STRIPE_API_KEY begins with none of {', '.join(KEYS)}", fix)
    says = f"{KEYS[begins]} ({begins}...)"
    if api_base.rstrip("/") != STRIPE:
        return warn(
            "key",
            f"{says}, but requests go to {api_base} and not to Stripe",
            NOT_STRIPE,
        )
    return ok("key", says)


def accounts_finding(modes: Mapping[str, str], api_base: str) -> Finding:
    """Tell the accounts that a worker would act for, by the modes of their keys.

    Args:
        modes: `live` or `test`, by the names of the accounts.
        api_base: where requests go, without a password.
    """
    named = [f"{name} ({SHOUTED.get(one, one)})" for name, one in modes.items()]
    more = f" and {len(named) - MOST_NAMED} more" if len(named) > MOST_NAMED else ""
    says = f"{len(named)}: {', '.join(named[:MOST_NAMED])}{more}"
    lives = sum(mode == "live" for mode in modes.values())
    if lives:
        says += f"; LIVE keys: {lives}, real customers are changed"
    if api_base.rstrip("/") != STRIPE:
        return warn("accounts", f"{says}; requests go to {api_base}", NOT_STRIPE)
    return ok("accounts", says)


def name_findings(given: Collection[str], known: Collection[str]) -> Sequence[Finding]:
    """Find names in the environment that are a setting's, but for a slip.

    Args:
        given: names of variables; those that resemble no setting are somebody else's.
        known: the settings' own.
    """
    return [
        warn("settings", f"{name} is no setting", f"did you mean {close[0]}?")
        for name in sorted(given)
        if name.upper() not in known
        and name.upper().startswith(("SOURCES_", "STRIPE_"))
        and (close := get_close_matches(name.upper(), known, n=1, cutoff=LIKENESS))
    ]


def ledger_findings(ledger: Ledger, stale_ms: int) -> Sequence[Finding]:
    """Judge workers, clocks and what waits.

    Args:
        ledger: what it held.
        stale_ms: age of the last pass of upkeep that means nobody does upkeep.
    """
    return (
        _workers(ledger.workers, live=ledger.live),
        _upkeep(ledger, stale_ms),
        _clock(ledger),
        *(ok("queue", _count(q, n)) for q, n in ledger.queues.items()),
        *((_astray(ledger.astray),) if ledger.astray else ()),
        _jobs(ledger),
        _review(ledger.review),
        *((_poison(ledger.poison),) if ledger.poison else ()),
    )


def _workers(count: int, *, live: bool) -> Finding:
    if count:
        mode = " with a LIVE key: real customers are changed" if live else ""
        return ok("workers", f"{count} alive{mode}")
    fix = "start one with `sources worker`; if some run, see that they use this store"
    return fail("workers", "none is alive: no job runs", fix)


def _upkeep(ledger: Ledger, stale_ms: int) -> Finding:
    age = max(0, max(ledger.store_ms, ledger.mark_ms) - ledger.pulse_ms)
    if ledger.pulse_ms and age <= stale_ms:
        return ok("upkeep", f"last pass {age / 1000:.1f} s ago")
    said = f"last pass {age / 1000:.0f} s ago" if ledger.pulse_ms else "never done"
    return fail("upkeep", said, "every worker does it: start one, or see its log")


def _clock(ledger: Ledger) -> Finding:
    behind = ledger.mark_ms - ledger.store_ms
    if behind > SKEW_MS:
        return fail(
            "clock",
            f"the store's clock was set back {behind / 1000:.0f} s: the ledger's time "
            "stands still until it has caught up",
            "set the store's clock right and keep it so with NTP",
        )
    skew = ledger.here_ms - ledger.store_ms
    if abs(skew) > SKEW_MS:
        way = "ahead of" if skew > 0 else "behind"
        return warn(
            "clock",
            f"this machine is {abs(skew) / 1000:.1f} s {way} the store",
            "synchronise both with NTP: dates of jobs and events come out wrong",
        )
    return ok("clock", f"within {abs(skew) / 1000:.2f} s of the store's")


def _jobs(ledger: Ledger) -> Finding:
    says = f"{ledger.wakeups} to be looked at, not counting those behind them in line"
    if not ledger.late:
        return ok("jobs", says)
    return warn(
        "jobs",
        f"{says}, {ledger.late} of them due for more than a minute",
        "add workers, or see their logs",
    )


def _review(count: int) -> Finding:
    if not count:
        return ok("review", "no job needs review")
    return warn("review", f"{count} jobs need review", "sources review list")


def _poison(count: int) -> Finding:
    says = f"{count} records could not be used and were laid aside"
    return warn("poison", says, "see `record_unreadable` in the logs")


def _astray(count: int) -> Finding:
    return warn(
        "queue",
        f"{count} messages were sent with a priority, into lists that no worker reads",
        'set "priority_steps": [0] in the senders\' broker_transport_options, and send '
        "them again",
    )


def _count(queue: str, messages: int) -> str:
    return f"{queue}: {messages} messages"
