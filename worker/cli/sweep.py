"""`sources verifications sweep`: have undecided verifications tried again, by hand."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from config.settings import Settings
from customer_sources.calls import EVENTS_HARD_CAP
from customer_sources.contract.names import PREFIX, Keys
from customer_sources.store import connect_async, in_our_words
from worker.cli.live import warn_where_live
from worker.cli.say import note, out, print_json
from worker.cli.tell import Out, Output, Prefix, Url
from worker.sweeping import Step, Sweeping, Swept

_WORDS = {
    "running": "running",
    "in_line": "in line for a permit, or of a batch that is stopped",
    "due": "due by themselves",
    "quiet": "quiet, because a request of theirs may still arrive",
    "scheduled": "not to begin yet",
    "ended": "ended meanwhile",
    "unreadable": "damaged, for a worker to lay aside",
}


def sweep(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Count only; nothing is changed.")
    ] = False,
    output: Out = Output.TEXT,
    redis_url: Url = None,
    prefix: Prefix = PREFIX,
) -> None:
    """Have verifications tried again now that were tried and could not be decided.

    Those put forward wait for nothing but their next try: Stripe was away, said 429, or
    its answer was lost. What runs, stands in line, is scheduled, or has a request that
    may still arrive is passed over. Workers do the same by themselves (SOURCES_SWEEP);
    if one is at it, this goes on with it. It needs no worker; the tries do. An event
    tells the counts.

    Example: sources verifications sweep --dry-run
    """
    if not dry_run:
        warn_where_live(redis_url, prefix)
    url = redis_url or Settings.model_fields["redis_url"].default
    with in_our_words():
        said = asyncio.run(_sweep(url, Keys(prefix), dry_run=dry_run))
    if output is Output.JSON:
        print_json(said)
        return
    would = "would be " if dry_run else ""
    told = (
        f"{said['considered']:,} considered, {said['put_forward']:,} {would}put forward"
    )
    out.print(told, soft_wrap=True, markup=False)
    for why, count in said["passed_over"].items():
        if count:
            out.print(f"  {count:,} {_WORDS[why]}", soft_wrap=True, markup=False)
    if said.get("joined"):
        note("a sweep was under way; these are the counts of all of it")


async def _sweep(url: str, keys: Keys, *, dry_run: bool) -> Mapping[str, Any]:
    """Sweep, or count; returns what is printed."""
    async with connect_async(url) as store:
        sweeping = Sweeping(store, keys, EVENTS_HARD_CAP)
        if dry_run:
            return {"dry_run": True, **await sweeping.dry_run()}
        swept, joined = None, False
        while swept is None:  # another has begun between the last step and the reading
            sweep_id, joined = await sweeping.begin_by_hand()
            swept = await _see_through(sweeping, sweep_id)
    return {"dry_run": False, "sweep": swept.id, "joined": joined, **swept.counts}


async def _see_through(sweeping: Sweeping, sweep_id: str) -> Swept | None:
    """Do all steps of a sweep that are left. None: what became of it is gone."""
    while True:
        began = time.monotonic()
        step = await sweeping.step(sweep_id)
        if step is not Step.STEPPED:
            break
        # The store has others to serve: half of its time is theirs.
        await asyncio.sleep(time.monotonic() - began)
    swept = await sweeping.read(sweep_id)
    if swept is not None:
        await sweeping.tell(swept)
    return swept
