"""Loading the Lua scripts: one file a transition, behind what it uses of others."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files

PRELUDES = ("prelude", "places", "rows", "watches", "jobs")
"""What every script may use, in the order in which it is put in front."""
_FLAGS = "-- flags: "
_BLOCK = re.compile(r"^(?=local )", re.MULTILINE)
_DEFINED = re.compile(r"local (?:function (\w+)|([\w, ]+?)\s*(?:=|$))", re.MULTILINE)
_WORD = re.compile(r"\b[A-Za-z_]\w*")


@cache
def load(name: str, preludes: Sequence[str] = (), package: str = __package__) -> str:
    """Return the full text of a script, ready for SCRIPT LOAD.

    A first line ``-- flags: allow-oom`` becomes the shebang that lets a script run
    in a full store: what is in the ledger must be able to end. Without the flag a
    script is refused up front when memory is full, never half way.

    Args:
        name: the file's name without `.lua`.
        preludes: texts to put between `PRELUDES` and the script.
        package: the package whose `lua` folder has the file.
    """
    body = read(name, package)
    first = body.splitlines()[0]
    flags = first.removeprefix(_FLAGS) if first.startswith(_FLAGS) else ""
    shebang = f"#!lua flags={flags}" if flags else "#!lua"
    return "\n".join((shebang, *_used([*map(read, PRELUDES), *preludes], body), body))


def read(name: str, package: str = __package__) -> str:
    """Return one Lua file as it stands."""
    return (files(package) / "lua" / f"{name}.lua").read_text(encoding="utf-8")


def _used(preludes: Iterable[str], body: str) -> list[str]:
    """Give those definitions of the preludes, in order, that a script comes to use.

    The store makes all functions of a script anew at each call: those that it does not
    need would take it longer than most of what it does.
    """
    blocks = [block for text in preludes for block in _BLOCK.split(text)]
    wanted: set[str] = set(_WORD.findall(body))
    kept: list[str] = []
    for block in reversed(blocks):  # what is used stands before who uses it
        if wanted.intersection(_names(block)):
            wanted.update(_WORD.findall(block))
            kept.append(block.rstrip())
    return kept[::-1]


def _names(block: str) -> list[str]:
    """Name what a block of a prelude defines."""
    found = _DEFINED.match(block)
    if not found:
        return []  # the comment at the head of a file
    function, names = found.groups()
    return [function] if function else [name.strip() for name in names.split(",")]
