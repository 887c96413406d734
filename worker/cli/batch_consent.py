"""Agreeing to a batch: a live account needs a flag, and a number that is typed."""

from __future__ import annotations

import sys

import typer

from customer_sources.batches.manifest import Manifest
from worker.cli.batch_look import Ledger
from worker.cli.exits import Exit
from worker.cli.say import complain, err, note


def agree(
    ledger: Ledger, manifest: Manifest, *, live: bool, unasked: int | None
) -> None:
    """Say what is about to happen, and where that changes real customers, ask.

    Args:
        ledger: tells what the account is.
        manifest: of the plan.
        live: whether the person allowed a live account.
        unasked: the number of rows that change something, as a script gives it.

    Raises:
        typer.Exit: it was not agreed to; nothing was written.
    """
    err.print(summary(manifest), soft_wrap=True, markup=False)
    if unasked is not None and unasked != manifest.changes:
        told = f"{manifest.changes:,} rows of the plan change something"
        _refuse(f"{told}, not {unasked:,}", "--yes-changes must be that number")
    if not ledger.mode(manifest.account):
        told = f"no worker has told of the account {manifest.account} here"
        note(f"{told}, so whether its key is live is not known")
    if not ledger.is_live(manifest.account):
        return
    ledger.warn_where_live(manifest.account)
    if not live:
        _refuse(f"the account {manifest.account} is live", "--live allows that")
    if unasked is None and manifest.changes:
        _ask(manifest.changes)


def summary(manifest: Manifest) -> str:
    """Say in one line what a plan would do."""
    operations = manifest.operations.items()
    each = ", ".join(f"{name} {count:,}" for name, count in operations)
    what = f"{manifest.rows:,} rows of {manifest.input.name} ({each})"
    whom = f"{manifest.customers:,} customers of the account {manifest.account}"
    return f"{manifest.batch}: {what} for {whom}"


def _ask(changes: int) -> None:
    if not sys.stdin.isatty():
        advice = f"without a terminal, --yes-changes {changes} says so"
        _refuse("this needs the number of rows that change something", advice)
    question = f"{changes:,} rows change something; type that number to go on"
    typed = typer.prompt(question, default="", show_default=False, err=True)
    if typed.strip().replace(",", "") != str(changes):
        _refuse("that is another number")


def _refuse(why: str, *advice: str) -> None:
    complain(f"not applied: {why}", *advice)
    raise typer.Exit(Exit.USAGE)
