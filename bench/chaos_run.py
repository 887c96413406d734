"""A chaos run: sets the stage, plays the plan, waits, and asks the witnesses."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import msgspec

from bench.chaos_accounts import WORLDS, named, settings_for
from bench.chaos_orders import NAME, Order, orders, sources_needed
from bench.chaos_plan import Act, Action, draw
from bench.chaos_producers import Producer, start_all
from bench.chaos_watch import Reader, Recoveries, bare, told
from bench.chaos_witnesses import Asked, Effect, Weather, Witnesses
from bench.chaos_workers import Worker, Workers
from customer_sources import CustomerSources
from customer_sources.contract.errors import JobNotFound
from customer_sources.contract.names import INTERACTIVE_QUEUE, MARKER, Keys
from sandbox.remote import RemoteSandbox
from sandbox.store import Store
from worker.cli import children

TICK = 0.05
"""Between two looks at the plan, the workers and the recoveries."""
SEEDED_AT_ONCE = 200


class Chaos(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be played."""

    seed: int
    minutes: float
    workers: int = 3
    rate: float = 17.5
    """Orders a second: 10,500 in ten minutes."""
    customers: int = 200
    """Of each account."""
    patience: float = 600.0
    """Seconds that the last jobs have, from the end of the plan, at most. The slowest
    is one that waited five times: it comes again after up to 506 s."""
    settings: Mapping[str, str] = {}
    """The workers' settings beyond the defaults, by environment name, no prefix."""

    @property
    def orders(self) -> list[Order]:
        """What will be asked for."""
        count = round(self.rate * self.minutes * 60)
        return orders(self.seed, count, self.customers)

    @property
    def plan(self) -> list[Action]:
        """What will be done."""
        return draw(self.seed, self.minutes, self.workers)


def play(
    chaos: Chaos, say: Callable[[str], None], keep: Path | None = None
) -> Witnesses:
    """Play a run through, and end everything that it started, come what may.

    Args:
        chaos: what to play.
        say: takes a line of news.
        keep: a new directory in which the store and the logs stay; None: they go.

    Raises:
        RuntimeError, OSError, StoreUnavailable: the stage could not be set, or a
            producer broke: this says nothing about the promise.
    """
    with ExitStack() as stack:
        directory = keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        directory.mkdir(parents=True, exist_ok=directory is not keep)
        stage = Stage(chaos, stack, directory, say)
        stage.play()
        return stage.witnesses()


class Stage:
    """Store, sandbox, workers, producers and watchers of one run.

    Args:
        chaos: what to play.
        stack: takes whatever has to be ended.
        directory: for the store and the logs.
        say: takes a line of news.
    """

    def __init__(
        self,
        chaos: Chaos,
        stack: ExitStack,
        directory: Path,
        say: Callable[[str], None],
    ) -> None:
        self._chaos, self._say = chaos, say
        self._orders = chaos.orders
        self._store = stack.enter_context(
            Store.start(aof=True, directory=directory / "store")
        )
        logs = stack.enter_context((directory / "sandbox.log").open("w"))
        process, url = children.start_sandbox(seed=chaos.seed, logs=logs)
        stack.callback(children.stop, process)
        self._sandbox = RemoteSandbox(url)
        self._seed_sandbox()
        settings = {**settings_for(directory), **chaos.settings}
        self._workers = Workers(self._store.url, url, directory, settings)
        stack.callback(self._workers.close)
        for slot in range(chaos.workers):
            self._workers.start(slot)
        self._client = stack.enter_context(CustomerSources(self._store.url))
        children.wait_for_workers(self._client, chaos.workers)
        self._admin = stack.enter_context(bare(self._store.url, 5, repeats=2))
        self._acts = Counter[str]()
        self._stopped: dict[int, list[Worker]] = {}
        self._started = time.monotonic()
        self._recoveries = Recoveries(self._store.url, self._started)
        stack.callback(self._recoveries.close)
        self._reader = Reader(self._store.url)
        stack.callback(self._reader.stop)
        self._producers: Sequence[Producer] = ()
        stack.callback(self._stop_producers)
        self._hung = False
        self._left = 0
        self._settled = 0.0

    def play(self) -> None:
        """Play the plan, let the last jobs end, and tell the workers to stop."""
        self._reader.start()
        seconds = self._chaos.minutes * 60
        self._producers = start_all(self._store.url, self._orders, seconds)
        for action in self._chaos.plan:
            self._wait_until(self._started + action.at)
            self._say(str(action))
            self._do(action)
        self._wait_until(self._started + seconds)
        self._sandbox.clear_faults()
        self._say("the plan is played; what is left has to end now")
        self._settle()
        self._workers.finish()
        self._reader.stop()

    def witnesses(self) -> Witnesses:
        """Ask everybody."""
        requests = self._sandbox.requests()
        struck = Counter(fault for one in requests for fault in one.faults)
        kept = [told(event) for event in self._client.events(after="0", timeout=0)]
        return Witnesses(
            asked=self._asked(),
            seen=self._reader.seen,
            kept=kept,
            effects=[
                Effect(
                    account=named(effect.account),
                    change=effect.change,
                    object=effect.object,
                    name=effect.metadata.get(NAME, ""),
                    marker=effect.metadata.get(MARKER, ""),
                )
                for effect in self._sandbox.effects()
            ],
            recoveries=self._recoveries.results(),
            weather=Weather(
                acts=dict(sorted(self._acts.items())),
                requests=len(requests),
                struck=sum(bool(one.faults) for one in requests),
                faults=dict(sorted(struck.items())),
                deserters=self._workers.deserters,
                logged=self._workers.logged(),
                seconds=round(time.monotonic() - self._started, 1),
                settled_seconds=round(self._settled, 1),
            ),
        )

    def _seed_sandbox(self) -> None:
        """Put everything into both worlds: what comes to the wrong one is done."""
        needed = list(sources_needed(self._orders).items())
        for start in range(0, len(needed), SEEDED_AT_ONCE):
            for world in WORLDS.values():
                self._sandbox.seed(dict(needed[start : start + SEEDED_AT_ONCE]), world)

    def _wait_until(self, moment: float) -> None:
        """Wait, and look around meanwhile."""
        while True:
            self._workers.look()
            self._recoveries.look()
            left = moment - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(TICK, left))

    def _do(self, action: Action) -> None:
        if action.act is Act.CUT and not self._recoveries.store_up:
            return  # there is nothing to cut
        self._acts[action.act] += 1
        match action.act:
            case Act.KILL:
                at = time.monotonic()
                self._recoveries.killed(self._workers.kill(action.slot), at)
            case Act.TERM:
                self._workers.tell_to_stop(action.slot)
            case Act.STOP:
                worker = self._workers.stop(action.slot)
                self._stopped.setdefault(action.slot, []).append(worker)
            case Act.CONT:
                for worker in self._stopped.pop(action.slot, []):
                    self._workers.go_on(worker)
            case Act.CUT:
                self._admin.client_kill_filter(_type="normal", skipme=True)
            case Act.FAULTS:
                self._sandbox.set_faults(action.rules)
            case _:
                self._to_store(action.act)

    def _to_store(self, act: Act) -> None:
        if act is Act.STORE_BACK:
            if self._hung:
                self._store.resume()
            else:
                self._store.restart()
            self._hung = False
            self._recoveries.outage(over=True)
            return
        self._recoveries.outage(over=False)
        match act:
            case Act.STORE_KILL:
                self._store.kill()
            case Act.STORE_TERM:
                self._store.stop()
            case _:
                self._store.pause()
                self._hung = True

    def _settle(self) -> None:
        """Wait until every order is sent and every accepted job has ended."""
        started = time.monotonic()
        ends_at = started + self._chaos.patience
        while self._unsettled() and time.monotonic() < ends_at:
            self._wait_until(time.monotonic() + 10 * TICK)
        self._settled = time.monotonic() - started
        self._stop_producers()
        for producer in self._producers:
            producer.join()
            if producer.died:
                raise RuntimeError(f"{producer.name} broke") from producer.died

    def _stop_producers(self) -> None:
        for producer in self._producers:
            producer.stop()

    def _unsettled(self) -> bool:
        if any(one.is_alive() for one in self._producers) or self._recoveries.waiting:
            return True
        jobs = {job for one in self._producers for job in one.jobs.values()}
        silent = jobs - self._reader.ended
        known = {job for job in silent if self._in_ledger(job)}
        if len(known) != self._left:
            self._say(f"{len(known)} jobs have not ended yet")
        self._left = len(known)
        keys = Keys()
        queued = self._admin.llen(keys.queue(INTERACTIVE_QUEUE))
        return bool(known or queued or self._admin.xlen(keys.inbox))

    def _in_ledger(self, job_id: str) -> bool:
        try:
            self._client.snapshot(job_id)
        except JobNotFound:
            return False
        return True

    def _asked(self) -> list[Asked]:
        jobs = {n: job for one in self._producers for n, job in one.jobs.items()}
        sure = {name for one in self._producers for name in one.accepted}
        return [
            Asked(
                name=order.name,
                way=order.way,
                account=order.account,
                operation=order.operation,
                job_id=jobs.get(order.name, ""),
                accepted=order.name in sure
                or (order.name in jobs and self._in_ledger(jobs[order.name])),
                source_id=order.source_id,
                fails=order.fails,
            )
            for order in self._orders
        ]
