"""Processes that a benchmark starts, freezes, asks for their CPU time, and ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

from customer_sources import CustomerSources
from worker.cli import children

LOOK_SECONDS = 0.01
"""Between two looks at whether something has come true."""


class Helper(NamedTuple):
    """A module of ours that runs in a process of its own."""

    process: subprocess.Popen[str]
    said: str
    """Its first line, by which it is ready."""


@contextmanager
def helper(module: str, *words: str, logs: IO[str] | None = None) -> Iterator[Helper]:
    """Run a module that prints a line when it is ready; end it with the block.

    Raises:
        RuntimeError: it ended before it was ready.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", module, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=logs,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        said = process.stdout.readline().strip()
        if not said:
            raise RuntimeError(f"{module} did not start")
        yield Helper(process, said)
    finally:
        children.stop(process)


@contextmanager
def worker(
    store_url: str, api_base: str, logs: IO[str], **settings: str
) -> Iterator[subprocess.Popen[str]]:
    """Run a worker of ours, without limits unless told so; end it with the block.

    Raises:
        RuntimeError: it did not start.
    """
    process = children.start_worker(
        store_url, api_base, logs=logs, **{**children.UNLIMITED, **settings}
    )
    try:
        with CustomerSources(store_url) as client:
            children.wait_for_workers(client, 1, process)
        yield process
    finally:
        children.stop(process)


@contextmanager
def frozen(process: subprocess.Popen[str]) -> Iterator[None]:
    """Let a process do nothing at all while the block lasts."""
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


def cpu_seconds(pid: int) -> float:
    """Tell the CPU time of a process so far, user and system (Linux only)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    user, system = fields[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def wait_until(
    true: Callable[[], bool], process: subprocess.Popen[str], seconds: float
) -> None:
    """Wait for something that a process is to bring about.

    Raises:
        RuntimeError: it ended, or it took too long.
    """
    ends_at = time.monotonic() + seconds
    while not true():
        if process.poll() is not None:
            raise RuntimeError("a process that was measured ended")
        if time.monotonic() > ends_at:
            raise RuntimeError(f"not done within {seconds:.0f} s")
        time.sleep(LOOK_SECONDS)
