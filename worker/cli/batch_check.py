"""`sources batch plan --check`: reads Stripe for the rows of a plan.

What is found changes no plan: things may be otherwise when it is applied.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import typer
from rich.progress import Progress
from typer.core import TyperCommand

from config.accounts import Account
from config.settings import Settings
from customer_sources.batches.manifest import Manifest
from customer_sources.batches.rows import Row
from customer_sources.contract.operations import OPERATIONS, Effect
from worker.batches.lines import LinesRead
from worker.batches.plan_files import CHECKED, LINES, read_rows
from worker.batches.reconciling import Sample, sample_size, share
from worker.batches.standing import Checked, Cost, Seen
from worker.cli.exits import Exit
from worker.cli.reading import account_to_read, agreed_to_read
from worker.cli.say import complain, err, note, out

if TYPE_CHECKING:
    from worker.cli.batch_check_reads import Pace

ALL = "100%"
_SAMPLE = re.compile(r"[\d.]+%?", re.ASCII)


class Checkable(TyperCommand):
    """A command whose `--check` may stand alone: then all rows are looked at."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Give it the sample that it means; the name of a file is none."""
        return super().parse_args(ctx, list(spelled_out(args)))


def spelled_out(words: Sequence[str]) -> Iterator[str]:
    """Say of a `--check` without a sample that it is of all rows."""
    for word, after in zip(words, [*words[1:], ""], strict=True):
        alone = word == "--check" and not _SAMPLE.fullmatch(after)
        yield f"--check={ALL}" if alone else word


def sample(text: str) -> str:
    """Refuse what is no sample, before anything is planned."""
    if text and sample_size(text, 1) is None:
        raise typer.BadParameter("expected 500, 0.01 or 1%")
    return text


class Wish(NamedTuple):
    """What is to be looked at, and how."""

    sample: str
    per_second: float
    yes: bool
    settings: Settings
    account: Account


def wish(sample: str, per_second: float, account: str, *, yes: bool) -> Wish | None:
    """Find what it takes to read; None where nothing is to be looked at.

    Raises:
        typer.Exit: there is no key to read with.
    """
    if not sample:
        return None
    settings = Settings()
    found = account_to_read(settings, account)
    return Wish(sample, per_second, yes, settings, found)


def check(wished: Wish, folder: Path, manifest: Manifest) -> tuple[Checked, Exit]:
    """Say what looking costs, and where it is agreed to, look, and tell of it.

    Args:
        wished: what and how.
        folder: of the plan.
        manifest: of the plan.

    Returns:
        What was found, as far as it came; and how the command is to end.
    """
    checked, cost = Checked(changes=manifest.changes), Cost()
    checked.per_second = wished.per_second
    checked.wanted = sample_size(wished.sample, manifest.changes) or 0
    for row in _picked(folder, manifest, checked.wanted):
        cost.add(row)
    if not checked.wanted:
        note("nothing to look at: no row changes anything")
        return checked, Exit.OK
    if not agreed_to_read(_price(wished, checked, cost), yes=wished.yes):
        note(f"the plan is made, in {folder}; the same with --force replaces it")
        return checked, Exit.USAGE
    exit_code = _read(wished, folder, manifest, checked)
    if checked.per_second < wished.per_second:
        note(f"Stripe had reads slowed down to {checked.per_second:.3g} a second")
    if not exit_code and checked.unread:
        exit_code = Exit.FAILED
    return checked, exit_code


def print_checked(checked: Checked, folder: Path) -> None:
    """Print for a person what was found."""
    if not checked.rows:
        return
    of = f" of {checked.changes:,}" if checked.rows < checked.changes else ""
    rows = f"{checked.rows:,}{of} rows that change something"
    out.print(f"looked at {rows}, by {checked.reads:,} reads", soft_wrap=True)
    for name, count in _counts(checked):
        percent = share(count, checked.rows)
        out.print(f"  {name:<29}{count:>12,}  {percent}", soft_wrap=True)
    note(f"each is in {folder / CHECKED}; the plan has all its rows still")


def _counts(checked: Checked) -> Iterator[tuple[str, int]]:
    yield "already so", checked.already_so
    yield "not yet so", checked.not_yet_so
    yield "source or token gone or used", checked.source_missing
    yield "customer missing", checked.customer_missing
    yield "could not be read", checked.unread


def _picked(folder: Path, manifest: Manifest, wanted: int) -> Iterator[Row]:
    """Give the rows to look at, evenly by chance, the same ones each time."""
    sampled = Sample(wanted, manifest.changes, manifest.plan_sha256)
    for row in read_rows(folder, manifest):
        if OPERATIONS[row.operation].effect is not Effect.NONE and sampled.take():
            yield row


def _price(wished: Wish, checked: Checked, cost: Cost) -> str:
    sampled = checked.wanted < checked.changes
    of = f"{checked.wanted:,} of" if sampled else "all"
    parts = {
        "for sources": cost.sources,
        "for customers' lists of sources": cost.lists,
        "at most for tokens": cost.tokens,
    }
    each = ", ".join(f"{count:,} {what}" for what, count in parts.items() if count)
    seconds = round(cost.reads / wished.per_second)
    takes = f"at {wished.per_second:g} a second: {timedelta(seconds=seconds)}"
    reads = f"{cost.reads:,} reads of the account {wished.account.name} ({each})"
    rows = f"{of} {checked.changes:,} rows that change something"
    return f"to look at {rows}: {reads}; {takes}"


def _read(wished: Wish, folder: Path, manifest: Manifest, checked: Checked) -> Exit:
    """Read Stripe, with a bar on a terminal, and write down what is seen of each row.

    Whatever ends it, the rows that were looked at by then are in the file.
    """
    # Only here, so that every other command starts without aiohttp.
    from worker.cli.batch_check_reads import Looking  # noqa: PLC0415
    from worker.cli.batch_reads import KeyRefused  # noqa: PLC0415

    looking = Looking(manifest.batch, wished.account)
    rows = _picked(folder, manifest, checked.wanted)
    bar = Progress(console=err, transient=True, disable=not err.is_terminal)
    try:
        with (
            bar,
            (folder / CHECKED).open("wb") as sink,
            LinesRead(folder / LINES) as lines,
        ):
            task = bar.add_task("reading", total=checked.wanted)
            tell = partial(_tell, sink, checked, lines, partial(bar.advance, task))
            asyncio.run(looking.look(rows, wished.settings, wished.per_second, tell))
    except KeyRefused as error:
        advice = "a restricted key needs leave to read customers, sources and tokens"
        complain(str(error), advice, _stopped(checked))
        return Exit.CONFIG
    except KeyboardInterrupt:
        complain("interrupted", _stopped(checked))
        return Exit.INTERRUPTED
    except OSError as error:
        complain(f"{folder / CHECKED}: cannot be written: {error.strerror or error}")
        return Exit.CONFIG
    return Exit.OK


def _stopped(checked: Checked) -> str:
    rows = f"{checked.rows:,} of {checked.wanted:,} rows"
    return f"the plan is made; {rows} were looked at"


def _tell(
    sink: IO[bytes],
    checked: Checked,
    lines: LinesRead,
    advance: Any,
    row: Row,
    seen: Seen,
    pace: Pace,
) -> None:
    sink.write(checked.add(row, lines.of(row.number), seen))
    checked.reads, checked.per_second = pace
    advance()
