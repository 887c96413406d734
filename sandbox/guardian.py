"""A child process that cannot outlive us, not even where we die of SIGKILL.

Beside the child stands a guardian: a few lines of shell that read a pipe whose other
end only we hold open. However we die, the kernel closes that end, and the guardian
ends the child. Both have sessions of their own, so that a Ctrl-C meant for us passes
them by. Linux and macOS.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import time
import weakref
from contextlib import ExitStack, contextmanager, suppress
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

END_SECONDS = 5.0
"""How long a child may take to end in good order: one last fsync and to spare."""

LOCK_SECONDS = 2.0
"""How long a lock may stay taken: a guardian needs little over one second to end."""

_POLL_SECONDS = 0.005

# The pipe carries the child's pid, then perhaps `released`: ended in good order. A
# paused child hears SIGTERM only once continued. Ten looks make the second in which it
# may still end by itself; then its whole process group goes, and the scratch directory.
_GUARD = """
child=
while read -r line; do
    case $line in
        released) exit ;;
        *) child=$line ;;
    esac
done
if [ -n "$child" ]; then
    kill -s TERM "$child"
    kill -s CONT "$child"
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        kill -0 "$child" || break
        sleep 0.1
    done
    kill -s KILL -- "-$child"
fi
[ -z "$1" ] || rm -rf -- "$1"
"""

# The child tells the guardian its pid before it becomes the program, which has the same
# one: there is no moment at which it runs and nobody guards it.
_ANNOUNCE = 'echo "$$"; exec "$@" >&2'


class Guarded:
    """One run of a program, and the guardian that ends it should we be gone.

    Args:
        command: The program and its arguments.
        log: A file that takes what the program prints; locked until it has ended, so
            that no two programs share what lies beside it.
        scratch: A directory that the guardian removes if it has to step in.

    Raises:
        BlockingIOError: The log is another program's, even after `LOCK_SECONDS`.
        OSError: The log cannot be written, or a process not be started.
    """

    def __init__(
        self, command: Sequence[str], *, log: Path, scratch: Path | None = None
    ) -> None:
        self._log = log
        with log.open("ab") as output, _locked(log) as lock:
            self._start = output.tell()
            hearing, speaking = os.pipe()  # not inherited by children to come: PEP 446
            self._line = os.fdopen(speaking, "wb", buffering=0)
            _guarded.add(self)
            with ExitStack() as failed:
                failed.callback(self._line.close)
                self._guardian = _guardian(hearing, lock, scratch)
                failed.callback(self._release)
                self._child = _child(command, self._line, output)
                failed.pop_all()

    @property
    def pid(self) -> int:
        """The program's process id."""
        return self._child.pid

    @property
    def exit_code(self) -> int | None:
        """None while the program runs; negative where a signal ended it."""
        return self._child.poll()

    @property
    def printed(self) -> str:
        """What this run of the program has printed so far."""
        return self._log.read_bytes()[self._start :].decode(errors="replace")

    def send(self, number: signal.Signals) -> None:
        """Send the program a signal; nothing happens where it has ended."""
        self._child.send_signal(number)

    def end(self, grace: float = END_SECONDS) -> None:
        """End the program and its guardian, and wait until they are gone.

        Idempotent, and without effect in a process forked from ours.

        Args:
            grace: Seconds between SIGTERM and SIGKILL; 0 sends only the latter.

        Raises:
            subprocess.TimeoutExpired: It is stuck in the kernel, SIGKILL or not.
        """
        if self._line.closed:
            return
        if grace:
            self.send(signal.SIGTERM)
            self.send(signal.SIGCONT)
            with suppress(subprocess.TimeoutExpired):
                self._child.wait(grace)
        if self.exit_code is None:
            # macOS says EPERM of a group whose last process has just ended.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
            self._child.wait(END_SECONDS)
        self._release()

    def disown(self) -> None:
        """Let go of the pipe, in a forked child: its copy would hide our death."""
        self._line.close()

    def _release(self) -> None:
        """Tell the guardian that there is nothing left to guard, and see it end."""
        with suppress(BrokenPipeError), self._line:
            self._line.write(b"released\n")
        self._guardian.wait(END_SECONDS)


def _guardian(hearing: int, lock: int, scratch: Path | None) -> subprocess.Popen[bytes]:
    with os.fdopen(hearing, "rb") as stdin:
        return subprocess.Popen(
            ["/bin/sh", "-c", _GUARD, "guardian", str(scratch or "")],
            stdin=stdin,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(lock,),
            start_new_session=True,
        )


def _child(
    command: Sequence[str], line: IO[bytes], output: IO[bytes]
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        ["/bin/sh", "-c", _ANNOUNCE, "child", *command],
        stdin=subprocess.DEVNULL,
        stdout=line,
        stderr=output,
        start_new_session=True,
    )


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    """Open a file and lock it, until every copy of the descriptor is closed."""
    deadline = time.monotonic() + LOCK_SECONDS
    with path.open("ab") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(_POLL_SECONDS)
        yield file.fileno()


_guarded: weakref.WeakSet[Guarded] = weakref.WeakSet()


def _after_fork() -> None:
    for guarded in _guarded:
        guarded.disown()


os.register_at_fork(after_in_child=_after_fork)
