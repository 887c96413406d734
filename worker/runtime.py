"""One event loop in its own thread, and everything that lives on it.

Celery's threads hand jobs over and wait; heartbeats and upkeep are coroutines beside
the engine, with Redis connections of their own kind. They are not callbacks on
Celery's timer: that one blocks acknowledgements and stops while Redis is away.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import random
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import redis.asyncio
import structlog
from redis.exceptions import RedisError

from config.settings import Settings
from customer_sources.contract.errors import Problem
from customer_sources.contract.ids import new_token
from customer_sources.contract.names import Keys
from worker.accounts import Accounts
from worker.background import repeat
from worker.batch_ledger import BatchLedger
from worker.bulletin import Bulletin
from worker.clock import lease_clock
from worker.engine import Engine
from worker.gate import Gate
from worker.intake import Intake
from worker.leases import Leases
from worker.ledger import Ledger
from worker.rates import Rates
from worker.sending import Sender
from worker.store import connect
from worker.stripe_api import StripeApi
from worker.sweeping import Sweeping
from worker.watch_ledger import WatchLedger

log = structlog.get_logger("worker")
T = TypeVar("T")
Pass = Callable[[], Awaitable[object]]

BACKGROUND_CONNECTIONS = 9
"""One each for heartbeats, upkeep, the inbox, the gate, batches, sweeps, watches and
the accounts, and one for what answers say of rates."""
BATCHES_SECONDS = 0.05
"""Between two passes over batches, of which each says when it is to be looked at."""
SWEEPS_SECONDS = 0.05
"""Between two steps of a sweep."""


class Runtime:
    """Engine, heartbeats and upkeep of one worker process.

    Args:
        settings: the effective settings.
        upkeep: makes upkeep's one pass. Handed in, because it stands a layer above
            (`tasks`).
        inbox: makes the inbox reader's one pass; likewise.
        batches: makes the one pass over all batches; likewise.
        sweeps: makes the one pass that does a step of a sweep; likewise.
        verifications: makes the one pass over watches that are due; likewise.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        upkeep: Callable[[Ledger], Pass],
        inbox: Callable[[redis.asyncio.Redis, Keys, Intake], Pass],
        batches: Callable[[BatchLedger], Pass],
        sweeps: Callable[[Sweeping], Pass],
        verifications: Callable[[WatchLedger], Pass],
    ) -> None:
        self.boot = new_token()
        self._settings = settings
        self._make_upkeep = upkeep
        self._make_inbox = inbox
        self._make_batches = batches
        self._make_sweeps = sweeps
        self._make_verifications = verifications
        self._background: list[asyncio.Task[None]] = []
        self._stopping = False

    def start(self) -> None:
        """Start the loop and what runs in the background."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="runtime", daemon=True
        )
        self._thread.start()
        self._submit(self._start()).result()

    def run_all(self, job_ids: Sequence[str]) -> None:
        """Run jobs and wait. Called from Celery's threads."""
        self._submit(self._engine.run_all(job_ids)).result()

    def accept(self, command: dict[str, Any], name: str) -> None:
        """Submit a plain Celery producer's command and run it, as above."""
        self._submit(self._accept(command, name)).result()

    def refuse(
        self, problems: Sequence[Problem], name: str, command: Mapping[str, Any]
    ) -> None:
        """Tell a plain Celery producer what is wrong with a message, as above."""
        self._submit(self._intake.reject(problems, name, command)).result()

    def drain(self) -> None:
        """Start nothing new, finish what is in flight. Safe in a signal handler."""
        self._engine.draining = True
        self._gate.closed = True

    def stop(self) -> None:
        """Stop the background and the loop, after the last run has ended.

        Heartbeats go on until here, so that what is finishing keeps its leases.
        """
        self._submit(self._stop()).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _accept(self, command: dict[str, Any], name: str) -> None:
        job_id = await self._intake.take(command, name, ring=False)
        if job_id is not None:
            await self._engine.run_all([job_id])

    async def _start(self) -> None:
        settings = self._settings
        keys = Keys(settings.prefix)
        self._redis = connect(settings.redis_url)
        self._ledger = Ledger(self._redis, keys, settings, self.boot)
        # Heartbeats and upkeep must not queue up behind a hundred runs.
        self._own_redis = connect(settings.redis_url, BACKGROUND_CONNECTIONS)
        rates = Rates(self._own_redis, keys, settings)
        accounts = Accounts(settings)
        leases = Leases(settings.lease_seconds, lease_clock)
        self._api = _api(settings, accounts)
        self._engine = Engine(
            self._ledger,
            Sender(
                self._ledger,
                rates,
                self._api,
                accounts.get,
                settings.pair_secret.get_secret_value(),
            ),
            leases,
            settings,
            clock=lease_clock,
            rng=random.Random(),  # noqa: S311  jitter, not a secret
        )
        self._gate = Gate(rates, self._engine, places=settings.concurrency)
        self._intake = Intake(self._redis, keys, settings)
        own_ledger = Ledger(self._own_redis, keys, settings, self.boot)
        bulletin = Bulletin(accounts, rates, own_ledger)
        with suppress(RedisError):  # rates first, so that nothing leaves without
            await bulletin.one_pass()
        self._start_loops(keys, own_ledger, leases, bulletin)

    def _start_loops(
        self, keys: Keys, own_ledger: Ledger, leases: Leases, bulletin: Bulletin
    ) -> None:
        """Begin what goes on beside the runs until the worker stops."""
        settings = self._settings

        async def beat() -> None:
            for job_id in await leases.beat(own_ledger):
                log.warning("lease_lost", job_id=job_id)

        upkeep = self._make_upkeep(own_ledger)
        inbox = self._make_inbox(self._own_redis, keys, self._intake)
        batches = self._make_batches(
            BatchLedger(self._own_redis, keys, settings, self.boot)
        )
        sweeps = self._make_sweeps(
            Sweeping(self._own_redis, keys, settings.events_hard_cap)
        )
        watches = self._make_verifications(WatchLedger(self._own_redis, keys, settings))
        self._background = [
            self._repeat("heartbeat", settings.heartbeat_seconds, beat),
            self._repeat("upkeep", settings.upkeep_seconds, upkeep),
            self._repeat("inbox", settings.upkeep_seconds, inbox),
            self._repeat("gate", settings.upkeep_seconds, self._gate.one_pass),
            self._repeat("batches", BATCHES_SECONDS, batches),
            self._repeat("sweeps", SWEEPS_SECONDS, sweeps),
            self._repeat("verifications", settings.upkeep_seconds, watches),
            self._repeat("accounts", settings.upkeep_seconds, bulletin.one_pass),
        ]

    def _repeat(self, name: str, seconds: float, one_pass: Pass) -> asyncio.Task[None]:
        loop = repeat(name, seconds, one_pass, lambda: self._stopping)
        return asyncio.create_task(loop)

    async def _stop(self) -> None:
        self._gate.closed = True
        await self._gate.ended()
        self._stopping = True
        for task in self._background:
            task.cancel()
        await asyncio.wait(self._background)
        await self._api.aclose()
        await self._ledger.ended()
        await self._redis.aclose()
        await self._own_redis.aclose()

    def _submit(self, work: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)


def _api(settings: Settings, accounts: Accounts) -> StripeApi:
    """Make the one pool of connections; each request says whose key it has."""
    return StripeApi(
        api_base=settings.stripe_api_base,
        key=accounts.all()[0].secret,
        transport=settings.http_transport,
        connect_timeout=settings.connect_seconds,
        read_timeout=settings.read_seconds,
        total_timeout=settings.request_seconds,
        max_connections=settings.concurrency,
        api_version=settings.stripe_version,
    )
