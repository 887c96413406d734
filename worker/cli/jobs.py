"""`sources jobs`: what the ledger says of jobs, and how to cancel them."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import typer
from rich.markup import escape
from rich.table import Table

from config.settings import Settings
from customer_sources import Command, CustomerSources, JobNotFound, Snapshot, State
from customer_sources.contract.events import rfc3339
from customer_sources.contract.names import PREFIX, Keys
from customer_sources.contract.operations import OPERATIONS
from customer_sources.store import connect, in_our_words
from worker.cli import history, listing
from worker.cli.exits import Exit
from worker.cli.live import warn_where_live
from worker.cli.say import note, out, print_columns, print_json, visible
from worker.cli.tell import Out, Output, Prefix, Url, brief

app = typer.Typer(help="Look at jobs and cancel them.", no_args_is_help=True)

_TIMES = {
    "at": "submitted",
    "due": "due",
    "deadline": "deadline",
    "tried_since": "first tried",
    "last_sent": "last request",
    "ended": "ended",
    "discarded": "discarded",
}
_FACTS = {
    "op": "operation",
    "class": "class",
    "runs": "runs",
    "crashes": "workers died",
    "unknown": "outcome unknown",
    "ask": "cancel asked",
    "code": "code",
    "request": "last request id",
    "key": "sends under the key of",
    "replayed": "replayed as",
}


@app.command()
def show(
    job_id: Annotated[str, typer.Argument(help="job_...")],
    output: Out = Output.TEXT,
    redis_url: Url = None,
    prefix: Prefix = PREFIX,
) -> None:
    """Show one job: state, times, result or error, and its story.

    Example: sources jobs show job_01k... -o json
    """
    with CustomerSources(redis_url, prefix=prefix) as client:
        snapshot, command = client.snapshot(job_id), client.command(job_id)
        lines = client.history(job_id)
    facts = _facts(job_id, snapshot, command)
    if output is Output.JSON:
        print_json(facts | {"story": lines})
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in facts.items():
        table.add_row(f"[dim]{name}[/dim]", escape(visible(_text(value))))
    out.print(table)
    out.print()
    for moment, words in history.told(snapshot.record, lines):
        out.print(f"{moment:24}  {words}", soft_wrap=True, markup=False)


@app.command("list")
def list_jobs(
    state: Annotated[
        State | None, typer.Option(help="Only jobs in this state.")
    ] = None,
    operation: Annotated[str, typer.Option(help="Only this operation.")] = "",
    customer: Annotated[str, typer.Option(help="Only this customer's jobs.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Most rows.")] = 50,
    output: Out = Output.TEXT,
    redis_url: Url = None,
    prefix: Prefix = PREFIX,
) -> None:
    """List jobs: live ones first, then those in review, then those that ended.

    Live jobs are found by their wake-ups and lanes, jobs in review by the review list.
    Jobs that succeeded, failed or were cancelled are found by their events, so only as
    long as the stream keeps those; newest first. At most 10,000 entries of each of the
    three are looked at, however few of them a filter leaves.

    Example: sources jobs list --state needs_review -o json
    """
    if operation and operation not in OPERATIONS:
        known = ", ".join(OPERATIONS)
        raise typer.BadParameter(f"not one of {known}", param_hint="--operation")
    wanted = listing.Wanted(state=state, operation=operation, customer=customer)
    url = redis_url or Settings.model_fields["redis_url"].default
    with connect(url) as store, in_our_words():
        rows = list(listing.jobs(store, Keys(prefix), wanted, limit))
    if output is Output.JSON:
        print_json(rows)
        return
    if rows:
        heads = listing.Row.__struct_fields__
        print_columns(heads, map(msgspec.structs.astuple, rows))
    else:
        note("no job like that")
    if len(rows) == limit:
        note(f"there may be more than {limit}: --limit")


@app.command()
def cancel(
    job_ids: Annotated[list[str], typer.Argument(help="job_...", metavar="ID")],
    output: Out = Output.TEXT,
    redis_url: Url = None,
    prefix: Prefix = PREFIX,
) -> None:
    """Cancel jobs that have not reached Stripe; ask for it where they may have.

    A job that is running, or whose last answer was lost, is resolved first: its event
    tells what became of it. Exit code 1 where a job had already ended otherwise, 4
    where there is no such job; the others are cancelled all the same.

    Example: sources jobs cancel job_01k...
    """
    warn_where_live(redis_url, prefix)
    with CustomerSources(redis_url, prefix=prefix) as client:
        rows = [_cancel(client, job_id) for job_id in dict.fromkeys(job_ids)]
    if output is Output.JSON:
        print_json(rows)
    else:
        for row in rows:
            line = f"{row['job']} {_CANCEL_WORDS[row['cancel']]}"
            out.print(line.format(**row), soft_wrap=True, markup=False)
    found = {row["cancel"] for row in rows}
    if "not_found" in found:
        raise typer.Exit(Exit.NOT_FOUND)
    raise typer.Exit(Exit.FAILED if "too_late" in found else Exit.OK)


_CANCEL_WORDS = {
    "done": "cancelled",
    "asked": "is {state}: asked to stop; its event tells what became of it",
    "too_late": "had already ended: {state}",
    "not_found": "no such job, or past its retention",
}


def _cancel(client: CustomerSources, job_id: str) -> dict[str, str]:
    try:
        state = client.cancel(job_id).state
    except JobNotFound:
        return {"job": job_id, "state": "", "cancel": "not_found"}
    word = "done" if state is State.CANCELLED else "asked"
    if state.is_terminal and state is not State.CANCELLED:
        word = "too_late"
    return {"job": job_id, "state": state.value, "cancel": word}


def _facts(job_id: str, snapshot: Snapshot, command: Command | None) -> dict[str, Any]:
    """What a person wants to know, in the order in which they ask. No parameters."""
    record = snapshot.record
    facts: dict[str, Any] = {"job": job_id, "state": snapshot.state.value}
    if command is not None:
        facts["customer"] = command.customer
        if command.id:
            facts["id"] = command.id
    facts |= {word: record[name] for name, word in _FACTS.items() if name in record}
    facts |= {
        word: rfc3339(int(record[name]))
        for name, word in _TIMES.items()
        if name in record
    }
    if snapshot.details is not None:
        succeeded = snapshot.state == "succeeded"
        facts["source" if succeeded else "error"] = snapshot.details
    return facts


def _text(fact: Any) -> str:
    """Write a fact on one line: a source by its name, an error by its words."""
    if not isinstance(fact, dict):
        return str(fact)
    return str(fact.get("message") or brief(fact))
