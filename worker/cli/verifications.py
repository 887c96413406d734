"""`sources verifications`: bank accounts on their way to being verified."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
import typer
from rich.markup import escape
from rich.table import Table

from customer_sources import (
    CustomerSources,
    Verification,
    VerificationNotFound,
    VerificationState,
)
from customer_sources.contract.names import DEFAULT_ACCOUNT, PREFIX
from customer_sources.verifications.status import MOST_ATTEMPTS, Attempts
from worker.cli.say import note, out, print_columns, print_json, visible
from worker.cli.sweep import sweep
from worker.cli.tell import Out, Output, Prefix, Url

app = typer.Typer(
    help="Bank accounts on their way to being verified.", no_args_is_help=True
)

HEADS = ("customer", "id", "state", "status", "attempts", "next", "account")
MOST_LISTED = 10_000
_CUSTOMER = Annotated[str, typer.Argument(help="cus_...", metavar="CUSTOMER")]
_SOURCE = Annotated[str, typer.Argument(help="ba_...", metavar="ID")]
_ACCOUNT = Annotated[
    str, typer.Option("--account", help="Whose customer it is.", metavar="NAME")
]


@app.command("list")
def list_watches(
    state: Annotated[
        VerificationState | None, typer.Option(help="Only those in this state.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=MOST_LISTED, help="Most rows.")] = 50,
    output: Out = Output.TEXT,
    redis_url: Url = None,
    prefix: Prefix = PREFIX,
) -> None:
    """List bank accounts that are watched, those first that are looked at next.

    Behind them stand those whose watch has ended, as long as that is kept, the latest
    first. With a state, at most 10,000 are looked through.

    Example: sources verifications list --state due -o json
    """
    with CustomerSources(redis_url, prefix=prefix) as client:
        found = client.verifications.list(limit if state is None else MOST_LISTED)
    rows = [one for one in found if state in {None, one.state}][:limit]
    if output is Output.JSON:
        print_json([document(one) for one in rows])
    elif rows:
        print_columns(HEADS, map(_row, rows))
    else:
        note("no bank account like that is watched")
    if len(rows) == limit:
        note(f"there may be more than {limit}: --limit")


@app.command()
def show(
    customer: _CUSTOMER,
    source: _SOURCE,
    account: _ACCOUNT = DEFAULT_ACCOUNT,
    output: Out = Output.TEXT,
    redis_url: Url = None,
    prefix: Prefix = PREFIX,
) -> None:
    """Show how far the verification of one bank account is, and its attempts.

    Those are shown of one that nobody watches, too, once a guess has been made.

    Example: sources verifications show cus_2 ba_2
    """
    with CustomerSources(redis_url, prefix=prefix) as client:
        try:
            found = client.verifications.get(customer, source, account=account)
        except VerificationNotFound:
            of = client.verifications.attempts(customer, source, account=account)
            if of.left == MOST_ATTEMPTS:
                raise
            _show_attempts(of, output)
            return
    _show(found, output)


@app.command()
def cancel(
    customer: _CUSTOMER,
    source: _SOURCE,
    account: _ACCOUNT = DEFAULT_ACCOUNT,
    output: Out = Output.TEXT,
    redis_url: Url = None,
    prefix: Prefix = PREFIX,
) -> None:
    """Watch a bank account no more. The account itself and its jobs stay as they are.

    Exit code 1 where the watch has ended otherwise, 4 where there is none.

    Example: sources verifications cancel cus_2 ba_2
    """
    with CustomerSources(redis_url, prefix=prefix) as client:
        found = client.verifications.cancel(customer, source, account=account)
    _show(found, output)


app.command()(sweep)


def document(watch: Verification) -> dict[str, Any]:
    """Write a watch as the command line's JSON has it. The names stay."""
    facts = msgspec.structs.asdict(watch)
    return {
        "watch": facts.pop("id"),
        **facts,
        "attempts": watch.attempts._asdict(),
    }


def _show_attempts(attempts: Attempts, output: Output) -> None:
    """Show what is known of a bank account that nobody watches."""
    if output is Output.JSON:
        print_json({"watch": None, "attempts": attempts._asdict()})
        return
    out.print(f"not watched; attempts: {_counted(attempts)}", markup=False)


def _show(watch: Verification, output: Output) -> None:
    if output is Output.JSON:
        print_json(document(watch))
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in _facts(watch).items():
        table.add_row(f"[dim]{name}[/dim]", escape(visible(value)))
    out.print(table)


def _facts(watch: Verification) -> dict[str, str]:
    """Say what there is to say, in the order in which a person asks."""
    facts = {
        "customer": watch.customer,
        "bank account": watch.source,
        "account": watch.account,
        "state": watch.state.value,
        "why": watch.why,
        "by job": watch.job,
        "status": watch.status or "",
        "looked at": _when(watch.looked),
        "attempts": _counted(watch.attempts),
        "added": _when(watch.added),
        "deposits arrive": _when(watch.arrives),
        "told as due": f"{watch.told} times" if watch.told else "",
        "next look": _when(watch.next),
        "given up": _when(watch.expires),
        "ended": _when(watch.ended),
        "reference": watch.reference,
        "watch": watch.id,
    }
    return {name: value for name, value in facts.items() if value}


def _row(watch: Verification) -> tuple[str, ...]:
    return (
        watch.customer,
        watch.source,
        watch.state.value,
        watch.status or "-",
        f"{watch.attempts.used} of {MOST_ATTEMPTS}",
        _when(watch.next) or "-",
        watch.account,
    )


def _counted(attempts: Attempts) -> str:
    used, left = attempts
    return f"{used} of {MOST_ATTEMPTS} used, {left} left"


def _when(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}" if moment else ""
