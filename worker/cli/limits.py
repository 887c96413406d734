"""`sources limits`: how fast each account may send, does send, and who waits for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated

import msgspec
import redis
import typer
from rich.console import Group
from rich.live import Live
from rich.text import Text

from config.settings import Settings
from customer_sources.contract.names import PREFIX, Keys
from customer_sources.store import connect, in_our_words
from worker.cli.accounts import account_name
from worker.cli.exits import Exit
from worker.cli.limits_table import HEADS, NOBODY, WAITING, remarks, rows, table
from worker.cli.say import complain, note, out, print_columns, print_json, visible
from worker.cli.settle import Pace
from worker.cli.tell import Out, Output, Prefix, Url
from worker.gauges import read_accounts
from worker.limits import view
from worker.standing import AccountLimits


class Allotted(msgspec.Struct, frozen=True, kw_only=True):
    """What Stripe allots of reads over 30 days, whatever the rates."""

    at_least_per_month: int = 10_000
    per_transaction: int = 500
    """On average, and over all of them."""
    stated_at: str = "https://docs.stripe.com/rate-limits"


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """What `-o json` prints: all limits at one moment."""

    accounts: Sequence[AccountLimits]
    stripe_reads: Allotted = Allotted()


def limits(
    account: Annotated[
        str | None,
        typer.Option(parser=account_name, help="Only this account.", metavar="NAME"),
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Again each second, until Ctrl-C.")
    ] = False,
    output: Out = Output.TEXT,
    redis_url: Url = None,
    prefix: Prefix = PREFIX,
) -> None:
    """Show what each account may send, does send, and who waits for it.

    For each account, and each operation of it that was used: requests a second that are
    allowed now and that were configured, those used in the last second, jobs waiting by
    class and the oldest wait, requests in flight, halvings and why. It takes a second:
    what is used shows between two looks. JSON has all operations; with --watch it is
    one line a second.

    Example: sources limits -o json
    """
    url = redis_url or Settings.model_fields["redis_url"].default
    keys = Keys(prefix)
    with connect(url) as store, in_our_words():
        views = _views(store, keys, account or "")
        if not watch:
            _print(next(views), output)
            return
        try:
            _watch(views, output)
        except KeyboardInterrupt:
            return


def _views(
    store: redis.Redis, keys: Keys, only: str
) -> Iterator[Sequence[AccountLimits]]:
    """Give the limits each second, the first after a second.

    Raises:
        typer.Exit: there is no such account.
    """
    pace = Pace(1)
    pace.wait()
    before = read_accounts(store, keys, only)
    if only and not before:
        complain(f"no account is called {only} here", "`sources accounts` lists them")
        raise typer.Exit(Exit.NOT_FOUND)
    while True:
        pace.wait()
        now = read_accounts(store, keys, only)
        known = {reading.account: reading for reading in before}
        yield [view(reading, known.get(reading.account)) for reading in now]
        before = now


def _print(accounts: Sequence[AccountLimits], output: Output) -> None:
    if output is Output.JSON:
        print_json(Document(accounts=accounts))
        if not accounts:
            note(NOBODY)
    elif out.is_terminal:
        out.print(_screen(accounts))
    else:
        _print_plain(accounts, set())


def _watch(views: Iterator[Sequence[AccountLimits]], output: Output) -> None:
    if output is Output.JSON:
        for accounts in views:
            line = msgspec.json.encode(Document(accounts=accounts)).decode()
            out.print(line, soft_wrap=True, markup=False)
    elif out.is_terminal:
        with Live(console=out, auto_refresh=False) as live:
            for accounts in views:
                live.update(_screen(accounts), refresh=True)
    else:
        told: set[str] = set()
        for accounts in views:
            _print_plain(accounts, told)
            out.print()


def _screen(accounts: Sequence[AccountLimits]) -> Group:
    said = [Text(visible(remark), style="dim") for remark in remarks(accounts)]
    if not accounts:
        return Group(*said)
    return Group(table(accounts), Text(), Text(WAITING, style="dim"), *said)


def _print_plain(accounts: Sequence[AccountLimits], told: set[str]) -> None:
    """Print the table by itself; a remark is made once, and beside it."""
    if accounts:
        print_columns(HEADS, rows(accounts))
    for remark in remarks(accounts):
        if remark not in told:
            note(remark)
        told.add(remark)
