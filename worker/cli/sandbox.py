"""`sources sandbox`: the fake Stripe as a server of its own."""

from __future__ import annotations

import sys

import typer

from worker.cli import children

PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True}


def sandbox(context: typer.Context) -> None:
    """Run a fake Stripe on this machine; `sources sandbox -- --help` lists its options.

    Point STRIPE_API_BASE at the URL that it prints. docs/sandbox.md tells what it can.

    Example: sources sandbox --port 0 --auto-customers
    """
    children.need_dev_extra()
    from sandbox.__main__ import run  # noqa: PLC0415  dev extra only

    sys.exit(run(context.args, program="sources sandbox"))
