"""Whoever watches while it happens: a reader of the events, and the recoveries."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence

import msgspec
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from bench.chaos_witnesses import Recovery, Told
from customer_sources import CustomerSources, Event, State
from customer_sources.contract.errors import LedgerUnavailable
from customer_sources.contract.names import Class, Keys

ANSWER_SECONDS = 0.5
"""Within which a store that is up answers a look; one that hangs is asked again."""
AWAY_PAUSE = 0.2


def bare(url: str, seconds: float = ANSWER_SECONDS, repeats: int = 0) -> redis.Redis:
    """Connect; by default without any repetition: one call is one command."""
    return redis.Redis.from_url(
        url,
        decode_responses=True,
        socket_timeout=seconds,
        socket_connect_timeout=seconds,
        retry=Retry(NoBackoff(), repeats),
    )


def told(event: Event) -> Told:
    """Reduce an event to what an account needs."""
    return Told(
        id=event.id,
        job_id=event.correlationid,
        account=str(event.data.get("account", "")),
        name=event.causationid,
        state=event.data["state"],
        code=str(event.data.get("error", {}).get("code", "")),
    )


class Reader(threading.Thread):
    """Reads events along, as a consumer would, through whatever happens."""

    def __init__(self, url: str) -> None:
        super().__init__(name="reader", daemon=True)
        self._url = url
        self._stop_asked = threading.Event()
        self.seen: list[Told] = []
        self.ended: set[str] = set()
        """Jobs whose terminal event was seen."""

    def run(self) -> None:
        """Read until `stop`."""
        with CustomerSources(self._url) as client:
            events = client.events(after="0", timeout=1)
            while not self._stop_asked.is_set():
                try:
                    for event in events:
                        self._take(told(event))
                except LedgerUnavailable:
                    self._stop_asked.wait(AWAY_PAUSE)

    def stop(self) -> None:
        """Read what is there, and end."""
        self._stop_asked.set()
        if self.is_alive():
            self.join()

    def _take(self, one: Told) -> None:
        self.seen.append(one)
        if one.terminal:
            self.ended.add(one.job_id)


class _Held(msgspec.Struct):
    """A job that a dead worker held, until somebody else has it."""

    job_id: str
    token: str
    at: float
    outage: bool = False
    seconds: float | None = None


class Recoveries:
    """Measures how long the jobs of killed workers wait for another.

    Directly after a kill the ledger says what the dead worker held: running, and its
    boot id the holder. From then on these records are looked at many times a second,
    until another token stands in them, or the job has ended. So a time is from the
    kill to the look that saw it, at most one tick too long.

    Args:
        url: the store.
        started: when the run began, `time.monotonic()`.
    """

    def __init__(self, url: str, started: float) -> None:
        self._redis = bare(url)
        self._keys = Keys()
        self._started = started
        self._dead: list[tuple[str, float, bool]] = []
        self._open: list[_Held] = []
        self._closed: list[_Held] = []
        self.store_up = True

    def killed(self, boot: str, at: float) -> None:
        """Note a kill; what it held is asked as soon as the store can say."""
        if boot:
            self._dead.append((boot, at, not self.store_up))
        self.look()

    def outage(self, *, over: bool) -> None:
        """Note that the store went, or came back: whatever is open was disturbed."""
        self.store_up = over
        self._dead = [(boot, at, True) for boot, at, _ in self._dead]
        for held in self._open:
            held.outage = True

    def look(self) -> None:
        """Ask about everything that is open. A store that does not answer is let be."""
        if not self.store_up:
            return
        try:
            if self._dead:
                self._find_held()
            if self._open:
                self._find_recovered()
        except redis.RedisError:  # a cut connection; the next look is soon
            return

    def results(self) -> list[Recovery]:
        """Say of each job how long it took; None where it was never seen."""
        return [
            Recovery(
                job_id=held.job_id,
                at=round(held.at - self._started, 3),
                seconds=None if held.seconds is None else round(held.seconds, 3),
                outage=held.outage,
            )
            for held in sorted((*self._closed, *self._open), key=lambda h: h.at)
        ]

    @property
    def waiting(self) -> bool:
        """Whether anything is still open."""
        return bool(self._open or self._dead)

    def close(self) -> None:
        """Give the connection back."""
        self._redis.close()

    def _find_held(self) -> None:
        wakes = (self._redis.zrange(self._keys.wake(one), 0, -1) for one in Class)
        live = [str(one).removeprefix("j:") for members in wakes for one in members]
        records = self._records(live, "state", "holder", "token")
        for boot, at, outage in self._dead:
            for job_id, (state, holder, token) in zip(live, records, strict=True):
                if state == State.RUNNING and holder == boot:
                    self._open.append(_Held(job_id, token, at, outage))
        self._dead.clear()

    def _find_recovered(self) -> None:
        ids = [held.job_id for held in self._open]
        records = self._records(ids, "state", "token")
        now = time.monotonic()
        for held, (state, token) in zip(tuple(self._open), records, strict=True):
            claimed = state == State.RUNNING and token != held.token
            ended = state is not None and State(state).is_terminal
            moved_on = state == State.WAITING  # claimed, and deferred by its new holder
            if claimed or ended or moved_on:
                held.seconds = now - held.at
                self._open.remove(held)
                self._closed.append(held)

    def _records(self, ids: Iterable[str], *fields: str) -> Sequence[Sequence[str]]:
        with self._redis.pipeline(transaction=False) as pipe:
            for job_id in ids:
                pipe.hmget(self._keys.job(job_id), fields)
            answers: Sequence[Sequence[str]] = pipe.execute()
        return answers
