"""`sources settings`: what holds here, and who said so."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

import typer
from pydantic import SecretStr

from config.masks import MASK, mask_url
from config.settings import Settings
from worker.cli.say import print_columns, print_json
from worker.cli.tell import Out, Output
from worker.doctor import KEYS


def settings(context: typer.Context, output: Out = Output.TEXT) -> None:
    """Print the settings that hold here, and where each comes from.

    Keys and passwords are masked. A worker started in this directory, with this
    environment, would have the same.

    Example: sources settings -o json
    """
    rows = effective(Settings(), os.environ, context.obj or ())
    if output is Output.JSON:
        print_json(rows)
        return
    print_columns(
        ("setting", "value", "from"),
        [
            (name, "" if row["value"] is None else str(row["value"]), row["from"])
            for name, row in rows.items()
        ],
    )


def effective(
    settings: Settings, environment: Collection[str], from_file: Collection[str]
) -> dict[str, dict[str, Any]]:
    """Say of each setting, by its variable: its value, masked, and who said so.

    Args:
        settings: what holds.
        environment: names of the variables that are set.
        from_file: those of them that the file `.env` set.
    """
    given = {name.upper() for name in environment}
    rows = {}
    for field, variable in Settings.variables().items():
        source = "environment" if variable in given else "default"
        rows[variable] = {
            "value": _shown(getattr(settings, field)),
            "from": ".env" if variable in from_file else source,
        }
    return rows


def _shown(value: object) -> object:
    """Mask a key but for its beginning, which tells the mode, and passwords."""
    if isinstance(value, SecretStr):
        key = value.get_secret_value()
        begins = next((one for one in KEYS if key.startswith(one)), "")
        return f"{begins}{MASK}" if key else ""
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return mask_url(value) if isinstance(value, str) else value
