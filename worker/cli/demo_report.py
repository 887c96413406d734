"""The demo's last page: a table that adds up, and what it means."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from rich.table import Table

from customer_sources import Event
from worker.cli.account import Account
from worker.cli.say import out

MOST_LINES = 20


class Kill(msgspec.Struct, frozen=True, kw_only=True):
    """One SIGKILL, and what became of the jobs that the worker had in its hands."""

    pid: int
    at: float
    """Seconds since the epoch."""
    held: Sequence[str]
    recovered_after: float | None = None
    """Seconds from the kill until the last of them had ended; None where none was."""

    def seen_through(self, events: Sequence[Event]) -> Kill:
        """Fill in how long it took until all of the jobs had ended."""
        ends = [
            datetime.fromisoformat(event.time).timestamp() - self.at
            for event in events
            if event.correlationid in self.held
        ]
        return msgspec.structs.replace(self, recovered_after=max(ends, default=None))


def print_report(
    account: Account, kill: Kill, requests: Sequence[Any], seconds: float
) -> None:
    """Print what was accepted, told and done, and whether the promise held."""
    lost = sum(request.status is None for request in requests)
    replayed = sum(request.replayed for request in requests)
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2))
    table.add_row("jobs accepted", str(account.jobs))
    table.add_row("terminal events", str(sum(account.events.values())), style="bold")
    for kind, count in account.events.items():
        table.add_row(f"  [dim]{kind}[/dim]", str(count))
    table.add_row(
        "effects in the sandbox's journal", str(sum(account.effects.values()))
    )
    for change, count in account.effects.items():
        table.add_row(f"  [dim]{change}[/dim]", str(count))
    table.add_row("requests sent", str(len(requests)))
    table.add_row("  [dim]whose answer was lost[/dim]", str(lost))
    table.add_row("  [dim]answered from the first send's result[/dim]", str(replayed))
    table.add_row("duplicates", str(account.duplicates), style="bold")
    table.add_row("lost", str(account.lost), style="bold")
    held = len(kill.held)
    table.add_row(f"jobs in the hands of the killed worker {kill.pid}", str(held))
    if kill.recovered_after is not None:
        took = f"{kill.recovered_after:.1f} s"
        table.add_row("  [dim]all of them ended after the kill within[/dim]", took)
    table.add_row("time for everything", f"{seconds:.1f} s")
    out.print(table)
    out.print()
    if account.broken:
        out.print("[bold red]The promise was broken:[/bold red]")
        for line in account.broken[:MOST_LINES]:
            out.print(f"  {line}", markup=False)
        if len(account.broken) > MOST_LINES:
            out.print(f"  and {len(account.broken) - MOST_LINES} more")
        return
    out.print(
        "[bold green]The promise held:[/bold green] every job ended in exactly one "
        "terminal event,\nand nothing was done twice at Stripe."
    )
