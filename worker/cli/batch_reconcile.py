"""`sources batch reconcile`: reads Stripe, and holds a batch against it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from rich.progress import Progress

from config.accounts import Account
from config.settings import Settings
from customer_sources.contract.names import PREFIX
from worker.batches.ends import Tally, read_ends
from worker.batches.reconciling import (
    Found,
    Report,
    Sample,
    Survey,
    sample_size,
    share,
)
from worker.cli.batch_kept import Kept, find
from worker.cli.batch_look import Named, ledger
from worker.cli.exits import Exit
from worker.cli.reading import account_to_read, agreed_to_read
from worker.cli.say import complain, err, note, out, print_json
from worker.cli.tell import Out, Output, Prefix, Url

if TYPE_CHECKING:
    from worker.cli.batch_reads import Wanted


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be read."""

    kept: Kept
    survey: Survey
    compared: int
    """Rows that succeeded, as many as are sampled."""
    per_second: float

    @property
    def rows(self) -> int:
        """All that Stripe is read for."""
        return self.compared + self.survey.in_review


def reconcile(
    named: Named,
    sample: Annotated[
        str,
        typer.Option(
            help="Compare only so many rows, picked by chance: 500, 0.05 or 5%.",
            metavar="N|SHARE",
        ),
    ] = "100%",
    rate: Annotated[
        float, typer.Option(min=0.01, max=1000, help="Most reads in a second.")
    ] = 5.0,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; read.")] = False,
    output: Out = Output.TEXT,
    redis_url: Url = None,
    prefix: Prefix = PREFIX,
) -> None:
    """Read Stripe again: are the sources as the batch left them?

    A created source must bear its row's mark, an updated one have every field as
    asked, a verified account be verified, a deleted source be gone. Of the rows on one
    source the last is compared. Of rows in review it is told what Stripe shows. Needs
    the account's key; only GETs are sent, and first it is said how many. They are not
    charged to the permits of the workers: --rate is beside what those send.

    Exit code 1 where a row does not match, or could not be read.

    Example: sources batch reconcile batch_01k... --sample 5% --yes
    """
    with ledger(redis_url, prefix) as open_ledger:
        kept, tally = find(open_ledger, named), Tally()
        survey = Survey(read_ends(kept.batch, kept.manifest, kept, tally))
        size = sample_size(sample, survey.to_compare)
        if size is None:
            raise typer.BadParameter("expected 500, 0.05 or 5%", param_hint="--sample")
        plan = Plan(kept=kept, survey=survey, compared=size, per_second=rate)
        report = Report()
        if plan.rows:
            settings = Settings()
            account = account_to_read(settings, kept.manifest.account)
            _agree(plan, yes=yes)
            report = _read(plan, settings, account, output)
    raise typer.Exit(_tell(plan, report, tally, output))


def _agree(plan: Plan, *, yes: bool) -> None:
    """Say what will be read, and wait for a yes.

    Raises:
        typer.Exit: nobody said it; nothing was read.
    """
    survey, account = plan.survey, plan.kept.manifest.account
    sampled = plan.compared < survey.to_compare
    of = f"a sample of {survey.to_compare:,} rows" if sampled else "one for each row"
    seconds = round(plan.rows / plan.per_second)
    reads = f"{plan.compared:,} reads of the account {account}, {of}"
    lines = [f"{plan.kept.batch.id}: {reads} whose change succeeded"]
    if survey.changed_again:
        lines.append(f"{survey.changed_again:,} more were changed again by a later row")
    if survey.in_review:
        lines.append(f"1 to 12 more for each of {survey.in_review:,} rows in review")
    lines.append(f"at {plan.per_second:g} a second: {timedelta(seconds=seconds)}")
    if not agreed_to_read("; ".join(lines), yes=yes):
        raise typer.Exit(Exit.USAGE)


def _read(plan: Plan, settings: Settings, account: Account, output: Output) -> Report:
    """Read Stripe, with a bar on a terminal; in text, tell of each row at once.

    Raises:
        typer.Exit: the key may not read.
    """
    # Only here, so that every other command starts without aiohttp.
    from worker.cli.batch_reads import Comparison, KeyRefused  # noqa: PLC0415

    batch_id = plan.kept.batch.id
    comparison = Comparison(batch_id, settings, account, plan.per_second)
    bar = Progress(console=err, transient=True, disable=not err.is_terminal)
    with bar:
        task = bar.add_task("reading", total=plan.rows)

        def tell(found: Found | None) -> None:
            bar.advance(task)
            if found is not None and output is Output.TEXT:
                out.print(str(found), soft_wrap=True, markup=False)

        try:
            return asyncio.run(comparison.report(_wanted(plan), tell))
        except KeyRefused as error:
            complain(str(error), "a restricted key needs leave to read sources")
            raise typer.Exit(Exit.CONFIG) from None


def _wanted(plan: Plan) -> Iterator[Wanted]:
    """Give the rows to read for: those that were picked, and all in review."""
    from worker.cli.batch_reads import Wanted  # noqa: PLC0415  see above

    kept, survey = plan.kept, plan.survey
    sample = Sample(plan.compared, survey.to_compare, kept.batch.id)
    for end in read_ends(kept.batch, kept.manifest, kept, Tally()):
        row, outcome = end
        if outcome is None:
            continue
        if survey.compared(end):
            if sample.take():
                yield Wanted(row, outcome)
        elif survey.in_doubt(end):
            yield Wanted(row, outcome)


def _tell(plan: Plan, report: Report, tally: Tally, output: Output) -> Exit:
    """Say what was found; only all of it is a success."""
    batch = plan.kept.batch
    if output is Output.JSON:
        print_json(_document(plan, report, tally))
    else:
        _sum_up(plan, report)
    for problem in tally.problems:
        complain(problem)
    if tally.pending:
        note(f"{batch.id} is {batch.state}: {tally.pending:,} rows have not ended")
    bad = report.mismatches or report.unread or tally.problems
    return Exit.FAILED if bad else Exit.OK


def _sum_up(plan: Plan, report: Report) -> None:
    if report.unread:
        note(f"{len(report.unread):,} rows could not be compared")
    if report.in_review:
        note(f"{len(report.in_review):,} rows are in review, and are not in the sum")
    if not plan.compared:
        out.print("nothing to compare: no row has changed anything")
        return
    told = f"{report.matches:,} of {report.rows:,} match"
    percent = share(report.matches, report.rows)
    sampled = plan.compared < plan.survey.to_compare
    of = f", sampled of {plan.survey.to_compare:,}" if sampled else ""
    out.print(f"{told} ({percent}){of}", soft_wrap=True, markup=False)


def _document(plan: Plan, report: Report, tally: Tally) -> dict[str, Any]:
    return {
        "batch": plan.kept.batch.id,
        "account": plan.kept.manifest.account,
        "comparable": plan.survey.to_compare,
        "compared": report.rows,
        "changed_again": plan.survey.changed_again,
        "pending": tally.pending,
        **msgspec.structs.asdict(report),
        "problems": tally.problems,
    }
