"""How `sources` talks: results to standard output, all else to standard error."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from rich.console import Console

_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Control characters but for tab and line feed, and those that turn a line around."""


def visible(text: str) -> str:
    """Show control characters as JSON does: no text of others may steer a screen."""
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


class _Screen(Console):
    """A console to which an escape sequence in somebody's text is text."""

    def print(self, *objects: Any, **options: Any) -> None:
        """Print as usual; cells of a table have to be made visible before."""
        shown = (visible(one) if isinstance(one, str) else one for one in objects)
        super().print(*shown, **options)


out = _Screen(highlight=False)
err = _Screen(stderr=True, highlight=False)


def complain(headline: str, *details: str) -> None:
    """Say what is wrong, and on further lines what can be done about it."""
    err.print(f"[bold red]sources:[/bold red] {_plain(headline)}", soft_wrap=True)
    for detail in details:
        err.print(f"  {_plain(detail)}", soft_wrap=True)


def note(text: str) -> None:
    """Say something beside the result."""
    err.print(f"[yellow]note:[/yellow] {_plain(text)}", soft_wrap=True)


def warn_of_live_key(whose: str) -> None:
    """Announce, before anything is done, that real customers will be changed.

    Args:
        whose: who has the key, or where it is used.
    """
    err.print(
        f"[bold white on red] LIVE KEY [/] {_plain(whose)}: "
        "this changes the sources of real customers",
        soft_wrap=True,
    )


def print_columns(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table whose cells are never cut: ids are there to be copied."""
    lines = [heads, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        out.print("  ".join(cells).rstrip(), soft_wrap=True, markup=False)


def print_json(value: Any) -> None:
    """Print one JSON document, indented, for people and for jq alike."""
    text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    out.print(text, soft_wrap=True, markup=False)


def _plain(text: str) -> str:
    """Keep square brackets from being read as markup."""
    return text.replace("[", r"\[")
