"""What a part of `bench.rates` saw, added up. Pure."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import quantiles
from typing import NamedTuple

from sandbox.journal import RequestRecord

TOO_MANY_REQUESTS = 429


class Span(NamedTuple):
    """A stretch of time, in seconds since 1970."""

    begins: float
    ends: float

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.ends - self.begins


class Use(NamedTuple):
    """How much of an allowance was used."""

    sent: int
    allowed: float

    @property
    def percent(self) -> float:
        """Requests sent, of a hundred that were allowed."""
        return 100 * self.sent / self.allowed

    def __str__(self) -> str:
        return f"{self.sent:,} requests of {self.allowed:,.0f}"


def use(records: Iterable[RequestRecord], span: Span, rate: float) -> Use:
    """Hold the requests that arrived in a span against a rate, in requests a second.

    Whoever was refused sent in vain, and used nothing.
    """
    let_in = (one for one in records if one.status != TOO_MANY_REQUESTS)
    return Use(arrived(let_in, span), rate * span.seconds)


def arrived(records: Iterable[RequestRecord], span: Span) -> int:
    """Count the requests that arrived in a span."""
    return sum(span.begins <= one.began < span.ends for one in records)


def refused(records: Iterable[RequestRecord]) -> int:
    """Count the requests that a limiter refused."""
    return sum(one.status == TOO_MANY_REQUESTS for one in records)


def back_at(
    records: Iterable[RequestRecord], since: float, rate: float, span: float = 5.0
) -> float | None:
    """Find out after how many seconds a rate is reached again.

    Args:
        records: in the order of their arrival.
        since: the moment from which to count, in seconds since 1970.
        rate: requests a second that count as reached.
        span: seconds for which it must hold.

    Returns:
        Seconds until the first request of such a stretch; None: there is none.
    """
    times = [one.began for one in records if one.began >= since]
    enough = int(rate * span)
    for first, last in zip(times, times[enough:], strict=False):
        if last - first <= span:
            return first - since
    return None


def took(started: Mapping[str, float], told: Mapping[str, float]) -> list[float]:
    """Say how long each job took from its submission to its event, in milliseconds.

    Args:
        started: by job, when it was about to be submitted, in seconds.
        told: by job, when its event was there, by the same clock. Others may be in it.

    Raises:
        RuntimeError: a job has no event.
    """
    if missing := started.keys() - told.keys():
        raise RuntimeError(f"{len(missing)} jobs have no event")
    return [(told[job_id] - at) * 1000 for job_id, at in started.items()]


def p50(samples: Sequence[float]) -> float:
    """Half of them are not above it."""
    return quantiles(samples, n=2, method="inclusive")[0]


def p99(samples: Sequence[float]) -> float:
    """One in a hundred is above it."""
    return quantiles(samples, n=100, method="inclusive")[98]


def spread(count: int, seconds: float, rng: random.Random) -> Iterator[float]:
    """Spread moments evenly, each by chance within its own slice of the time.

    So that no timer of a worker's is always met in the same phase, and no crowd of
    jobs waits for itself.
    """
    slice_ = seconds / count
    for number in range(count):
        yield (number + rng.random()) * slice_
