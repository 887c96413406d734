"""`sources` as a person types it, with no setting of this machine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

Sources = Callable[..., "CompletedProcess[str]"]
COMMAND = (sys.executable, "-m", "worker.cli")


def unset() -> dict[str, str]:
    """This machine's environment without any setting of ours."""
    ours = ("SOURCES_", "STRIPE_")
    return {k: v for k, v in os.environ.items() if not k.startswith(ours)}


def run(*words: str, cwd: Path, **environment: str) -> CompletedProcess[str]:
    """Run `sources` with no setting in its environment but what is given."""
    return subprocess.run(
        [*COMMAND, *words],
        env={**unset(), "COLUMNS": "60", **environment},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        cwd=cwd,
    )
