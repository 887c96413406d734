"""`sources batch plan`: read a file, check every row, write what would be sent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from config.settings import Settings
from customer_sources.contract.errors import LedgerUnavailable
from customer_sources.contract.names import DEFAULT_ACCOUNT, PREFIX, Keys
from customer_sources.contract.operations import OPERATIONS
from customer_sources.contract.texts import can_be_named
from customer_sources.store import connect, in_our_words
from worker.batches import planning
from worker.batches.checking import Asked
from worker.batches.durations import Pace, default_pace, pace_of
from worker.batches.inputs import Format
from worker.batches.mapping import read_renames
from worker.batches.opening import LONGEST_LINE, InputInvalid, Opened, open_input
from worker.batches.plan_files import MANIFEST, DiskRefused, FolderRefused
from worker.cli import batch_check
from worker.cli.accounts import account_name
from worker.cli.batch_plan_report import print_report, report
from worker.cli.exits import Exit
from worker.cli.say import complain, err, print_json
from worker.cli.tell import Prefix, Url
from worker.gauges import read_accounts
from worker.limits import announced

_NOTHING = "nothing was planned, and nothing was sent"
_KEPT = "the plan that was in the folder is as it was"


def _operation(text: str) -> str:
    if text and text not in OPERATIONS:
        raise typer.BadParameter(f"not one of {', '.join(OPERATIONS)}")
    return text


def _label(text: str) -> str:
    """A label is told in events and lists, so it is held to what may be told."""
    if text and not can_be_named(text):
        told = "expected up to 64 printable characters, no card number, key or token"
        raise typer.BadParameter(told)
    return text


def plan(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="CSV or JSONL, also .gz; - is stdin.")
    ],
    folder: Annotated[
        Path, typer.Option("-o", "--output", metavar="DIR", help="Folder for the plan.")
    ],
    operation: Annotated[
        str, typer.Option(parser=_operation, metavar="NAME", help="Of all rows.")
    ] = "",
    account: Annotated[
        str,
        typer.Option(parser=account_name, metavar="NAME", help="Account of all rows."),
    ] = DEFAULT_ACCOUNT,
    renames: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="COLUMN=FIELD",
            help="Column that stands for a field; COLUMN= leaves it out; repeatable.",
        ),
    ] = None,
    harmless: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD", help="Its values are no card numbers; repeatable."
        ),
    ] = None,
    label: Annotated[
        str,
        typer.Option(parser=_label, help="Makes another batch of the same rows."),
    ] = "",
    form: Annotated[
        Format | None,
        typer.Option("--format", help="Unless it is said: by name, or first byte."),
    ] = None,
    longest_line: Annotated[
        int, typer.Option(min=1024, max=64 * 2**20, help="Bytes; longer is rejected.")
    ] = LONGEST_LINE,
    strict: Annotated[
        bool, typer.Option("--strict", help="Reject repeats and contradictions.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace a plan that is in the folder.")
    ] = False,
    check: Annotated[
        str,
        typer.Option(
            parser=batch_check.sample,
            metavar="[N|SHARE]",
            help="Read Stripe: what is so already? Of all rows, or 500, 0.01 or 1%.",
        ),
    ] = "",
    check_rate: Annotated[
        float, typer.Option(min=0.01, max=1000, help="Most reads in a second.")
    ] = 5.0,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask before reading.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the summary as JSON.")
    ] = False,
    redis_url: Url = None,
    prefix: Prefix = PREFIX,
) -> None:
    """Read a file of commands and check every row; write a plan. Nothing is sent.

    A row has `operation` (or all have that of --operation), `customer`, `id`, and
    parameters by Stripe's names: in CSV `metadata.order_id` or `metadata[order_id]`,
    a list as `32;45`, an empty cell is not given. Every bad row is in rejected.jsonl,
    with its line and what is wrong; rows that repeat or contradict an earlier one are
    in warnings.jsonl. The store is only asked for the account's rates, to say how long
    it would take.

    With --check, once the plan is made, Stripe is read with the account's key; only
    GETs are sent, and first it is said how many, and for how long. They are beside the
    permits of the workers. How each row stands is in checked.jsonl, with its line. The
    plan stays as it is: no row is left out of it.

    Exit code 0 where every row is in the plan, 1 where some were rejected or could not
    be read, 2 where nothing could be planned or reading was not agreed to, 7 where it
    could not be written or the key may not read.

    Example: sources batch plan examples/migration.csv -o plan
    """
    wish = batch_check.wish(check, check_rate, account, yes=yes)
    pace = _pace(redis_url, prefix, account)
    with _refusals(folder):
        wanted = planning.Wanted(
            asked=Asked(
                operation=operation, account=account, harmless=tuple(harmless or ())
            ),
            renamed=read_renames(renames or ()),
            label=label,
            form=form,
            strict=strict,
            force=force,
        )
        with open_input(file, longest_line) as opened, _progress(opened) as progress:
            planned = planning.plan(opened, folder, wanted, progress)
    told = report(planned, folder, pace)
    if not as_json:
        print_report(told)
    ended = Exit.OK
    if wish is not None:
        checked, ended = batch_check.check(wish, folder, planned.manifest)
        told = msgspec.structs.replace(told, checked=checked)
        if not as_json:
            batch_check.print_checked(checked, folder)
    if as_json:
        print_json(told)
    raise typer.Exit(ended or (Exit.FAILED if told.rejected else Exit.OK))


@contextmanager
def _refusals(folder: Path) -> Iterator[None]:
    """Say why nothing could be planned.

    Raises:
        typer.Exit: that was so.
    """
    try:
        yield
    except InputInvalid as error:
        headline, *details = str(error).split("\n")
        complain(headline, *details, _NOTHING)
        raise typer.Exit(Exit.USAGE) from None
    except FolderRefused as error:
        complain(str(error), _NOTHING)
        raise typer.Exit(Exit.USAGE) from None
    except DiskRefused as error:
        kept = [_KEPT] if (folder / MANIFEST).exists() else []
        complain(str(error), _NOTHING, *kept)
        raise typer.Exit(Exit.CONFIG) from None
    except KeyboardInterrupt:
        complain("interrupted", _NOTHING)
        raise typer.Exit(Exit.INTERRUPTED) from None


@contextmanager
def _progress(opened: Opened) -> Iterator[planning.Progress | None]:
    """Show how far reading is, to a person."""
    if not err.is_terminal:
        yield None
        return
    columns = (
        TextColumn("planning"),
        BarColumn(),
        TextColumn("{task.fields[rows]:,} rows"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True) as shown:
        task = shown.add_task("", total=opened.size, rows=0)
        yield lambda done, rows: shown.update(task, completed=done, rows=rows)


def _pace(redis_url: str | None, prefix: str, account: str) -> Pace:
    """Ask the store how fast the account may send; a plan needs no store."""
    url = redis_url or Settings.model_fields["redis_url"].default
    try:
        with connect(url) as store, in_our_words():
            found = read_accounts(store, Keys(prefix), account)
    except LedgerUnavailable:
        found = []
    paces = (pace_of(announced(reading)) for reading in found)
    return next(filter(None, paces), default_pace())
