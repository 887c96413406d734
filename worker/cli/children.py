"""The processes that `sources dev` and `sources demo` start and always end.

Each runs in a session of its own, so that Ctrl-C reaches only the parent, which then
stops them in order. Each watches its standard input, a pipe from the parent: should
the parent be killed, the pipe closes and they stop by themselves.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import IO, Any, NamedTuple

from customer_sources import CustomerSources
from customer_sources.contract.names import PREFIX
from worker.cli.exits import Exit
from worker.cli.say import complain

SANDBOX_KEY = "sk_test_sandbox"
UNLIMITED: Mapping[str, str] = {
    "account_rate": "10000",
    "operation_rate": "10000",
    "in_flight": "1000",
}
"""Settings of workers for a sandbox that has no limits, as it has none by default."""
START_SECONDS = 20.0
STOP_SECONDS = 40.0
"""Above the longest life of one request, which a stopping worker waits for."""


class Sandbox(NamedTuple):
    """A sandbox in a process of its own."""

    process: subprocess.Popen[str]
    url: str


def need_dev_extra() -> Any:
    """Import the sandbox package's store, or say what is missing.

    Raises:
        SystemExit: the `dev` extra is not installed (a production image has neither
            sandbox nor store).
    """
    try:
        from sandbox import store  # noqa: PLC0415  only these commands need it
    except ImportError as error:
        complain(f"this needs the dev extra: {error}", "in a checkout: make install")
        raise SystemExit(Exit.CONFIG) from None
    return store


def start_sandbox(
    port: int = 0, *, seed: int | None = None, logs: IO[str] | None = None
) -> Sandbox:
    """Start a sandbox and wait until it says where it listens.

    Raises:
        RuntimeError: it did not start.
    """
    arguments = ["-m", "sandbox", "--with-parent", "--auto-customers"]
    arguments += ["--port", str(port)]
    if seed is not None:
        arguments += ["--seed", str(seed)]
    process = _start(arguments, stdout=subprocess.PIPE, stderr=logs)
    assert process.stdout is not None  # noqa: S101  asked for above
    url = process.stdout.readline().strip()
    if not url:
        raise RuntimeError("the sandbox did not start")
    return Sandbox(process, url)


def remote_sandbox(url: str) -> Any:
    """Speak to a running sandbox (`sandbox.remote.RemoteSandbox`)."""
    from sandbox.remote import RemoteSandbox  # noqa: PLC0415  dev extra only

    return RemoteSandbox(url)


def start_worker(
    redis_url: str, api_base: str, *, logs: IO[str] | None = None, **settings: str
) -> subprocess.Popen[str]:
    """Start a worker; `settings` are by environment name, without prefix."""
    ours = {f"SOURCES_{name.upper()}": value for name, value in settings.items()}
    environment = {
        **os.environ,
        "SOURCES_REDIS_URL": redis_url,
        "STRIPE_API_BASE": api_base,
        "STRIPE_API_KEY": SANDBOX_KEY,
        **ours,
    }
    return _start(
        ["-m", "worker.cli", "worker", "--with-parent"],
        env=environment,
        stdout=subprocess.DEVNULL if logs is None else logs,  # Celery's farewell
        stderr=logs,
    )


def prefix_here() -> str:
    """Give the prefix of keys that this shell has set, which the children inherit."""
    return os.environ.get("SOURCES_PREFIX", PREFIX)


def wait_for_workers(
    client: CustomerSources, count: int, *processes: subprocess.Popen[str]
) -> None:
    """Wait until `count` workers live on the client's store.

    Raises:
        RuntimeError: one of `processes` ended, or they took too long.
    """
    ends_at = time.monotonic() + START_SECONDS
    while len(client.workers()) < count:
        if any(process.poll() is not None for process in processes):
            raise RuntimeError("a worker ended while starting; its log says why")
        if time.monotonic() > ends_at:
            raise RuntimeError(f"no worker was ready within {START_SECONDS:.0f} s")
        time.sleep(0.05)


def stop(process: subprocess.Popen[str]) -> int:
    """Ask a process to finish, wait, and only then insist. Returns its exit code."""
    process.terminate()
    try:
        return process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()
    finally:
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def _start(
    arguments: list[str],
    *,
    env: Mapping[str, str] | None = None,
    stdout: int | IO[str] | None = None,
    stderr: IO[str] | None = None,
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *arguments],
        env=env,
        stdin=subprocess.PIPE,
        stdout=stdout,
        stderr=stderr,
        text=True,
        start_new_session=True,
    )
