"""`sources batch status` and `watch`: how far a batch is, once or until it is over."""

from __future__ import annotations

import time
from collections.abc import Iterator

import msgspec
import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.table import Table

from customer_sources.batches.status import Batch, BatchState
from customer_sources.contract.errors import LedgerUnavailable
from customer_sources.contract.names import PREFIX
from worker.cli import batch_words as words
from worker.cli.batch_look import (
    Ledger,
    Named,
    Observer,
    ledger,
    note_where_unserved,
)
from worker.cli.batch_speed import Speed, average
from worker.cli.exits import Exit
from worker.cli.say import err, note, out, print_columns, print_json, visible
from worker.cli.settle import Pace
from worker.cli.tell import Out, Output, Prefix, Url

LOOKS_PER_SECOND = 2.0
LOG_SECONDS = 30.0
"""Between two lines where there is no screen."""
AWAY_SECONDS = 60.0
"""For how long a store that does not answer is asked again: a restart is shorter."""

PATIENCE_SECONDS = 10.0
"""Without any row ending, after which `watch` looks what may be in the way."""
STILL_SECONDS = 0.5
"""The same for `status`, which looks for a second."""


def status(
    named: Named,
    output: Out = Output.TEXT,
    redis_url: Url = None,
    prefix: Prefix = PREFIX,
) -> None:
    """Show how far a batch is: counts, codes, times, speed, and why it stands still.

    Of a running batch it takes a second: the speed shows between two looks.

    Example: sources batch status batch_01k... -o json
    """
    with ledger(redis_url, prefix) as open_ledger:
        found = open_ledger.find(named)
        observer = Observer(open_ledger, found, STILL_SECONDS)
        speed, turn = observer.look(), Pace(1)
        if observer.batch.state is BatchState.RUNNING:
            turn.wait()
            turn.wait()
            speed = observer.look()
        batch = observer.batch
        if output is Output.JSON:
            overall = {"average_per_second": average(batch, time.time())}
            print_json(words.document(batch, speed, observer.behind) | overall)
            return
        _print_status(batch, speed)
        _remark(open_ledger, observer)


def watch(
    named: Named,
    output: Out = Output.TEXT,
    redis_url: Url = None,
    prefix: Prefix = PREFIX,
) -> None:
    """Watch a batch until it is over or held; Ctrl-C leaves it as it is.

    Exit code 0 where every row succeeded, 1 where one did not, 3 where the batch is
    held, 5 after Ctrl-C. JSON is one line a second, and a last one.

    Example: sources batch watch batch_01k...
    """
    with ledger(redis_url, prefix) as open_ledger:
        found = open_ledger.find(named)
        raise typer.Exit(follow(open_ledger, found, lines=output is Output.JSON))


def follow(
    open_ledger: Ledger, batch: Batch, *, lines: bool = False, quiet: bool = False
) -> Exit:
    """Show a batch until it is over or held, or Ctrl-C.

    Args:
        open_ledger: where it is.
        batch: which.
        lines: print a line of JSON a second.
        quiet: leave it to the caller to say what became of it.
    """
    observer = Observer(open_ledger, batch, PATIENCE_SECONDS)
    try:
        if lines:
            _print_lines(observer)
        else:
            observer.look()
            if observer.batch.state is not BatchState.HELD:  # which is told at the end
                _remark(open_ledger, observer)
            _show(observer)
    except KeyboardInterrupt:
        again = f"`sources batch watch {batch.id}` shows it again"
        note(f"the batch is left as it is, {observer.batch.state}; {again}")
        return Exit.STILL_RUNNING
    if not (lines or quiet):
        tell_end(observer.batch)
    return words.exit_code(observer.batch)


def tell_end(batch: Batch) -> None:
    """Say what became of a batch, on as many lines as that needs."""
    told = f"{batch.id} {batch.state}: {words.counts(batch)}"
    out.print(told, soft_wrap=True, markup=False)
    if batch.codes:
        print_columns(("code", "rows"), _codes(batch))
    for sentence in words.advice(batch):
        note(sentence)


def _looks(observer: Observer, per_second: float) -> Iterator[Speed]:
    """Look until the batch is over or held; a store that restarts is waited for."""
    turn, away_since = Pace(per_second), None
    told: set[str] = set()
    while True:
        turn.wait()
        try:
            yield observer.look()
        except LedgerUnavailable:
            if away_since is None:
                away_since = time.monotonic()
                note("the store does not answer; the batch goes on when it does")
            elif time.monotonic() - away_since > AWAY_SECONDS:
                raise
        else:
            away_since = None
            for sentence in words.behind(observer.behind):
                if sentence not in told:
                    note(sentence)
                    told.add(sentence)
            state = observer.batch.state
            if state.is_ended or state is BatchState.HELD:
                return


def _show(observer: Observer) -> None:
    if err.is_terminal:
        _draw(observer)
        return
    told, at = "", 0.0
    for speed in _looks(observer, LOOKS_PER_SECOND):
        state, now = observer.batch.state, time.monotonic()
        if state != told or now - at >= LOG_SECONDS:
            err.print(words.line(observer.batch, speed), soft_wrap=True, markup=False)
            told, at = state, now


def _draw(observer: Observer) -> None:
    batch = observer.batch
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        TaskProgressColumn(),
        TextColumn("{task.fields[told]}"),
    )
    with Progress(*columns, console=err, transient=True) as progress:
        task = progress.add_task(batch.state, total=batch.rows, told="")
        for speed in _looks(observer, LOOKS_PER_SECOND):
            batch = observer.batch
            told = f"{batch.done:,}/{batch.rows:,}"
            bad = batch.failed + batch.needs_review
            told += f" [red]{bad:,} failed[/red] " if bad else " "
            progress.update(
                task,
                completed=batch.done,
                description="suspended" if observer.suspended else batch.state,
                told=told + words.pace(speed),
            )


def _print_lines(observer: Observer) -> None:
    for speed in _looks(observer, 1):
        told = words.document(observer.batch, speed, observer.behind)
        line = msgspec.json.encode(told).decode()
        out.print(line, soft_wrap=True, markup=False)


def _print_status(batch: Batch, speed: Speed) -> None:
    overall = average(batch, time.time())
    facts = {
        "batch": batch.id,
        "state": batch.state.value,
        "label": batch.label,
        "account": batch.account,
        "rows": words.counts(batch),
        "speed": words.pace(speed),
        "on average": "" if overall is None else f"{overall:,.1f} rows/s",
        "settings": words.settings(batch),
        "opened": words.moment(batch.created),
        f"{batch.state} since": words.moment(batch.since),
        "ended": words.moment(batch.ended) if batch.ended else "",
    }
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in facts.items():
        if value:
            table.add_row(f"[dim]{name}[/dim]", escape(visible(value)))
    out.print(table)
    if batch.codes:
        out.print()
        print_columns(("code", "rows"), _codes(batch))


def _remark(open_ledger: Ledger, observer: Observer) -> None:
    """Say what keeps a batch from going on."""
    batch = observer.batch
    for sentence in (*words.advice(batch), *words.behind(observer.behind)):
        note(sentence)
    if batch.state.is_ended:
        return
    if observer.suspended:
        note(
            f"account {batch.account} is suspended, so nothing is sent: "
            f"`sources accounts resume {batch.account}`, or another key"
        )
    note_where_unserved(open_ledger)


def _codes(batch: Batch) -> list[tuple[str, str]]:
    """Give codes of what did not succeed, the most frequent first."""
    most = sorted(batch.codes.items(), key=lambda item: -item[1])
    return [(code, f"{count:,}") for code, count in most]
