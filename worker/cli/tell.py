"""Telling a person, or a script, what became of a command."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

import msgspec
import typer

from customer_sources import Job, JobEnded, JobNeedsReview, ResultTimeout
from customer_sources.contract.events import PLAIN_SUCCESSES
from worker.cli.exits import Exit
from worker.cli.say import complain, note, out, print_json


class Output(StrEnum):
    """How results are printed."""

    TEXT = "text"
    JSON = "json"


Url = Annotated[
    str | None,
    typer.Option("--redis-url", envvar="SOURCES_REDIS_URL", help="The store."),
]
Prefix = Annotated[
    str, typer.Option(envvar="SOURCES_PREFIX", help="Prefix of the store's keys.")
]
Out = Annotated[Output, typer.Option("-o", "--output", help="text or json.")]


def tell(job: Job, *, wait: bool, timeout: float | None, output: Output) -> None:
    """Print the job, or with `wait` what became of it; exit accordingly."""
    if not job.served:
        note(
            "no worker has ever served this store; the job waits until one does "
            "(`sources worker`, or `sources dev` to try things out)"
        )
    shown: dict[str, Any] = {"job": job.id}
    if not wait:
        _print(output, shown | {"state": job.state.value}, f"{job.id} {job.state}")
        return
    try:
        result = job.result(timeout)
    except ResultTimeout as error:
        complain(str(error), f"look again: sources jobs show {job.id}")
        raise typer.Exit(Exit.STILL_RUNNING) from None
    except JobEnded as error:
        shown |= {"state": job.state.value, "error": error.error}
        _print(output, shown, f"{error}{_counted(error.error)}")
        in_review = isinstance(error, JobNeedsReview)
        raise typer.Exit(Exit.NEEDS_REVIEW if in_review else Exit.FAILED) from None
    what = "list" if result.get("object") == "list" else "source"
    shown |= {"state": job.state.value, what: result}
    known = "" if job.outcome in PLAIN_SUCCESSES else job.outcome
    if known:
        shown["outcome"] = known
    how = f" ({known})" if known else ""
    _print(output, shown, f"{job.id} {job.state}{how}: {brief(result)}")


def _counted(error: Mapping[str, Any]) -> str:
    """Say how many guesses at a bank account are left, after one that failed."""
    attempts = error.get("attempts")
    if not isinstance(attempts, Mapping):
        return ""
    return f" (attempts: {attempts['used']} used, {attempts['left']} left)"


def _print(output: Output, value: dict[str, Any], text: str) -> None:
    if output is Output.JSON:
        print_json(value)
    else:
        out.print(text, soft_wrap=True, markup=False)


def brief(source: Mapping[str, Any]) -> str:
    """Name a source in a few words: its id and what a person knows it by."""
    if source.get("object") == "list":
        lines = [f"\n  {brief(item)}" for item in source["data"]]
        more = "\n  and more (--all-pages)" if source["has_more"] else ""
        return f"{len(lines)} sources{''.join(lines)}{more}"
    known_by = [
        str(source[name])
        for name in ("brand", "bank_name", "type", "last4", "status")
        if source.get(name)
    ]
    if source.get("deleted"):
        known_by.append("deleted")
    words = " ".join(known_by)
    plain = f"{source.get('id', '')} {words}".strip()
    return plain or msgspec.json.encode(source).decode()
