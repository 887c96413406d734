"""`sources batch results`: three files, and whether they add up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from customer_sources.contract.names import PREFIX
from worker.batches.ends import Tally, read_ends
from worker.batches.result_files import Format, ResultsRefused, names, new_results
from worker.batches.results import (
    File,
    TooManyColumns,
    columns_of,
    result_of,
)
from worker.cli.batch_kept import Kept, find
from worker.cli.batch_look import Named, ledger
from worker.cli.exits import Exit
from worker.cli.say import complain, note, out, print_columns
from worker.cli.tell import Prefix, Url


def results(
    named: Named,
    folder: Annotated[
        Path, typer.Option("-o", "--output", help="Folder for the three files.")
    ],
    written: Annotated[Format, typer.Option("--format", help="jsonl or csv.")] = (
        Format.JSONL
    ),
    force: Annotated[bool, typer.Option("--force", help="Replace files.")] = False,
    partial: Annotated[
        bool,
        typer.Option(
            "--partial", help="Write what there is, of a batch that goes on as well."
        ),
    ] = False,
    redis_url: Url = None,
    prefix: Prefix = PREFIX,
) -> None:
    """Write what became of each row: succeeded, failed, unprocessed.

    Every row is in exactly one of the files, and that is checked. Rows in review are
    among the failed ones; their state says so. Exit code 5 where rows have not ended
    yet, 1 where something does not add up: without --partial nothing is written then.

    Example: sources batch results batch_01k... -o results --format csv
    """
    with ledger(redis_url, prefix) as open_ledger:
        kept = find(open_ledger, named)
        if not kept.batch.state.is_ended and not partial:
            raise typer.Exit(_goes_on(kept))
        try:
            tally = write(kept, folder, written, force=force, partial=partial)
        except (ResultsRefused, TooManyColumns) as error:
            complain(str(error))
            raise typer.Exit(Exit.FAILED) from None
    raise typer.Exit(_tell(kept, folder, written, tally, partial=partial))


def write(
    kept: Kept, folder: Path, written: Format, *, force: bool, partial: bool
) -> Tally:
    """Write the files, a chunk in memory at a time.

    Where the sum is wrong there are none, but for `partial`.

    Raises:
        ResultsRefused: they cannot be written.
        TooManyColumns: rows have too many different fields for CSV.
    """
    batch, manifest, tally = kept.batch, kept.manifest, Tally()
    columns: Sequence[str] = ()
    if written is Format.CSV:
        ends = read_ends(batch, manifest, kept, Tally())
        columns = columns_of(row.asked for row, _ in ends)
    with new_results(folder, written, columns, force=force) as files:
        for end in read_ends(batch, manifest, kept, tally):
            if result := result_of(batch.id, end):
                files.write(result)
        files.wanted = partial or not tally.problems
    return tally


def _goes_on(kept: Kept) -> Exit:
    batch = kept.batch
    complain(
        f"{batch.id} is {batch.state}: {batch.rows - batch.done:,} of {batch.rows:,} "
        "rows have not ended; nothing was written",
        "wait for it (`sources batch watch`), or take what there is: --partial",
    )
    return Exit.STILL_RUNNING


def _tell(
    kept: Kept, folder: Path, written: Format, tally: Tally, *, partial: bool
) -> Exit:
    """Say what was written, and whether it adds up."""
    batch, manifest, counts = kept.batch, kept.manifest, tally.counts
    if tally.problems:
        advice = [] if partial else ["nothing was written; --partial writes all else"]
        complain(f"{batch.id}: rows are missing:", *tally.problems, *advice)
        return Exit.FAILED
    numbers = {
        File.SUCCEEDED: counts["succeeded"],
        File.FAILED: tally.failed,
        File.UNPROCESSED: counts["unprocessed"],
    }
    files = names(written)
    rows = [(one, f"{n:,}", str(folder / files[one])) for one, n in numbers.items()]
    print_columns((batch.state.value, "rows", "file"), rows)
    terms = [f"{count:,} {file}" for file, count in numbers.items()]
    if tally.pending:
        terms.append(f"{tally.pending:,} pending")
    total = f"{manifest.rows:,} rows of the plan = {' + '.join(terms)}"
    out.print(total, soft_wrap=True, markup=False)
    if manifest.rejected:
        planned = f"{manifest.rows:,} planned + {manifest.rejected:,} rejected"
        told = f"{manifest.input.rows:,} rows of {manifest.input.name} = {planned}"
        out.print(told, soft_wrap=True, markup=False)
    if counts["needs_review"]:
        told = f"{counts['needs_review']:,} of the failed rows need review"
        note(f"{told}: `sources batch reconcile` tells what Stripe shows")
    if tally.pending:
        note(f"{batch.id} is {batch.state}: {tally.pending:,} rows have not ended")
        return Exit.STILL_RUNNING
    return Exit.OK
