"""Run a sandbox from a shell: `python -m sandbox --port 12111`.

It prints its URL, and stops with exit status 0 on SIGTERM or SIGINT.
"""

import argparse
import os
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress

import msgspec

from sandbox.limits import Limit, Limits
from sandbox.server import SandboxServer

HIGHEST_PORT = 65535
DEFAULT_PORT = 12111
"""The port that stripe-mock has taken before us: tools around Stripe know it."""


def run(argv: Sequence[str], *, program: str = "python -m sandbox") -> int:
    """Run a sandbox until it is told to stop; call it in the main thread.

    Args:
        argv: the options, without the program's name.
        program: what it is called in its help and its complaints.

    Returns:
        The exit status: 0, or 1 where it cannot listen.

    Raises:
        SystemExit: 2 for options that make no sense, 0 after the help.
    """
    parser = _parser(program)
    options = parser.parse_args(argv)
    try:
        limits = _limits(options)
    except msgspec.ValidationError as error:
        parser.error(f"limits: {error}")
    server = SandboxServer(
        auto_customers=options.auto_customers,
        allow_raw_card_data=options.allow_raw_card_data,
        deposit_days=options.deposit_days,
        lock_timeout=options.lock_timeout,
        limits=limits,
        seed=options.seed,
        host=options.host,
        port=options.port,
    )
    return _serve(server, with_parent=options.with_parent)


def _serve(server: SandboxServer, *, with_parent: bool) -> int:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if with_parent:
        threading.Thread(target=_wait_for_parent, args=(stop,), daemon=True).start()
    try:
        with server as sandbox:
            print(sandbox.url, flush=True)  # noqa: T201 - what a shell reads
            stop.wait()
    except OSError as error:
        print(f"sandbox: {error}", file=sys.stderr)  # noqa: T201 - likewise
        return 1
    return 0


def _wait_for_parent(stop: threading.Event) -> None:
    """Stop when standard input ends: the process that opened it is gone."""
    # Bare reads: a thread inside sys.stdin would hold its lock at interpreter exit.
    # Where there is no input at all, reading fails: nobody is there either.
    with suppress(OSError):
        while os.read(0, 4096):
            pass
    stop.set()


def _port(text: str) -> int:
    """Read a port; argparse tells the rule by this function's name and its error."""
    port = int(text)
    if not 0 <= port <= HIGHEST_PORT:
        raise argparse.ArgumentTypeError(f"a port is 0 to {HIGHEST_PORT}")
    return port


def _limits(options: argparse.Namespace) -> Limits:
    given = {
        scope: {
            name: getattr(options, f"{scope}_{name}")
            for name in Limit.__struct_fields__
        }
        for scope in Limits.__struct_fields__
    }
    return msgspec.convert(given, Limits)


def _parser(program: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program,
        description="A fake Stripe for customer sources. It keeps all in memory.",
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument(
        "--port", type=_port, default=DEFAULT_PORT, help="0 takes one that is free"
    )
    parser.add_argument(
        "--seed", type=int, help="makes ids and the dice of faults repeatable"
    )
    parser.add_argument(
        "--with-parent",
        action="store_true",
        help="stop when standard input is closed",
    )
    _add_behaviour(parser)
    _add_limits(parser)
    return parser


def _add_behaviour(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--auto-customers",
        action="store_true",
        help="a customer cus_... exists from its first mention",
    )
    parser.add_argument(
        "--allow-raw-card-data",
        action="store_true",
        help="card numbers may be sent to create a source",
    )
    parser.add_argument(
        "--deposit-days",
        type=int,
        default=0,
        metavar="N",
        help="days of its clock until micro-deposits can be verified (default: 0)",
    )
    parser.add_argument(
        "--no-lock-timeout",
        dest="lock_timeout",
        action="store_false",
        help="let several requests at once change one customer",
    )


def _add_limits(parser: argparse.ArgumentParser) -> None:
    limits = parser.add_argument_group("limits, none by default")
    for scope, whose in (("account", "an account"), ("operation", "each operation")):
        for name, kind, what in (
            ("rate", float, "requests a second"),
            ("burst", int, "requests at once, else a second's worth,"),
            ("concurrency", int, "requests in flight"),
        ):
            limits.add_argument(
                f"--{scope}-{name}", type=kind, metavar="N", help=f"{what} of {whose}"
            )


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
