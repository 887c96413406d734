"""The sandbox behind a real socket, in a thread of its own."""

import socket
import threading
import time
from collections.abc import Callable
from types import TracebackType

import uvicorn

from sandbox.app import create_app
from sandbox.core import Sandbox
from sandbox.execution import Options
from sandbox.limits import Limits
from sandbox.remote import RemoteSandbox

KEEP_ALIVE = 75
"""Seconds an idle connection is kept, as long as Stripe's front keeps it. Uvicorn's 5
would close connections just as clients reuse them, a fault that nobody ordered."""

BACKLOG = 2048
"""Connections that may wait to be accepted, as many as uvicorn itself would let."""

GRACE = 1
"""Seconds that requests in progress have to end when the server stops."""


class SandboxServer:
    """Runs a sandbox on a socket while its `with` block runs.

        with SandboxServer(auto_customers=True, seed=1) as sandbox:
            client = stripe.StripeClient(
                "sk_test_1", base_addresses={"api": sandbox.url}
            )
            ...
            assert len(sandbox.effects()) == 1

    Args:
        auto_customers: a customer `cus_…` exists from its first mention in a path.
        allow_raw_card_data: card numbers may be sent to create a source.
        deposit_days: days of its clock until micro-deposits can be verified.
        lock_timeout: a customer that one request is changing is locked for all others.
        limits: how many requests an account may send; None for as many as come.
        seed: makes ids and the dice of faults repeatable.
        clock: returns seconds since 1970; it is called in the server's thread.
        host: the address to listen on.
        port: the port to listen on; 0 takes one that is free.
    """

    def __init__(
        self,
        *,
        auto_customers: bool = False,
        allow_raw_card_data: bool = False,
        deposit_days: int = 0,
        lock_timeout: bool = True,
        limits: Limits | None = None,
        seed: int | None = None,
        clock: Callable[[], float] = time.time,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        options = Options(
            auto_customers=auto_customers,
            allow_raw_card_data=allow_raw_card_data,
            deposit_days=deposit_days,
            lock_timeout=lock_timeout,
            limits=limits or Limits(),
            seed=seed,
        )
        self._app = create_app(Sandbox(options, clock))
        self._address = (host, port)

    def __enter__(self) -> RemoteSandbox:
        """Start to serve, and return the sandbox to speak to.

        Raises:
            OSError: the address is taken, or is none of this machine's.
        """
        listener = listen(self._address)
        self._server = uvicorn.Server(_config(self._app))
        self._thread = threading.Thread(
            target=self._server.run, args=([listener],), name="sandbox", daemon=True
        )
        self._thread.start()
        host, port = listener.getsockname()[:2]
        sandbox = RemoteSandbox(f"http://{host}:{port}")
        sandbox.check_health()
        return sandbox

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop to serve; requests that are still in progress are cut after `GRACE`."""
        self._server.should_exit = True
        self._thread.join()


def listen(address: tuple[str, int]) -> socket.socket:
    """Bind and listen before the server starts: no port is lost, no client refused."""
    # With IPPROTO_TCP, not the usual 0: asyncio turns Nagle's algorithm off only where
    # it can see that it is TCP, and with it each answer would take 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _config(app: object) -> uvicorn.Config:
    return uvicorn.Config(
        app,  # type: ignore[arg-type]
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=GRACE,
    )
