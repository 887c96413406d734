"""`sources schema`: what goes in and what comes out, for other languages."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from customer_sources.contract.command_schema import command_schema
from customer_sources.contract.schema import event_schema
from worker.cli.say import print_json


class What(StrEnum):
    """What there is a schema of."""

    COMMAND = "command"
    EVENT = "event"


class Format(StrEnum):
    """How a schema is printed."""

    JSON = "json"


_SCHEMAS = {What.COMMAND: command_schema, What.EVENT: event_schema}


def schema(
    what: Annotated[What, typer.Argument(help="command or event.")],
    output: Annotated[  # noqa: ARG001  there is one, and scripts say it everywhere
        Format, typer.Option("-o", "--output", help="json.")
    ] = Format.JSON,
) -> None:
    """Print the JSON Schema (draft 2020-12) of commands or of events.

    A command is what the inbox takes; an event is what stands on the stream.

    Example: sources schema event
    """
    print_json(_SCHEMAS[what]())
