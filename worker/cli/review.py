"""`sources review`: jobs that wait for a person, and what the person does with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from config.settings import Settings
from customer_sources import CustomerSources
from customer_sources.contract.names import PREFIX
from customer_sources.review import ReviewItem, unsettled
from customer_sources.review_calls import Wanted, said
from worker.cli import history
from worker.cli.exits import Exit
from worker.cli.live import warn_where_live
from worker.cli.say import complain, note, out, print_columns, print_json, visible
from worker.cli.settle import Did, Pace, Row, settle
from worker.cli.tell import Out, Output, Prefix, Url
from worker.cli.typed import moment

app = typer.Typer(
    help="Look at jobs that wait for a person; run them again or settle them.",
    no_args_is_help=True,
)


Code = Annotated[str, typer.Option(help="Only those that ended with this code.")]
Operation = Annotated[str, typer.Option(help="Only this operation.")]
Of = Annotated[str, typer.Option("--customer", help="Only this customer's jobs.")]
OfAccount = Annotated[
    str, typer.Option("--account", help="Only this account's jobs.", metavar="NAME")
]
Since = Annotated[
    datetime | None,
    typer.Option(
        parser=moment, metavar="TIME", help="Ended then or later; UTC, or an offset."
    ),
]
Until = Annotated[
    datetime | None, typer.Option(parser=moment, metavar="TIME", help="Ended before.")
]
Ids = Annotated[list[str] | None, typer.Argument(help="job_...", metavar="[ID]...")]
Everything = Annotated[
    bool, typer.Option("--all", help="All that the filters leave, instead of ids.")
]
Reason = Annotated[str, typer.Option(help="Why; told in the event.")]
Actor = Annotated[str, typer.Option(envvar="USER", help="Who; told in the event.")]
Rate = Annotated[
    float, typer.Option("--per-second", min=0.01, help="Most jobs in a second.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be done; change nothing.")
]


@app.command("list")
def list_review(
    code: Code = "",
    operation: Operation = "",
    customer: Of = "",
    account: OfAccount = "",
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option(min=1, help="Most rows.")] = 50,
    output: Out = Output.TEXT,
    redis_url: Url = None,
    prefix: Prefix = PREFIX,
) -> None:
    """List the jobs in review, newest first, and what a replay of each would do.

    Example: sources review list --code key_expired -o json
    """
    with CustomerSources(redis_url, prefix=prefix) as client:
        items = list(
            client.review.list(
                code=code,
                operation=operation,
                customer=customer,
                account=account,
                since=since,
                until=until,
                limit=limit,
            )
        )
    if output is Output.JSON:
        print_json(items)
        return
    if items:
        heads = ("job", "ended", "operation", "customer", "code", "a replay ...")
        print_columns(heads, map(_columns, items))
    else:
        note("no job like that in review")
    if len(items) == limit:
        note(f"there may be more than {limit}: --limit")


@app.command()
def show(
    job_id: Annotated[str, typer.Argument(help="job_...")],
    look: Annotated[
        bool,
        typer.Option("--look", help="Read Stripe with STRIPE_API_KEY: is it done?"),
    ] = False,
    output: Out = Output.TEXT,
    redis_url: Url = None,
    prefix: Prefix = PREFIX,
) -> None:
    """Show one job in review: why it is there, its story, what a replay would do.

    Example: sources review show job_01k...
    """
    with CustomerSources(redis_url, prefix=prefix) as client:
        item, command = client.review.show(job_id), client.command(job_id)
        record, lines = client.snapshot(job_id).record, client.history(job_id)
    found: dict[str, Any] = {}
    if look:
        found["at Stripe"] = _look(item, command) if command else "command unreadable"
    if output is Output.JSON:
        print_json({"job": item, **found, "story": lines})
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in {**_facts(item), **found}.items():
        table.add_row(f"[dim]{name}[/dim]", escape(visible(value)))
    out.print(table)
    out.print()
    for when, words in history.told(record, lines):
        out.print(f"{when:24}  {words}", soft_wrap=True, markup=False)


@app.command()
def replay(
    reason: Reason,
    job_ids: Ids = None,
    everything: Everything = False,
    code: Code = "",
    operation: Operation = "",
    customer: Of = "",
    account: OfAccount = "",
    since: Since = None,
    until: Until = None,
    actor: Actor = "",
    per_second: Rate = 10.0,
    dry_run: DryRun = False,
    output: Out = Output.TEXT,
    redis_url: Url = None,
    prefix: Prefix = PREFIX,
) -> None:
    """Run commands in review again, each as a new job, without a second effect.

    Where Stripe may have done it already, the same key is sent again while that is
    safe; later, Stripe is read and nothing is sent. Replaying a job twice gives the
    same new job. Exit code 1 where one is not in review, 4 where there is no such job;
    the others are replayed all the same.

    Example: sources review replay job_01k... --reason "Stripe was down"
    """
    said(reason, actor)  # before anything is done
    if not dry_run:
        warn_where_live(redis_url, prefix)
    with CustomerSources(redis_url, prefix=prefix) as client:

        def act(job_id: str) -> Row:
            item = client.review.show(job_id)
            if item.replayed:
                return Row(job=job_id, did=Did.ALREADY, replay=item.replayed)
            says = unsettled(item).sentence
            if dry_run:
                return Row(job=job_id, did=Did.WOULD, says=says)
            new = client.review.replay(job_id, reason=reason, actor=actor).id
            return Row(job=job_id, did=Did.REPLAYED, says=says, replay=new)

        wanted = Wanted(code, operation, customer, since, until, account=account)
        jobs = _chosen(client, job_ids or (), wanted, everything=everything)
        raise typer.Exit(settle(jobs, act, Pace(per_second), output))


@app.command()
def discard(
    reason: Reason,
    job_ids: Ids = None,
    everything: Everything = False,
    code: Code = "",
    operation: Operation = "",
    customer: Of = "",
    account: OfAccount = "",
    since: Since = None,
    until: Until = None,
    actor: Actor = "",
    per_second: Rate = 10.0,
    dry_run: DryRun = False,
    output: Out = Output.TEXT,
    redis_url: Url = None,
    prefix: Prefix = PREFIX,
) -> None:
    """Take jobs out of review that were settled elsewhere. Their end stays as it was.

    Exit codes as for `replay`.

    Example: sources review discard --all --customer cus_1 --reason "done by hand"
    """
    said(reason, actor)  # before anything is done
    with CustomerSources(redis_url, prefix=prefix) as client:

        def act(job_id: str) -> Row:
            item = client.review.show(job_id)
            if item.discarded:
                return Row(job=job_id, did=Did.ALREADY)
            unsettled(item)
            if dry_run:
                return Row(job=job_id, did=Did.WOULD, says="be discarded")
            client.review.discard(job_id, reason=reason, actor=actor)
            return Row(job=job_id, did=Did.DISCARDED)

        wanted = Wanted(code, operation, customer, since, until, account=account)
        jobs = _chosen(client, job_ids or (), wanted, everything=everything)
        raise typer.Exit(settle(jobs, act, Pace(per_second), output))


def _chosen(
    client: CustomerSources,
    job_ids: Sequence[str],
    wanted: Wanted,
    *,
    everything: bool,
) -> Iterator[str]:
    """Give the ids that a person named, or all that the filters leave.

    Raises:
        typer.BadParameter: both were said, or neither: too much would be done.
    """
    if bool(job_ids) == everything or (job_ids and any(wanted)):
        raise typer.BadParameter("give ids, or --all and filters", param_hint="ID")
    if job_ids:
        return iter(dict.fromkeys(job_ids))
    return (item.id for item in client.review.list(**wanted._asdict()))


def _look(item: ReviewItem, command: Any) -> str:
    """Read Stripe for this job.

    Raises:
        typer.Exit: there is no key to read with.
    """
    # Only here, so that every other command starts without aiohttp.
    from worker.cli.look import look  # noqa: PLC0415

    settings = Settings()
    if not settings.stripe_api_key.get_secret_value():
        complain("STRIPE_API_KEY is not set", "--look reads Stripe with it")
        raise typer.Exit(Exit.CONFIG)
    return look(settings, item, command)


def _columns(item: ReviewItem) -> tuple[str, ...]:
    ended = f"{item.ended:%Y-%m-%dT%H:%M:%SZ}"
    does = unsettled(item).sentence  # the list has no other
    return item.id, ended, item.operation, item.customer, item.code, does


def _facts(item: ReviewItem) -> dict[str, str]:
    """What a person wants to know, in the order in which they ask."""
    facts = {
        "job": item.id,
        "state": item.state.value,
        "operation": item.operation,
        "account": item.account,
        "customer": item.customer,
        "id": item.source_id,
        "code": item.code,
        "reason": item.message,
        "hash of our body": item.evidence.get("body_sha256", ""),
        "exists already": item.evidence.get("existing", ""),
        "ended": f"{item.ended:%Y-%m-%dT%H:%M:%SZ}",
        "Stripe may have done it": "yes" if item.unknown else "no",
        "a replay": item.plan.sentence if item.plan else "",
        "replayed as": item.replayed,
        "discarded": f"{item.discarded:%Y-%m-%dT%H:%M:%SZ}" if item.discarded else "",
    }
    return {name: value for name, value in facts.items() if value}
