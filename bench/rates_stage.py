"""What the parts of `bench.rates` and `bench.lanes` play on: an API, workers, jobs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen
from typing import IO, Any

from bench.processes import LOOK_SECONDS
from config.rates import BURST_SECONDS, MARGIN, STRIPE_OPERATION_RATE
from customer_sources import CustomerSources
from sandbox.limits import Limit, Limits
from sandbox.remote import RemoteSandbox
from worker.cli import children

STRIPE = Limits(
    operation=Limit(
        rate=STRIPE_OPERATION_RATE, burst=round(STRIPE_OPERATION_RATE), concurrency=None
    )
)
"""What Stripe grants, as the sandbox holds it: a second's worth may come at once."""
RATE = STRIPE_OPERATION_RATE * (1 - MARGIN)
"""Requests a second that workers send of one operation, by default with a test key."""
BURST = RATE * BURST_SECONDS
"""Requests that workers send at once after a pause, by default."""
SLOT_MS = 1000 / RATE
STATED = (
    f"a sandbox that grants {STRIPE_OPERATION_RATE:g}/s of an operation, "
    f"{STRIPE.operation.burst} at once; workers send {RATE:g}/s "
    f"({MARGIN:.0%} less), {BURST:g} at once"
)


@contextmanager
def api(logs: IO[str], limits: Limits = STRIPE) -> Iterator[RemoteSandbox]:
    """Run a sandbox in a process of its own; end it with the block."""
    sandbox = children.start_sandbox(logs=logs)
    try:
        remote = RemoteSandbox(sandbox.url)
        remote.set_limits(limits)
        yield remote
    finally:
        children.stop(sandbox.process)


@contextmanager
def workers(
    client: CustomerSources,
    addresses: tuple[str, str],
    count: int,
    logs: IO[str],
    **settings: str,
) -> Iterator[Sequence[Popen[str]]]:
    """Run so many workers; end them, all at once, with the block.

    Args:
        client: of their store, on which no worker lives yet.
        addresses: of the store and of the API.
        count: how many.
        logs: takes what they write.
        settings: by environment name, without prefix.

    Raises:
        RuntimeError: one did not start.
    """
    processes: list[Popen[str]] = []
    try:
        processes.extend(  # one by one: those that started are ended
            children.start_worker(*addresses, logs=logs, **settings)
            for _ in range(count)
        )
        children.wait_for_workers(client, count, *processes)
        yield processes
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            children.stop(process)


def accepted(
    client: CustomerSources, commands: Iterable[Mapping[str, Any]]
) -> list[str]:
    """Submit many commands, and return their jobs' ids, in order.

    Raises:
        RuntimeError: one was not accepted.
    """
    ids = []
    for taken in client.submit_many(commands):
        if taken.error is not None:
            raise RuntimeError("a job was not accepted") from taken.error
        ids.append(taken.job_id)
    return ids


def wait_for(
    true: Callable[[], bool], processes: Sequence[Popen[str]], seconds: float
) -> None:
    """Wait for something that processes are to bring about together.

    Raises:
        RuntimeError: one of them ended, or it took too long.
    """
    ends_at = time.monotonic() + seconds
    while not true():
        alive(processes)
        if time.monotonic() > ends_at:
            raise RuntimeError(f"not done within {seconds:.0f} s")
        time.sleep(10 * LOOK_SECONDS)


def sleep_until(moment: float, processes: Sequence[Popen[str]] = ()) -> None:
    """Sleep until a moment, in seconds since 1970; see that nobody ended meanwhile.

    Raises:
        RuntimeError: one of the processes has.
    """
    time.sleep(max(moment - time.time(), 0))
    alive(processes)


def alive(processes: Sequence[Popen[str]]) -> None:
    """Return if all processes run.

    Raises:
        RuntimeError: one has ended.
    """
    if any(process.poll() is not None for process in processes):
        raise RuntimeError("a worker ended while it was measured")


def write_accounts(folder: Path, names: Sequence[str]) -> Path:
    """Write a file of accounts, each with a key and a world of its own."""
    path = folder / "accounts.toml"
    tables = [
        f'[[account]]\nname = "{name}"\nkey = "sk_test_{name}"\n'
        f'stripe_account = "acct_{name}"\n'
        for name in names
    ]
    path.write_text("\n".join(tables), encoding="utf-8")
    return path
