"""`sources batch retry`: a plan of the rows that are worth another try."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from customer_sources.batches.manifest import Manifest
from customer_sources.contract.names import PREFIX
from worker.batches.checking import Asked
from worker.batches.ends import Tally, read_ends
from worker.batches.plan_files import DiskRefused, FolderRefused, new_plan
from worker.batches.planning import Draft, Wanted
from worker.batches.retry import Left, Only, Selection, find_overtaken
from worker.cli.batch_kept import Kept, find
from worker.cli.batch_look import Named, ledger
from worker.cli.exits import Exit
from worker.cli.say import complain, note, out
from worker.cli.tell import Prefix, Url


def retry(
    named: Named,
    folder: Annotated[
        Path, typer.Option("-o", "--output", help="Folder for the new plan.")
    ],
    only: Annotated[
        Only | None, typer.Option(help="Take only these; both unless it is said.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace a plan that is there.")
    ] = False,
    redis_url: Url = None,
    prefix: Prefix = PREFIX,
) -> None:
    """Plan what failed and may succeed another time, and what was not processed.

    The plan is applied like any other. Rows keep the numbers of their file. Where
    Stripe may have done a row, it is sent again with the key that Stripe has seen, or
    once that is too old Stripe is read instead: never a second effect. What was refused
    for good (a declined card) is left out; a corrected row belongs in a new file.

    Example: sources batch retry batch_01k... -o again
    """
    with ledger(redis_url, prefix) as open_ledger:
        kept = find(open_ledger, named)
        if not kept.batch.state.is_ended:
            complain(
                f"{kept.batch.id} is {kept.batch.state}: only what is over is retried",
                "wait for it, or `sources batch cancel` it: what was begun is resolved",
            )
            raise typer.Exit(Exit.STILL_RUNNING)
        try:
            manifest, selection = _plan(kept, folder, only, force=force)
        except _DoesNotAddUp as error:
            complain(f"{kept.batch.id}: rows are missing:", *error.problems)
            raise typer.Exit(Exit.FAILED) from None
        except (FolderRefused, DiskRefused) as error:
            complain(str(error), "nothing was planned")
            raise typer.Exit(Exit.FAILED) from None
    _tell(kept, folder, manifest, selection)


class _DoesNotAddUp(Exception):
    """Rows of the batch cannot be found."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__()
        self.problems = problems


class _Nothing(Exception):
    """No row is worth it."""


def _plan(
    kept: Kept, folder: Path, only: Only | None, *, force: bool
) -> tuple[Manifest | None, Selection]:
    """Write the plan; None where there would be no row in it."""
    batch, manifest = kept.batch, kept.manifest
    overtaken = find_overtaken(read_ends(batch, manifest, kept, Tally()), only)
    selection, tally = Selection(batch.id, only, overtaken), Tally()
    wanted = Wanted(
        asked=Asked(account=manifest.account), label=f"retry of {batch.id}", force=force
    )
    try:
        with new_plan(folder, force=force) as place, Draft(place, wanted) as draft:
            for row in selection.rows(read_ends(batch, manifest, kept, tally)):
                draft.add(row, row.number)
            _check(tally, selection)
            planned = draft.finish(
                batch.id, manifest.plan_sha256, manifest.size, selection.taken
            )
    except _Nothing:
        return None, selection
    return planned.manifest, selection


def _check(tally: Tally, selection: Selection) -> None:
    """See that the rows are a plan.

    Raises:
        _DoesNotAddUp: there are others, that were not found.
        _Nothing: there is none.
    """
    if tally.problems:
        raise _DoesNotAddUp(tally.problems)
    if not selection.taken:
        raise _Nothing


def _tell(
    kept: Kept, folder: Path, manifest: Manifest | None, selection: Selection
) -> None:
    """Say what is planned, and what is left out, and why."""
    rows = kept.manifest.rows
    if manifest is None:
        out.print(f"nothing to retry: of {rows:,} rows", soft_wrap=True, markup=False)
    else:
        told = f"{manifest.rows:,} of {rows:,} rows of {kept.batch.id} are planned"
        out.print(f"{told} in {folder}:", soft_wrap=True, markup=False)
        _line(selection.taken - selection.carried, "with nothing at Stripe yet")
        _line(selection.carried, "of unknown outcome, with the key that Stripe has")
        if selection.left.total():
            out.print("left out:", soft_wrap=True, markup=False)
    for why in Left:
        _line(selection.left[why], _why(why, selection))
    if selection.left[Left.FINAL]:
        note("what was refused for good can be corrected, and planned as a new file")
    if manifest is not None:
        out.print(f"{manifest.batch}: sources batch apply {folder}", soft_wrap=True)


def _why(why: Left, selection: Selection) -> str:
    if why is Left.FINAL:
        codes = selection.codes.most_common()
        return f"{why} ({', '.join(f'{n:,} {code}' for code, n in codes)})"
    shown = selection.shown.get(why, [])
    if not shown:
        return why.value
    more = ", ..." if selection.left[why] > len(shown) else ""
    return f"{why} (rows {', '.join(map(str, shown))}{more})"


def _line(count: int, words: str) -> None:
    if count:
        out.print(f"{count:>10,}  {words}", soft_wrap=True, markup=False)
