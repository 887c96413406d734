"""`sources events`: what is told."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from customer_sources import CustomerSources, Event
from customer_sources.contract.events import TYPE_PREFIX
from customer_sources.contract.names import PREFIX
from worker.cli.say import out
from worker.cli.tell import Out, Output, Prefix, Url

app = typer.Typer(help="Look at events.", no_args_is_help=True)


@app.command()
def tail(
    all_kept: Annotated[
        bool, typer.Option("--all", help="Start with the oldest event kept.")
    ] = False,
    timeout: Annotated[
        float | None, typer.Option(help="Stop after SECONDS without an event.")
    ] = None,
    output: Out = Output.TEXT,
    redis_url: Url = None,
    prefix: Prefix = PREFIX,
) -> None:
    """Print events as they come; Ctrl-C ends it. Acknowledges nothing.

    Example: sources events tail --all --timeout 1 -o json
    """
    with CustomerSources(redis_url, prefix=prefix) as client:
        try:
            for event in client.events(after="0" if all_kept else "$", timeout=timeout):
                line = _line(event) if output is Output.TEXT else _json(event)
                out.print(line, soft_wrap=True, markup=False)
        except KeyboardInterrupt:
            return


def _line(event: Event) -> str:
    kind = event.type.removeprefix(TYPE_PREFIX)
    error = event.data.get("error") or {}
    code = error.get("code", "")
    return f"{event.time} {kind} {event.correlationid} {event.subject} {code}".rstrip()


def _json(event: Event) -> str:
    return msgspec.json.encode(event).decode()
