"""Nothing outlives us: not a store, however its parent ends, nor what a store left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sandbox.guardian import Guarded
from sandbox.store import Store, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DEADLINE_SECONDS = 10.0

PREAMBLE = """
import os, redis, signal, sys
from redis.backoff import NoBackoff
from redis.retry import Retry
from sandbox.store import Store

store = Store.start()
client = redis.Redis.from_url(
    store.url, socket_timeout=0.2, retry=Retry(NoBackoff(), 0)
)
print(store.pid, store.directory, flush=True)
"""

# A script that never ends: the server no longer acts on SIGTERM.
BUSY = """
try:
    client.eval("while true do end", 0)
except redis.TimeoutError:
    pass
"""

# A child that stays, and holds a copy of whatever its parent has open.
FORKED = """
if os.fork() == 0:
    signal.pause()
"""

# A child that ends as an interpreter does; its parent's store is none of its business.
CAME_AND_WENT = """
if os.fork() == 0:
    store.stop()
    sys.exit()
os.wait()
assert client.ping()
assert store.directory.exists()
"""


def wait_until(condition: Callable[[], bool], *, that: str) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain until {that}"
        time.sleep(0.005)


def is_running(pid: int) -> bool:
    """Tell a process from none, and from a zombie which nobody reaps."""
    try:
        os.kill(pid, 0)
        words = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except ProcessLookupError:
        return False
    except FileNotFoundError:  # no /proc, as on macOS; or gone between the two
        return sys.platform != "linux"
    return words.rpartition(")")[2].split()[0] != "Z"


@dataclass(frozen=True)
class Parent:
    """A Python process that has started a store."""

    process: subprocess.Popen[str]
    store_pid: int
    store_directory: Path

    def say(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def store_is_gone(self) -> bool:
        return not is_running(self.store_pid) and not self.store_directory.exists()


@contextmanager
def parent(then: str) -> Iterator[Parent]:
    """Run a parent that starts a store, does `then` and waits for its input to end."""
    script = f"{PREAMBLE}\n{then}\nprint('ready', flush=True)\nsys.stdin.read()\n"
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            assert process.stdout is not None
            pid, directory = process.stdout.readline().split(maxsplit=1)
            started = Parent(process, int(pid), Path(directory.strip()))
            assert started.say() == "ready"
            yield started
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def test_who_ignores_sigterm_gets_sigkill_with_all_its_children(tmp_path: Path) -> None:
    log = tmp_path / "log"
    stubborn = "trap '' TERM; sleep 600 & echo $!; while :; do wait; done"
    program = Guarded(["/bin/sh", "-c", stubborn], log=log)
    wait_until(lambda: program.printed.endswith("\n"), that="the program has started")
    child = int(program.printed)

    program.end(grace=0.01)

    assert program.exit_code == -signal.SIGKILL
    wait_until(lambda: not is_running(child), that="its child is gone too")


@pytest.mark.parametrize(
    "then",
    ["", "store.pause()", BUSY, FORKED, CAME_AND_WENT],
    ids=["idle", "paused", "busy", "forked", "came-and-went"],
)
def test_a_parent_killed_with_sigkill_leaves_nothing(then: str) -> None:
    with parent(then) as started:
        assert is_running(started.store_pid)
        started.process.kill()
        wait_until(started.store_is_gone, that="the store is gone")


def test_a_store_that_nobody_stopped_goes_with_the_interpreter() -> None:
    with parent("") as started:
        started.process.communicate()
        assert started.process.returncode == 0
        assert started.store_is_gone()


def test_ctrl_c_in_the_terminal_does_not_reach_the_store_nor_its_guardian() -> None:
    handler = "lambda *_: print(client.ping(), flush=True)"
    with parent(f"signal.signal(signal.SIGINT, {handler})") as started:
        os.killpg(started.process.pid, signal.SIGINT)
        assert started.say() == "True"
        started.process.kill()
        wait_until(started.store_is_gone, that="the guardian has ended the store")


def test_two_stores_cannot_share_a_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandbox.guardian.LOCK_SECONDS", 0.01)
    in_use = pytest.raises(StoreUnavailable, match="another store is using")
    with Store.start(directory=tmp_path), in_use:
        Store.start(directory=tmp_path)
