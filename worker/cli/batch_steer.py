"""`sources batch list | pause | resume | cancel | throttle`: from any machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from customer_sources.batches.calls import MOST_A_SECOND, MOST_IN_FLIGHT
from customer_sources.batches.status import Batch
from customer_sources.contract.names import PREFIX
from worker.cli import batch_words as words
from worker.cli.batch_look import Ledger, Named, ledger
from worker.cli.batch_speed import Speed
from worker.cli.say import note, out, print_columns, print_json
from worker.cli.tell import Out, Output, Prefix, Url

HEADS = ("batch", "state", "account", "rows", "done", "failed", "opened", "label")

Verb = Callable[[Ledger, Batch], str]


def list_batches(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Most rows.")] = 50,
    output: Out = Output.TEXT,
    redis_url: Url = None,
    prefix: Prefix = PREFIX,
) -> None:
    """List the batches that are kept, newest first.

    Example: sources batch list -o json
    """
    with ledger(redis_url, prefix) as open_ledger:
        batches = open_ledger.client.batches.list(limit)
    if output is Output.JSON:
        print_json([words.document(batch, Speed()) for batch in batches])
    elif batches:
        print_columns(HEADS, map(_row, batches))
    else:
        note("no batch here: `sources batch plan` makes one of a file")
    if len(batches) == limit:
        note(f"there may be more than {limit}: --limit")


def pause(
    named: Named,
    output: Out = Output.TEXT,
    redis_url: Url = None,
    prefix: Prefix = PREFIX,
) -> None:
    """Begin no more rows of a batch; what stands in line waits there.

    What was sent is resolved. Rows of other batches for the same customers wait behind
    those that wait here.

    Example: sources batch pause batch_01k...
    """
    _steer(named, _pause, output, redis_url, prefix)


def resume(
    named: Named,
    output: Out = Output.TEXT,
    redis_url: Url = None,
    prefix: Prefix = PREFIX,
) -> None:
    """Let a batch go on that was paused or held: after its canary, or for failures.

    The share of failures is counted anew from here.

    Example: sources batch resume batch_01k...
    """
    _steer(named, _resume, output, redis_url, prefix)


def cancel(
    named: Named,
    output: Out = Output.TEXT,
    redis_url: Url = None,
    prefix: Prefix = PREFIX,
) -> None:
    """End a batch. Rows that were not sent end as unprocessed; the rest is resolved.

    Example: sources batch cancel batch_01k...
    """
    _steer(named, _cancel, output, redis_url, prefix)


def throttle(
    named: Named,
    rate: Annotated[
        float | None,
        typer.Option(
            min=0, max=MOST_A_SECOND, help="Rows a second at most; 0: what is allowed."
        ),
    ] = None,
    concurrency: Annotated[
        int | None,
        typer.Option(min=1, max=MOST_IN_FLIGHT, help="Most rows in flight."),
    ] = None,
    output: Out = Output.TEXT,
    redis_url: Url = None,
    prefix: Prefix = PREFIX,
) -> None:
    """Change how fast a batch goes; what is not given stays as it is.

    A rate is that at which rows are begun. Those in flight go on as fast as the account
    may: with a small --concurrency they are few.

    Example: sources batch throttle batch_01k... --rate 10 --concurrency 100
    """
    if rate is None and concurrency is None:
        raise typer.BadParameter("give --rate, --concurrency or both")

    def slow(open_ledger: Ledger, batch: Batch) -> str:
        batches = open_ledger.client.batches
        return batches.throttle(batch.id, rate=rate, concurrency=concurrency)

    after = _steer(named, slow, output, redis_url, prefix)
    if output is Output.TEXT:
        note(words.throttled(after))


def _pause(open_ledger: Ledger, batch: Batch) -> str:
    return open_ledger.client.batches.pause(batch.id)


def _resume(open_ledger: Ledger, batch: Batch) -> str:
    open_ledger.warn_where_live(batch.account)
    return open_ledger.client.batches.resume(batch.id)


def _cancel(open_ledger: Ledger, batch: Batch) -> str:
    open_ledger.warn_where_live(batch.account)
    return open_ledger.client.batches.cancel(batch.id)


def _steer(
    named: str, verb: Verb, output: Output, redis_url: str | None, prefix: str
) -> Batch:
    """Do it, say in which state the batch was and is, and give it.

    Raises:
        BatchNotFound: there is none.
        BatchEnded: it is over.
    """
    with ledger(redis_url, prefix) as open_ledger:
        before = open_ledger.find(named)
        verb(open_ledger, before)
        after = open_ledger.client.batches.get(before.id)
    if output is Output.JSON:
        print_json({"was": before.state} | words.document(after, Speed()))
        return after
    changed = "" if before.state != after.state else "still "
    told = f"{after.id} is {changed}{after.state}: {words.counts(after)}"
    out.print(told, soft_wrap=True, markup=False)
    for sentence in words.advice(after):
        note(sentence)
    return after


def _row(batch: Batch) -> tuple[str, ...]:
    return (
        batch.id,
        batch.state.value,
        batch.account,
        f"{batch.rows:,}",
        f"{batch.done:,}",
        f"{batch.failed + batch.needs_review:,}",
        words.moment(batch.created),
        batch.label,
    )
