"""A ledger whose clock stands still, so that permits can be counted to the millisecond.

The clock's mark (see now_ms in the prelude) is set ahead of the machine's time before
each call: then the mark is the time.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

import redis
from pydantic import SecretStr

from config.accounts import Account
from config.rates import Rates as Limits
from config.settings import Settings
from customer_sources import CustomerSources
from customer_sources.contract.names import DEFAULT_ACCOUNT, Class, Keys
from customer_sources.submission import Options
from tests.builders import ending
from worker.feedback import Slow
from worker.ledger import Ledger
from worker.rates import Rates
from worker.replies import Claimed, Leave, Refused, Taken, Word

AHEAD_MS = 86_400_000
PARAMS: dict[str, dict[str, Any]] = {
    "create": {"source": "tok_visa"},
    "update": {"name": "Jenny"},
    "verify": {"amounts": [32, 45]},
}
KEY = "sk_test_stopped"
PLENTY = 1_000
SOURCES = {"create": "", "list": "", "verify": "ba_1"}
"""Whose id is not that of a card."""


def account(name: str = DEFAULT_ACCOUNT, key: str = KEY, **limits: Any) -> Account:
    """An account; by default one that allows more than any test asks for."""
    plenty = {"account": PLENTY, "operation": PLENTY, "in_flight": PLENTY}
    return Account(name=name, key=SecretStr(key), rates=Limits(**(plenty | limits)))


@dataclass
class Stopped:
    """Producers, workers and their gates, at a moment that stays until it is moved."""

    client: CustomerSources
    ledger: Ledger
    rates: Rates
    db: redis.Redis
    keys: Keys
    settings: Settings
    now: int = 0
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.now = int(self.db.time()[0]) * 1_000 + AHEAD_MS
        self.stop()

    def stop(self) -> None:
        """Have the next call come at our moment."""
        self.db.hset(self.keys.meta, mapping={"clock": self.now, "offset": 0})

    def forward(self, ms: int) -> None:
        """Let time pass."""
        self.now += ms
        self.stop()

    async def announce(
        self, name: str = DEFAULT_ACCOUNT, *, changed: bool = True, **limits: Any
    ) -> str:
        self.stop()
        return await self.rates.announce(account(name, **limits), changed=changed)

    async def suspend(self, name: str, key_id: str, why: str, operation: str) -> str:
        self.stop()
        return await self.rates.suspend(name, key_id, why, operation)

    async def resume(self, name: str = DEFAULT_ACCOUNT) -> str:
        self.stop()
        return await self.rates.resume(name, "asked")

    def submit(
        self, operation: str = "create", *, customer: str = "", **said: Any
    ) -> str:
        """Submit a job; of a customer of its own, where none is named."""
        self.stop()
        params = PARAMS.get(operation, {})
        return self.client.submit(
            operation,
            params,
            Options(**said),
            customer=customer or f"cus_{next(self._numbers)}",
            source_id=SOURCES.get(operation, "card_1"),
        ).id

    def submit_each_later(self, number: int, **said: Any) -> list[str]:
        """Submit jobs one after another, a millisecond between two."""
        jobs = []
        for _ in range(number):
            self.forward(1)
            jobs.append(self.submit(**said))
        return jobs

    def cancel(self, job_id: str) -> None:
        self.stop()
        self.client.cancel(job_id)

    async def claim(self, job_id: str, token: str = "") -> Claimed | Refused:
        self.stop()
        return await self.ledger.claim(job_id, token or _token(job_id))

    async def goes(self, operation: str = "create", **said: Any) -> bool:
        """Whether a new job may send at once; else it stands in line."""
        claimed = await self.claim(self.submit(operation, **said))
        if isinstance(claimed, Claimed):
            # A verify has its permit, and asks for leave with its amounts.
            return claimed.leave is (None if operation == "verify" else Word.GO)
        assert claimed is Refused.QUEUED
        return False

    async def fill(self, operation: str = "create", **said: Any) -> int:
        """Have new jobs sent until one has to stand in line; count those that were."""
        sent = 0
        while await self.goes(operation, **said):
            sent += 1
        return sent

    async def have_a_line(self) -> list[str]:
        """Have the account send one create a second, and one job wait for that."""
        await self.announce(operation=1, burst=0.001)
        await self.fill()
        return self.line()

    async def let_go(self, job_id: str) -> None:
        """Let time pass until it is the turn of this job."""
        for _ in range(100):
            self.forward(1_000)
            if job_id in await self.grant():
                return
        raise AssertionError(f"{job_id} is never let go")

    async def send(self, job_id: str, *, read: str = "") -> Leave:
        self.stop()
        token = _token(job_id)
        return await self.ledger.send(job_id, token, unknown=False, read=read)

    async def end(self, job_id: str) -> None:
        """Have a run end its job."""
        self.stop()
        ended = await self.ledger.commit(job_id, _token(job_id), ending())
        assert ended is not None, "it was somebody else's"

    async def put_off(self, job_id: str) -> None:
        """Have a run end without ending its job."""
        self.stop()
        assert await self.ledger.defer(
            job_id, _token(job_id), delay_ms=60_000, counts=True, unknown=False
        )

    async def grant(self, room: int = PLENTY, lower: int = PLENTY) -> list[str]:
        """Let a gate look once; name whom it lets go."""
        self.stop()
        return list((await self.rates.grant(room, lower)).ids)

    async def served(self, ms: int, step: int = 5) -> list[tuple[int, str]]:
        """Let time pass with gates looking; say who was let go, and after how long."""
        began, served = self.now, []
        while self.now < began + ms:
            self.forward(step)
            served += [(self.now - began, job_id) for job_id in await self.grant()]
        return served

    async def upkeep(self) -> Taken:
        self.stop()
        return await self.ledger.take_due()

    async def slow(
        self,
        operation: str = "create",
        *,
        what: Any = "rate",
        why: str = "told",
        age: float = 0,
    ) -> bool:
        """Have a request that left so many seconds ago come back as too much."""
        self.stop()
        return await self.rates.slow(DEFAULT_ACCOUNT, Slow(what, operation, why), age)

    def line(
        self,
        operation: str = "create",
        of: Class = Class.INTERACTIVE,
        name: str = DEFAULT_ACCOUNT,
    ) -> list[str]:
        """Who stands in a line, in order."""
        return [
            str(one)
            for one in self.db.zrange(self.keys.line(name, operation, of), 0, -1)
        ]

    def record(self, job_id: str) -> dict[str, str]:
        return self._read(self.keys.job(job_id))

    def known(self, name: str = DEFAULT_ACCOUNT) -> dict[str, str]:
        """What the store knows of an account."""
        return self._read(self.keys.account(name))

    def woken_at(self, job_id: str, of: Class = Class.INTERACTIVE) -> int | None:
        """Milliseconds until somebody looks at a job by itself; None: nobody does."""
        when = self.db.zscore(self.keys.wake(of), f"j:{job_id}")
        return None if when is None else round(when) - self.now

    def gate_opens_in(
        self, operation: str = "create", name: str = DEFAULT_ACCOUNT
    ) -> int | None:
        """Milliseconds until somebody looks at a line; None: nobody does."""
        when = self.db.zscore(self.keys.gates, f"{name}|{operation}")
        return None if when is None else round(when) - self.now

    def _read(self, key: str) -> dict[str, str]:
        found = self.db.hgetall(key)
        return {str(name): str(value) for name, value in found.items()}


def _token(job_id: str) -> str:
    return f"run of {job_id}"
