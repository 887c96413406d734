"""`sources dev`: a store, a sandbox and a worker in one command, without any key."""

from __future__ import annotations

import shutil
import signal
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from customer_sources import CustomerSources
from customer_sources.contract.names import PREFIX
from worker.cli import children
from worker.cli.exits import Exit
from worker.cli.say import complain, err

WATCH_SECONDS = 0.2


class _Stop(Exception):
    """Somebody pressed Ctrl-C or sent SIGTERM."""


def dev(
    port: Annotated[
        int,
        typer.Option(
            min=0, max=65535, help="Port of the store; 0 takes one that is free."
        ),
    ] = 6390,
    sandbox_port: Annotated[
        int,
        typer.Option(
            min=0, max=65535, help="Port of the sandbox; 0 takes one that is free."
        ),
    ] = 12111,
) -> None:
    """Start a store, a sandbox and a worker to play with; Ctrl-C drains and stops.

    Nothing is kept, no key is needed, and nothing leaves this machine.

    Example: sources dev --port 0 --sandbox-port 0
    """
    store_module = children.need_dev_extra()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    try:
        with ExitStack() as stack:
            _run(stack, store_module, port, sandbox_port)
    except (store_module.StoreUnavailable, RuntimeError) as error:
        complain(str(error), "other ports: sources dev --port 0 --sandbox-port 0")
        raise typer.Exit(Exit.UNAVAILABLE) from None


def _run(stack: ExitStack, store_module: object, port: int, sandbox_port: int) -> None:
    store = stack.enter_context(store_module.Store.start(port=port or None))  # type: ignore[attr-defined]
    sandbox = children.start_sandbox(sandbox_port)
    stack.callback(children.stop, sandbox.process)
    worker = children.start_worker(
        store.url, sandbox.url, log_format="console", log_level="INFO"
    )
    stack.callback(children.stop, worker)
    with CustomerSources(store.url, prefix=children.prefix_here()) as client:
        children.wait_for_workers(client, 1, worker)
    _say_what_to_try(store.url, sandbox.url)
    try:
        while worker.poll() is None and sandbox.process.poll() is None:
            time.sleep(WATCH_SECONDS)
    except _Stop:
        err.print("\n[dim]stopping: what is in flight is finished first[/dim]")
        return
    raise RuntimeError("the worker or the sandbox ended by itself; see its log above")


def _stop(*_: object) -> None:
    raise _Stop


def _say_what_to_try(redis_url: str, sandbox_url: str) -> None:
    sources = _how_to_call()
    prefix, given = children.prefix_here(), ""
    environment = {
        "SOURCES_REDIS_URL": redis_url,
        "STRIPE_API_BASE": sandbox_url,
        "STRIPE_API_KEY": children.SANDBOX_KEY,
    }
    if prefix != PREFIX:
        environment["SOURCES_PREFIX"], given = prefix, f', prefix="{prefix}"'
    export = " ".join(f"{name}={value}" for name, value in environment.items())
    err.print(
        f"""
[bold green]Ready.[/bold green]  store {redis_url}   sandbox {sandbox_url}

In another terminal:

  export {export}
  {sources} create --customer cus_1 --source tok_visa --wait
  {sources} create --customer cus_1 --source tok_chargeDeclined --wait
  {sources} events tail --all

In Python:

  from customer_sources import CustomerSources
  client = CustomerSources("{redis_url}"{given})
  job = client.customer.source.create(customer="cus_1", source="tok_visa")
  print(job.result(timeout=30))

Every customer exists here, and no card is real. What Stripe would have seen:

  curl -s '{sandbox_url}/_sandbox/journal?kind=effects'

Ctrl-C stops it. Below: one line for each run of a job.
""",
        soft_wrap=True,
    )


def _how_to_call() -> str:
    """The way in which this very command can be typed here."""
    on_path = shutil.which("sources")
    ours = Path(sys.executable).with_name("sources")
    if on_path and Path(on_path).resolve() == ours.resolve():
        return "sources"
    try:
        return str(ours.relative_to(Path.cwd()))
    except ValueError:
        return str(ours)
