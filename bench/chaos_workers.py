"""The workers of a chaos run: real processes in slots, killed, stopped and replaced."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from worker.cli import children

TERM_SECONDS = 60.0
"""Within which a worker told to stop has to be gone: the longest life of a request (30)
and a call to a store that is away. One that is stopped meanwhile gets that on top."""
_BOOT = re.compile(
    rb'"boot": ?"(\w+)"[^\n]*"worker_ready"|"worker_ready"[^\n]*"boot": ?"(\w+)"'
)
_EVENT = re.compile(rb'"event": ?"(\w+)"')
_SUPERSEDED = re.compile(rb'"outcome": ?"superseded"')
_NOTED = frozenset({"lane_broke", "pass_broke", "run_broke", "lease_lost"})


class Worker:
    """One worker process.

    Args:
        process: it.
        log: what it writes.
    """

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self.process = process
        self.log = log
        self.killed = False
        self.told_at: float | None = None
        """When it was told to stop; put off while it cannot hear that."""
        self.fine = {0}
        """Exit codes in good order, once it was told to stop."""
        self._boot = ""

    @property
    def boot(self) -> str:
        """The name under which it holds jobs; "" before it is ready for any."""
        if not self._boot and (found := _BOOT.search(self.log.read_bytes())):
            self._boot = (found[1] or found[2]).decode()
        return self._boot

    def send(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens where it has ended."""
        self.process.send_signal(number)

    def tell_to_stop(self) -> None:
        """SIGTERM. One that only starts has nothing to finish, and may die of it."""
        if not self.boot:
            self.fine.add(-signal.SIGTERM)
        self.told_at = time.monotonic()
        self.send(signal.SIGTERM)


class Workers:
    """A fixed number of slots with a worker in each.

    Args:
        store_url: their store.
        api_base: their Stripe.
        directory: for their logs.
        settings: theirs beyond the defaults, by environment name without prefix.
    """

    def __init__(
        self,
        store_url: str,
        api_base: str,
        directory: Path,
        settings: Mapping[str, str],
    ) -> None:
        self._addresses = store_url, api_base
        self._directory = directory
        self._settings = {**children.UNLIMITED, **settings}
        self._slots: dict[int, Worker] = {}
        self._all: list[Worker] = []
        self.deserters: list[str] = []
        """Those that ended without being told to, or not in good order, in words."""

    def start(self, slot: int) -> None:
        """Put a new worker into a slot; returns before it is ready."""
        log = self._directory / f"worker-{len(self._all):03}.log"
        with log.open("w") as sink:
            process = children.start_worker(
                *self._addresses, logs=sink, **self._settings
            )
        worker = Worker(process, log)
        self._slots[slot] = worker
        self._all.append(worker)

    def kill(self, slot: int) -> str:
        """SIGKILL, and a new one at once. Returns the boot id; "" before it had one."""
        victim = self._slots[slot]
        victim.killed = True
        victim.send(signal.SIGKILL)
        victim.process.wait()
        self.start(slot)
        return victim.boot

    def tell_to_stop(self, slot: int) -> None:
        """SIGTERM, and a new one at once."""
        self._slots[slot].tell_to_stop()
        self.start(slot)

    def stop(self, slot: int) -> Worker:
        """SIGSTOP. Returns who was stopped."""
        worker = self._slots[slot]
        worker.send(signal.SIGSTOP)
        return worker

    def go_on(self, worker: Worker) -> None:
        """SIGCONT."""
        if worker.told_at is not None:
            worker.told_at = time.monotonic()
        worker.send(signal.SIGCONT)

    def look(self) -> None:
        """Note who ended by itself, and who does not end though it was told to."""
        for worker in list(self._all):
            if worker.killed:
                continue
            code = worker.process.poll()
            late = worker.told_at and time.monotonic() - worker.told_at > TERM_SECONDS
            if code is None and late:
                worker.killed = True
                worker.send(signal.SIGKILL)
                self._note(worker, f"had not ended {TERM_SECONDS:.0f} s after SIGTERM")
            elif code is not None:
                worker.killed = True  # counted once
                if code not in worker.fine or worker.told_at is None:
                    self._note(worker, f"ended by itself with code {code}")
        for slot, worker in self._slots.items():
            if worker.process.poll() is not None:
                self.start(slot)

    def finish(self) -> None:
        """Tell all to stop, in good order, and wait for them."""
        for worker in self._all:
            if worker.process.poll() is None:
                self.go_on(worker)
                worker.tell_to_stop()
        self._slots.clear()
        while any(one.process.poll() is None for one in self._all):
            self.look()
            time.sleep(0.05)
        self.look()

    def close(self) -> None:
        """End whatever is left, without asking; by pid, and only what is ours."""
        for worker in self._all:
            worker.send(signal.SIGKILL)
            worker.process.wait()
            if worker.process.stdin:
                worker.process.stdin.close()

    def logged(self) -> dict[str, int]:
        """Count the lines of all logs that tell of trouble of the workers' own."""
        counts = Counter[str]()
        for text in self._texts():
            events = (found.decode() for found in _EVENT.findall(text))
            counts.update(event for event in events if event in _NOTED)
            counts["superseded"] += len(_SUPERSEDED.findall(text))
            counts["Traceback"] += text.count(b"Traceback")
        return dict(sorted((+counts).items()))

    def _texts(self) -> Iterator[bytes]:
        return (worker.log.read_bytes() for worker in self._all)

    def _note(self, worker: Worker, what: str) -> None:
        name = f"{worker.log.stem} (pid {worker.process.pid})"
        self.deserters.append(f"deserted: {name} {what}")
