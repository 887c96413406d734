"""A ledger with its clock in our hand, three workers and a producer at it."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

import redis
from pydantic import SecretStr

from config.accounts import Account
from config.rates import Rates as AccountRates
from config.settings import Settings
from customer_sources import CustomerSources, JobConflict, State, scripts
from customer_sources.contract.ids import job_id_for_key
from customer_sources.contract.names import BULK_QUEUE, INTERACTIVE_QUEUE, Keys
from customer_sources.submission import Options, accepted, build
from tests.builders import ending
from tests.integration.ledger_machine.picture import UNNOTICED, Album, Picture
from tests.integration.ledger_machine.runs import Commit, Decision, Job, Run
from worker.ledger import Ledger
from worker.rates import Rates
from worker.replies import Ending, Taken
from worker.store import connect

T = TypeVar("T")

YEAR_MS = 365 * 86_400_000
STEP_MS = 31
"""What one call takes, by the ledger's clock. No few of them make a whole second, so
that no two moments fall together but for the time that the machine really takes."""
KEYED = 10
"""Where submit.lua is told that the producer gave a key."""
WORKERS = 3


class Bench:
    """What one test makes once: connections and an event loop."""

    def __init__(self, url: str, settings: Settings) -> None:
        self.url, self.settings = url, settings
        self.runner = asyncio.Runner()
        self.redis = connect(url)
        self.db = redis.Redis.from_url(url, decode_responses=True)

    def close(self) -> None:
        self.runner.run(self.redis.aclose())
        self.runner.close()
        self.db.close()


class World:
    """One ledger. Its clock stands still between calls, a year behind the machine's.

    The offset that the ledger keeps (see now_ms in the prelude) is set before each
    call, so every comparison is the scripts' own, with the times that we want.
    """

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self.keys = Keys(f"m{uuid.uuid4().hex[:8]}:")
        self.album = Album(bench.db, self.keys)
        self.client = CustomerSources(bench.url, prefix=self.keys.prefix)
        self.db = bench.db
        self.now = time.time_ns() // 1_000_000 - YEAR_MS
        self._submit = self.db.register_script(scripts.load("submit"))
        self._numbers = itertools.count(1)
        self._ledgers = [self._ledger(f"boot-{n}") for n in range(WORKERS)]
        self.boots = [f"boot-{n}" for n in range(WORKERS)]
        self.rates = Rates(bench.redis, self.keys, bench.settings)
        self.call(lambda: self._ledgers[0].announce(live=False))

    def announce(self, limits: AccountRates) -> None:
        """Say how fast the account may send."""
        account = Account(key=SecretStr("sk_test_machine"), rates=limits)
        self.call(lambda: self.rates.announce(account, changed=True))

    def close(self) -> None:
        self.client.close()
        if left := list(self.db.scan_iter(f"{self.keys.prefix}*", count=1000)):
            self.db.delete(*left)

    def number(self) -> int:
        """Count: for names that nothing else has."""
        return next(self._numbers)

    def tick(self) -> None:
        """Set the ledger's clock to ours, which went on by the time of one call."""
        self.now += STEP_MS
        offset = self.now - time.time_ns() // 1_000_000
        self.db.hset(self.keys.meta, "offset", offset)

    def call(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Call one script, at the time by our clock."""
        self.tick()

        return self._bench.runner.run(_awaited(ask))

    def ledger(self, worker: int) -> Ledger:
        return self._ledgers[worker]

    def die(self, worker: int) -> None:
        """Start a worker anew. The one before says nothing more."""
        self.boots[worker] = f"boot-{self.number()}"
        self._ledgers[worker] = self._ledger(self.boots[worker])

    def look(self) -> Picture:
        """Look at all keys; and at the clock: the machine may have been slow."""
        picture = self.album.look()
        self.now = max(self.now, picture.clock)
        return picture

    def go_back(self, picture: Picture, passed_ms: int) -> None:
        """Come back as another server that has lost what was written since."""
        self.album.go_back(picture, passed_ms)
        self.db.hset(self.keys.meta, "server", UNNOTICED)

    def pass_time(self, ms: int) -> None:
        self.now += ms
        self.album.age(ms)

    def submit(self, job: Job, **options: Any) -> str:
        """Submit a job's command; return the id that it got.

        A job without a key would get a random id. It gets one that we know, so that
        the same steps always are the same steps.
        """
        params = {"source": "tok_visa"} if job.kind == "create" else {}
        given = Options(
            idempotency_key=job.keyed or None,
            job_id=None if job.keyed else self.new_id(),
            ordered=bool(job.lane),
            **options,
        )
        one = build(
            self.keys,
            job.kind,
            params,
            given,
            customer=job.customer,
            source_id=job.source,
        )
        if not job.keyed:
            one.arguments[KEYED] = 0
        self.tick()
        accepted(one, self._submit(args=one.arguments))
        return one.job_id

    def new_id(self) -> str:
        """Make the next job id."""
        return job_id_for_key("machine", str(self.number()))

    def is_conflict(self, job: Job) -> bool:
        """Whether another command is refused under this job's key."""
        given = Options(idempotency_key=job.keyed)
        self.tick()
        try:
            self.client.submit("get", {}, given, customer="cus_x", source_id="card_x")
        except JobConflict:
            return True
        return False

    def upkeep(self, worker: int) -> Taken:
        return self.call(lambda: self.ledger(worker).take_due())

    def ring(self, taken: Taken) -> None:
        for job_class, ids in taken.ids.items():
            if ids:
                self.call(partial(self.ledger(0).ring, job_class, ids))

    def next_message(self, *, again: bool = False) -> Sequence[str]:
        """Take a message from a queue; the ids in it. `again`: it stays there too."""
        for queue in (INTERACTIVE_QUEUE, BULK_QUEUE):
            name = self.keys.queue(queue)
            message = self.db.rpop(name)
            if isinstance(message, str):
                if again:
                    self.db.lpush(name, message)
                body = base64.b64decode(json.loads(message)["body"])
                ids: list[str] = json.loads(body)[0][0]
                return ids
        return []

    def record(self, run: Run, decision: Decision, *, token: str = "") -> str | None:
        """Commit or defer. None: superseded. Raises RuntimeError where unproven."""
        token = token or run.token
        ledger = self.ledger(0)
        if isinstance(decision, Commit):
            told = told_ending(run.job.id, decision)
            return self.call(lambda: ledger.commit(run.job.id, token, told))
        quiet = max(0, run.quiet_ends - self.now)
        deferred = self.call(
            lambda: ledger.defer(
                run.job.id,
                token,
                delay_ms=decision.delay_ms,
                counts=decision.counts,
                unknown=decision.unknown,
                quiet_ms=quiet,
            )
        )
        return "" if deferred else None

    def _ledger(self, boot: str) -> Ledger:
        return Ledger(self._bench.redis, self.keys, self._bench.settings, boot)


async def _awaited(ask: Callable[[], Awaitable[T]]) -> T:
    return await ask()


def told_ending(job_id: str, decision: Commit) -> Ending:
    """What a commit writes, with the one event of the job."""
    plain = ending(decision.state, unknown=decision.unknown)
    event = json.dumps({"id": f"{job_id}:terminal", "type": decision.state.value})
    return Ending(
        state=plain.state,
        code=plain.code,
        result=plain.result,
        event=event.encode(),
        unknown=decision.unknown,
        review=decision.review or decision.state is State.NEEDS_REVIEW,
    )


def later(ms: int) -> timedelta | None:
    """A moment ahead, or none."""
    return timedelta(milliseconds=ms) if ms else None
