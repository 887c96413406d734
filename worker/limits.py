"""What accounts may send, do send, and wait for, as it is shown. Pure.

Two readings of an account, a moment apart, become one view of it. The rules that are
repeated here are those of worker/lua/permits.lua; a test holds the two together.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from customer_sources.contract.events import rfc3339
from customer_sources.contract.names import Class
from customer_sources.contract.operations import OPERATIONS
from worker.standing import AccountLimits, Announced, Limit, Suspension

LIMITED = (*OPERATIONS, "token")
"""What has a rate of its own: the operations, and the reading of a token."""
STEADY_MS = 1_500
"""After a halving, in which nothing grows."""
GROWN_BACK_MS = 30_000
"""In which what was halved to nothing is whole again."""
SLOWEST = 1.0
"""Requests a second: what no halving goes below, a probe."""
DAY_MS = 86_400_000
DAYS = 30
"""Over which Stripe counts reads."""


class Line(NamedTuple):
    """Who waits for a permit: jobs of one operation and class."""

    waiting: int
    oldest_ms: float | None
    """When the first of them was accepted; None: nobody waits."""


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What the store held of one account at one moment."""

    account: str
    now_ms: int
    """By the ledger's clock."""
    record: Mapping[str, str]
    """Of `account:{name}`, as it stands; empty: nobody wrote of it."""
    flights: Mapping[str, int]
    """Requests in flight: by operation, and "" for all."""
    lines: Mapping[tuple[str, Class], Line]
    """By operation and class."""


def announced(reading: Reading) -> Announced:
    """Say how an account was announced."""
    record = reading.record
    burst = _number_or_none(record.get("burst"))
    own = {op: num(record[f"each:{op}"]) for op in LIMITED if f"each:{op}" in record}
    return Announced(
        account=reading.account,
        mode=record.get("mode", ""),
        key_id=record.get("key", ""),
        account_per_second=_number_or_none(record.get("rate")),
        operation_per_second=_number_or_none(record.get("each")),
        own_per_second=own,
        in_flight=int(num(record.get("cap"))) or None,
        burst_seconds=None if burst is None else burst / 1000,
        suspended=suspension(record),
    )


def view(now: Reading, before: Reading | None) -> AccountLimits:
    """Compose what is shown of an account.

    Args:
        now: the later reading.
        before: the earlier one; without it nothing can be said of what is used.
    """
    return AccountLimits(
        account=now.account,
        mode=now.record.get("mode", ""),
        key_id=now.record.get("key", ""),
        suspended=suspension(now.record),
        reads_last_30_days=reads(now.record, now.now_ms),
        whole=_limit(now, before, ""),
        operations={op: _limit(now, before, op) for op in LIMITED},
    )


def suspension(record: Mapping[str, str]) -> Suspension | None:
    """Read why an account is suspended; None: it is not."""
    if "suspended" not in record:
        return None
    return Suspension(
        since=_moment(num(record["suspended"])),
        refused=record.get("refused", ""),
        operation=record.get("refused_op", ""),
        key_id=record.get("refused_key", ""),
    )


def reads(record: Mapping[str, str], now_ms: int) -> int:
    """Count the reads of the last 30 days."""
    today = now_ms // DAY_MS
    days = range(today - DAYS + 1, today + 1)
    return sum(int(num(record.get(f"reads:{day}"))) for day in days)


def share_now(share: float | None, since_ms: float, now_ms: float) -> float:
    """Say what is left of a rate or a cap after halvings, growing back steadily.

    Args:
        share: what the last halving left; None: there was none.
        since_ms: when that was.
        now_ms: likewise of the ledger's clock.
    """
    if share is None:
        return 1.0
    grown = max(0.0, now_ms - since_ms - STEADY_MS) / GROWN_BACK_MS
    return min(1.0, share + grown)


def slowed(rate: float, share: float | None, since_ms: float, now_ms: float) -> float:
    """Say what a rate of requests a second is at this moment. See `share_now`."""
    return max(min(SLOWEST, rate), rate * share_now(share, since_ms, now_ms))


def num(text: str | None) -> float:
    """Read a number of a record; 0 where there is none, as the scripts have it."""
    try:
        number = float(text or 0)
    except ValueError:
        return 0.0
    return number if math.isfinite(number) else 0.0


def _limit(now: Reading, before: Reading | None, op: str) -> Limit:
    """Compose one limit; `op` is "" for the whole account."""
    record, of = now.record, f":{op}" if op else ""
    share, since = _number_or_none(record.get(f"f{of}")), num(record.get(f"f_at{of}"))
    rate = _rate(record, op)
    allowed = None if rate is None else slowed(rate, share, since, now.now_ms)
    if "suspended" in record:
        allowed = 0.0
    cap = int(num(record.get("cap"))) or None
    halved_at = max(since, num(record.get(f"c_at{of}")))
    lines = {key: line for key, line in now.lines.items() if op in {"", key[0]}}
    return Limit(
        allowed_per_second=_rounded(allowed),
        configured_per_second=rate,
        used_per_second=_rounded(_used(now, before, f"sent{of}")),
        sent=int(num(record.get(f"sent{of}"))),
        waiting=_by_class(lines),
        oldest_wait_seconds=_oldest([*lines.values()], now.now_ms),
        in_flight=now.flights.get(op, 0),
        in_flight_allowed=None if cap is None else _cap_now(now, cap, of),
        in_flight_configured=cap,
        halvings=int(num(record.get(f"halved{of}"))),
        last_reason=record.get(f"why{of}", ""),
        last_halved_at=_moment(halved_at) if halved_at else "",
    )


def _rate(record: Mapping[str, str], op: str) -> float | None:
    """Without the account's rate nothing is limited: nobody announced it."""
    if "rate" not in record:
        return None
    return num(record.get(f"each:{op}", record.get("each")) if op else record["rate"])


def _used(now: Reading, before: Reading | None, name: str) -> float | None:
    if before is None or now.now_ms <= before.now_ms:
        return None
    more = num(now.record.get(name)) - num(before.record.get(name))
    return max(0.0, more) * 1000 / (now.now_ms - before.now_ms)


def _cap_now(now: Reading, cap: int, of: str) -> int:
    share, since = now.record.get(f"c{of}"), num(now.record.get(f"c_at{of}"))
    return max(
        1, math.floor(cap * share_now(_number_or_none(share), since, now.now_ms))
    )


def _by_class(lines: Mapping[tuple[str, Class], Line]) -> dict[Class, int]:
    counts = dict.fromkeys(Class, 0)
    for (_, name), line in lines.items():
        counts[name] += line.waiting
    return counts


def _oldest(lines: Sequence[Line], now_ms: int) -> float | None:
    since = [line.oldest_ms for line in lines if line.oldest_ms is not None]
    return _rounded(max(0.0, now_ms - min(since)) / 1000) if since else None


def _number_or_none(text: str | None) -> float | None:
    return None if text is None else num(text)


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 3)


def _moment(ms: float) -> str:
    return rfc3339(max(0, int(ms)))
