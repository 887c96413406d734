"""Before Stripe is read for many rows: with whose key, and does the person want it?"""

from __future__ import annotations

import sys

import typer

from config.accounts import Account, accounts_of
from config.settings import Settings
from worker.cli.exits import Exit
from worker.cli.say import complain, err


def account_to_read(settings: Settings, name: str) -> Account:
    """Find an account.

    Raises:
        typer.Exit: there is no key to read with.
    """
    account = accounts_of(settings).get(name)
    if account is None:
        advice = "STRIPE_API_KEY is that of `default`, SOURCES_ACCOUNTS_FILE has more"
        complain(f"Stripe cannot be read: no key is set for the account {name}", advice)
        raise typer.Exit(Exit.CONFIG)
    return account


def agreed_to_read(cost: str, *, yes: bool) -> bool:
    """Say what will be read, and ask whether it may be.

    Args:
        cost: how many reads, for how long.
        yes: whether it was said already; without a terminal it must have been.
    """
    err.print(cost, soft_wrap=True, markup=False)
    if yes:
        return True
    if not sys.stdin.isatty():
        complain("nothing was read", "without a terminal, --yes says that it may be")
        return False
    if not typer.confirm("Read them?", err=True):
        complain("nothing was read")
        return False
    return True
