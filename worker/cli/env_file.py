"""The file `.env`, read once for every command, so that all see what a worker sees."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic_settings import DotEnvSettingsSource

from config.settings import Settings

OURS = ("SOURCES_", "STRIPE_")
FILE = Path(".env")


def read_env_file(path: Path = FILE) -> frozenset[str]:
    """Put the file's settings into the environment, which itself wins.

    The settings would read the file as well; the SDK's own defaults would not, and
    `sources jobs` would look at another store than `sources worker` serves.

    Returns:
        Names of the variables that the file set.
    """
    said = DotEnvSettingsSource(Settings, env_file=path).env_vars
    known = {name.upper() for name in os.environ}
    found = {
        name.upper(): value
        for name, value in said.items()
        if value is not None and name.upper().startswith(OURS)
        if name.upper() not in known
    }
    os.environ.update(found)
    return frozenset(found)
