"""Reading small files that may hold keys, so that no error says what they hold."""

from __future__ import annotations

import re
import stat
import tomllib
from pathlib import Path
from typing import Any

_PLACE = re.compile(r"\((at line \d+, column \d+|at end of document)\)\Z")


def text_of(path: Path, most: int) -> tuple[str, str]:
    """Read a file: its text, or else what is wrong with it.

    No exception gets out, since one holds on to what it was about.

    Args:
        path: of the file.
        most: bytes that it may have.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited for
            return "", "is no regular file"
        with path.open("rb") as file:
            content = file.read(most + 1)
        if len(content) > most:
            return "", f"has more than {most} bytes"
        return content.decode("utf-8-sig"), ""
    except OSError as error:
        return "", f"cannot be read: {error.strerror}"
    except UnicodeDecodeError:
        return "", "is not UTF-8"
    except ValueError:  # a null byte
        return "", "is no path"


def parse_toml(text: str) -> tuple[dict[str, Any], str]:
    """Parse TOML; of an error only its place is told, since its words quote."""
    try:
        return tomllib.loads(text), ""
    except (ValueError, RecursionError) as error:
        place = _PLACE.search(str(error))
        return {}, f"is not TOML ({place[1]})" if place else "is not TOML"
