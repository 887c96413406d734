"""`sources batch apply`: bring a plan into the store; again, go on where it was."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress

from customer_sources.batches.calls import MOST_A_SECOND, MOST_IN_FLIGHT, Settings
from customer_sources.batches.manifest import Manifest
from customer_sources.batches.status import Batch, BatchState
from customer_sources.contract.errors import (
    BatchEnded,
    BatchNotFound,
    LedgerFull,
    LedgerUnavailable,
)
from customer_sources.contract.names import PREFIX
from worker.batches.plan_files import read_plan
from worker.batches.uploading import check_plan, upload
from worker.cli import batch_words as words
from worker.cli.batch_consent import agree
from worker.cli.batch_look import Ledger, ledger, note_where_unserved
from worker.cli.batch_speed import Speed
from worker.cli.batch_watch import follow, tell_end
from worker.cli.exits import Exit
from worker.cli.say import complain, err, note, print_json
from worker.cli.tell import Out, Output, Prefix, Url
from worker.cli.typed import when

Folder = Annotated[
    Path, typer.Argument(metavar="DIR", help="What `sources batch plan` wrote.")
]
Live = Annotated[
    bool, typer.Option("--live", help="Allow an account whose key is live.")
]
YesChanges = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="For scripts: agree to so many rows that change something, unasked.",
    ),
]
NotBefore = Annotated[
    Any,  # typer knows no union of a datetime and a timedelta
    typer.Option(
        parser=when, metavar="TIME", help="Begin no row before; PT2H is in two hours."
    ),
]
PROGRESS_AFTER = 1.0
"""Seconds: what is over before needs no bar."""


def apply(
    folder: Folder,
    canary: Annotated[
        int, typer.Option(min=0, help="Hold after so many rows, to look at them.")
    ] = 0,
    max_errors: Annotated[
        float,
        typer.Option(
            min=0,
            max=1,
            help="Hold above this share of failed rows, once 20 have ended.",
        ),
    ] = 0.0,
    rate: Annotated[
        float,
        typer.Option(
            min=0, max=MOST_A_SECOND, help="Rows a second at most; 0: what is allowed."
        ),
    ] = 0.0,
    concurrency: Annotated[
        int, typer.Option(min=1, max=MOST_IN_FLIGHT, help="Most rows in flight.")
    ] = Settings().concurrency,
    not_before: NotBefore = None,
    row_events: Annotated[
        bool, typer.Option("--row-events", help="One event for each row as well.")
    ] = False,
    live: Live = False,
    yes_changes: YesChanges = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="Do not watch it after the upload.")
    ] = False,
    output: Out = Output.TEXT,
    redis_url: Url = None,
    prefix: Prefix = PREFIX,
) -> None:
    """Run a plan: upload it, then watch it. Repeating it goes on where it was.

    The same plan is the same batch, whoever applies it how often; its settings are
    those of the first time. Nothing is uploaded of a plan that was changed. A live
    account needs --live, and the number of rows that change something, typed. Ctrl-C
    while watching leaves the batch running.

    Exit code 0 where every row succeeded, 1 where one did not, 3 where the batch is
    held, 5 after Ctrl-C.

    Example: sources batch apply plan --canary 100 --max-errors 0.05
    """
    manifest = read_plan(folder)
    _check(folder, manifest)
    settings = Settings(
        concurrency=concurrency,
        rate=rate,
        canary=canary,
        max_errors=max_errors,
        not_before=not_before,
        row_events=row_events,
    )
    with ledger(redis_url, prefix) as open_ledger:
        with _told_how_to_go_on(open_ledger, manifest):
            known = _known(open_ledger, manifest)
            if known is None or known.state is BatchState.UPLOADING:
                agree(open_ledger, manifest, live=live, unasked=yes_changes)
            batch = _bring_in(open_ledger, folder, manifest, settings, known)
        raise typer.Exit(_watch(open_ledger, batch, detach=detach, output=output))


def _check(folder: Path, manifest: Manifest) -> None:
    """Refuse a plan that was changed, before anything of it is uploaded."""
    with _bar("checking", len(manifest.chunks)) as told:
        check_plan(folder, manifest, told)


def _known(open_ledger: Ledger, manifest: Manifest) -> Batch | None:
    """Find the batch, where this plan was applied before."""
    try:
        return open_ledger.client.batches.get(manifest.batch)
    except BatchNotFound:
        return None


def _bring_in(
    open_ledger: Ledger,
    folder: Path,
    manifest: Manifest,
    settings: Settings,
    known: Batch | None,
) -> Batch:
    """Upload what is not there. A batch that was applied before is left as it is."""
    batches = open_ledger.client.batches
    if known is not None:
        _tell_known(known, settings)
        if known.state is not BatchState.UPLOADING:
            return known
    batch = batches.open(manifest, settings)
    with _bar("uploading", len(manifest.chunks)) as told:
        upload(folder, manifest, batch.uploaded, batches.put, told)
    return batches.get(batch.id)


def _tell_known(known: Batch, settings: Settings) -> None:
    if known.state is BatchState.UPLOADING:
        stored = f"{known.uploaded:,} of {words.many(known.chunks, 'chunk')}"
        note(f"{known.id} was begun before: {stored} are there, the upload goes on")
    else:
        note(f"this plan was applied before: it is {known.id}, {known.state}")
        if known.state.is_ended:
            note("to run its rows once more, plan them with another --label")
    if settings != Settings() and not known.state.is_ended:
        told = "`sources batch throttle` changes rate and concurrency"
        note(f"its settings are those of the first time; {told}")


def _watch(open_ledger: Ledger, batch: Batch, *, detach: bool, output: Output) -> Exit:
    """Watch a batch until it is over, unless it is so already or nobody wants to."""
    code = Exit.OK
    if batch.state.is_ended or batch.state is BatchState.HELD:
        code = words.exit_code(batch)
        if output is Output.TEXT:
            tell_end(batch)
    elif not detach:
        code = follow(open_ledger, batch, quiet=output is Output.JSON)
    elif output is Output.TEXT:
        tell_end(batch)
        note_where_unserved(open_ledger)
        note(f"`sources batch watch {batch.id}` shows how far it is")
    if output is Output.JSON:
        now = open_ledger.client.batches.get(batch.id)
        print_json(words.document(now, Speed()))
    return code


@contextmanager
def _told_how_to_go_on(open_ledger: Ledger, manifest: Manifest) -> Iterator[None]:
    """Say after whatever ends an upload how it goes on: by the same command."""
    go_on = "nothing is lost: the same command goes on where it was"
    try:
        yield
    except LedgerFull as error:
        complain(
            str(error),
            f"{go_on}, once the store has room (maxmemory, or what else is in it)",
            f"the plan takes {manifest.size:,} bytes; {_stored(open_ledger, manifest)}",
        )
        raise typer.Exit(Exit.UNAVAILABLE) from None
    except LedgerUnavailable as error:
        complain(
            str(error),
            f"{go_on}, once the store answers",
            "is SOURCES_REDIS_URL right? `sources dev` starts a store of its own",
        )
        raise typer.Exit(Exit.UNAVAILABLE) from None
    except BatchEnded as error:
        complain(f"{error}; somebody cancelled it while it was uploaded")
        raise typer.Exit(Exit.FAILED) from None
    except KeyboardInterrupt:
        complain("interrupted before the upload was over", go_on)
        raise typer.Exit(Exit.INTERRUPTED) from None


def _stored(open_ledger: Ledger, manifest: Manifest) -> str:
    """Say how much of the plan is in the store, which still answers reads."""
    try:
        known = _known(open_ledger, manifest)
    except LedgerUnavailable:
        known = None
    stored = known.uploaded if known else 0
    return f"{stored:,} of {words.many(len(manifest.chunks), 'chunk')} are in the store"


@contextmanager
def _bar(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show on a screen how far something is, if it takes a while."""
    with Progress(console=err, transient=True, disable=not err.is_terminal) as progress:
        began = time.monotonic()
        task = progress.add_task(what, total=total, visible=False)

        def told(done: int) -> None:
            slow = time.monotonic() - began > PROGRESS_AFTER
            progress.update(task, completed=done, visible=slow)

        yield told
