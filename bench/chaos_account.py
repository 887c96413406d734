"""The account of a chaos run: did the promise hold? Pure.

Nothing is taken on trust: each rule below is broken by some set of witnesses, and
tests/unit/test_chaos_account.py has one for each.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from bench.chaos_effects import CHANGES, OURS, done_by_order, order_of, owners_of
from bench.chaos_orders import Way
from bench.chaos_plan import Act
from bench.chaos_witnesses import Asked, Recovery, Told, Witnesses

RECOVERED_WITHIN = 15.0
"""Seconds from a kill until each of the dead worker's jobs is claimed again; held by
99 of 100 with default settings while the store is up."""


class Speed(msgspec.Struct, frozen=True):
    """How long something took, in seconds; nearest rank."""

    count: int
    p50: float
    p99: float
    longest: float


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the orders for one account."""

    accepted: int
    ended: int
    effects: int
    """In this account's world, whoever ordered them."""
    lost: int
    double_effects: int
    astray: int
    """Events and effects in the other account's name."""


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """The sum. The promise held where `broken` is empty."""

    accepted: Mapping[str, int]
    """By way in."""
    never_accepted: Mapping[str, int]
    """Orders that no ledger ever had, by way: allowed to Celery's messages only."""
    ended: int
    """Accepted jobs that have a terminal event."""
    states: Mapping[str, int]
    needs_review: Mapping[str, int]
    """By reason."""
    failed: Mapping[str, int]
    """By code."""
    effects: Mapping[str, int]
    lost: int
    double_effects: int
    parts: Mapping[str, Part]
    """By the account at Stripe."""
    repeated_events: int
    """Terminal events on the stream beyond the first of each job."""
    retold_events: int
    """Told, gone with a store that was killed, and told again under the same id."""
    recovery: Speed | None
    """While the store was up."""
    recovery_with_outage: Speed | None
    broken: Sequence[str]
    """Every promise that did not hold, in words."""


def add_up(witnesses: Witnesses) -> Account:
    """Compare the witnesses."""
    accepted = [one for one in witnesses.asked if one.accepted]
    ends = _ends(witnesses)
    done = done_by_order(witnesses.asked, witnesses.effects)
    lost = [one for one in accepted if one.job_id not in ends]
    undisturbed = speed(one for one in witnesses.recoveries if not one.outage)
    told = [end for one in accepted if (end := ends.get(one.job_id))]
    astray = list(_astray(witnesses))
    broken = [
        *(f"lost: {one.name} ({one.job_id}) has no terminal event" for one in lost),
        *_never_accepted(witnesses.asked),
        *_wrongly_told(witnesses),
        *_wrongly_done(witnesses, done),
        *(f"wrong account: {what}" for _, what in astray),
        *(line for one in accepted for line in _wrong_end(one, ends, done[one.name])),
        *_slow(witnesses.recoveries, undisturbed),
        *witnesses.weather.deserters,
    ]
    return Account(
        accepted=_counted(one.way for one in accepted),
        never_accepted=_counted(o.way for o in witnesses.asked if not o.accepted),
        ended=len(told),
        states=_counted(end.state for end in told),
        needs_review=_counted(e.code for e in told if e.state == "needs_review"),
        failed=_counted(e.code for e in told if e.state == "failed"),
        effects=_counted(e.change for e in witnesses.effects if e.change in OURS),
        lost=len(lost),
        double_effects=sum(count - 1 for count in done.values() if count > 1),
        parts=_parts(witnesses, ends, done, Counter(name for name, _ in astray)),
        repeated_events=_beyond_the_first(witnesses.kept),
        retold_events=sum((_times(witnesses.seen) - _times(witnesses.kept)).values()),
        recovery=undisturbed,
        recovery_with_outage=speed(o for o in witnesses.recoveries if o.outage),
        broken=broken,
    )


def _parts(
    witnesses: Witnesses,
    ends: Mapping[str, Told],
    done: Mapping[str, int],
    astray: Mapping[str, int],
) -> dict[str, Part]:
    """Add up for each account by itself."""
    changed = Counter(o.account for o in witnesses.effects if o.change in OURS)
    parts = {}
    for account in sorted({one.account for one in witnesses.asked} | changed.keys()):
        mine = [one for one in witnesses.asked if one.account == account]
        accepted = [one for one in mine if one.accepted]
        ended = sum(one.job_id in ends for one in accepted)
        parts[account] = Part(
            accepted=len(accepted),
            ended=ended,
            effects=changed[account],
            lost=len(accepted) - ended,
            double_effects=sum(max(0, done.get(one.name, 0) - 1) for one in mine),
            astray=astray.get(account, 0),
        )
    return parts


def speed(recoveries: Iterable[Recovery]) -> Speed | None:
    """Say how long recoveries took; None where there are none that were seen."""
    took = sorted(one.seconds for one in recoveries if one.seconds is not None)
    if not took:
        return None
    p50, p99 = (took[math.ceil(len(took) * share) - 1] for share in (0.5, 0.99))
    return Speed(len(took), p50, p99, took[-1])


def _ends(witnesses: Witnesses) -> dict[str, Told]:
    """Find each job's terminal event, on the stream as it is at the end."""
    return {told.job_id: told for told in witnesses.kept if told.terminal}


def _never_accepted(asked: Sequence[Asked]) -> Iterator[str]:
    """A Celery message is under the promise only once a worker has taken it."""
    for one in asked:
        if not one.accepted and one.way != Way.CELERY:
            yield f"never accepted: {one.name}, sent by {one.way}, repeated to the end"


def _wrongly_told(witnesses: Witnesses) -> Iterator[str]:
    """Every job one terminal event, and a reader along sees each event once."""
    seen, kept = _times(witnesses.seen), _times(witnesses.kept)
    for event_id, times in kept.items():
        if times > 1:
            yield f"told twice: {event_id} stands {times} times on the stream"
    for event_id in kept - seen:
        yield f"not heard: a reader along missed {event_id}"
    if not witnesses.weather.acts.get(Act.STORE_KILL):
        for event_id in seen - kept:
            yield f"told twice: a reader saw {event_id} more often than it was told"
    yield from _strangely_told((*witnesses.seen, *witnesses.kept), witnesses.asked)


def _strangely_told(events: Sequence[Told], asked: Sequence[Asked]) -> Iterator[str]:
    """No event contradicts another, and none is of something that nobody asked for."""
    known = {one.job_id for one in asked}
    states: dict[str, set[str]] = {}
    jobs: dict[str, set[str]] = {}
    for told in events:
        if told.terminal:
            states.setdefault(told.job_id, set()).add(told.state)
            jobs.setdefault(told.name, set()).add(told.job_id)
    for job_id, several in states.items():
        if len(several) > 1:
            yield f"contradiction: {job_id} was told as {' and '.join(sorted(several))}"
        if job_id not in known:
            yield f"a stranger: {job_id} ended, and nobody asked for it"
    for name, several in jobs.items():
        if name and len(several) > 1:
            yield f"told twice: {name} became the jobs {' and '.join(sorted(several))}"
    for event_id in dict.fromkeys(told.id for told in events if not told.terminal):
        yield f"refused: {event_id}, though every command is a good one"


def _wrongly_done(witnesses: Witnesses, done: Counter[str]) -> Iterator[str]:
    """Every order at most one effect, and every effect an order."""
    by_name = {one.name: one for one in witnesses.asked}
    for name, times in done.items():
        if name not in by_name:
            yield f"a stranger: an effect on {name}, which nobody asked for"
        elif times > 1:
            yield f"done twice: {name} ({by_name[name].job_id}) has {times} effects"
        elif not by_name[name].accepted:
            yield f"untrue: {name} was never accepted, and Stripe did it"
    for effect in witnesses.effects:
        maker = by_name.get(effect.name)
        created = effect.change == "source.created"
        if created and maker and effect.marker != maker.job_id:
            yield f"{effect.object} is marked as of {effect.marker or 'nobody'}"


def _astray(witnesses: Witnesses) -> Iterator[tuple[str, str]]:
    """Find what was done or told in another account's name than it was ordered for.

    Yields:
        The account of the order, and what went astray.
    """
    by_name = {one.name: one for one in witnesses.asked}
    by_job = {one.job_id: one for one in witnesses.asked}
    owners = owners_of(witnesses.asked)
    for effect in witnesses.effects:
        one = by_name.get(order_of(effect, owners))
        if one and effect.change in OURS and effect.account != one.account:
            what = f"{one.name} is for {one.account}, and was done on {effect.account}"
            yield one.account, what
    for told in dict.fromkeys((*witnesses.seen, *witnesses.kept)):
        if (one := by_job.get(told.job_id)) and told.account != one.account:
            what = f"{one.name} is for {one.account}, and was told of {told.account}"
            yield one.account, what


def _wrong_end(one: Asked, ends: Mapping[str, Told], done: int) -> Iterator[str]:
    """Hold what was told of one job against what Stripe did."""
    end = ends.get(one.job_id)
    if end is None:
        return
    changes = one.operation in CHANGES
    if end.state == "succeeded" and changes and not done:
        yield f"untrue: {one.name} succeeded, and Stripe did nothing"
    if end.state == "succeeded" and one.fails:
        yield f"untrue: {one.name} succeeded, and Stripe refuses it ({one.fails})"
    if end.state == "failed" and end.code != one.fails:
        yield f"untrue: {one.name} failed ({end.code}) for no reason that Stripe had"
    if end.state in {"failed", "cancelled"} and done and one.operation != "verify":
        yield f"untrue: {one.name} ended as {end.state}, and Stripe did it"
    if end.state == "cancelled":
        yield f"untrue: {one.name} was cancelled, and nobody asked for that"


def _slow(recoveries: Sequence[Recovery], usual: Speed | None) -> Iterator[str]:
    for one in recoveries:
        if one.seconds is None:
            yield f"not recovered: {one.job_id}, its worker was killed at {one.at} s"
    if usual and usual.p99 >= RECOVERED_WITHIN:
        yield f"slow: p99 of recovery is {usual.p99} s, not below {RECOVERED_WITHIN} s"


def _times(told: Sequence[Told]) -> Counter[str]:
    return Counter(one.id for one in told)


def _beyond_the_first(told: Sequence[Told]) -> int:
    return sum(n - 1 for id_, n in _times(told).items() if id_.endswith(":terminal"))


def _counted(words: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(words).items()))
