"""Loading the Lua scripts: one file a transition, behind the shared prelude."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files

_FLAGS = "-- flags: "


@cache
def load(name: str, preludes: Sequence[str] = (), package: str = __package__) -> str:
    """Return the full text of a script, ready for SCRIPT LOAD.

    A first line ``-- flags: allow-oom`` becomes the shebang that lets a script run
    in a full store: what is in the ledger must be able to end. Without the flag a
    script is refused up front when memory is full, never half way.

    Args:
        name: the file's name without `.lua`.
        preludes: texts to put between the client's prelude and the script.
        package: the package whose `lua` folder has the file.
    """
    body = read("prelude"), *preludes, read(name, package)
    first = body[-1].splitlines()[0]
    flags = first.removeprefix(_FLAGS) if first.startswith(_FLAGS) else ""
    shebang = f"#!lua flags={flags}" if flags else "#!lua"
    return "\n".join((shebang, *body))


def read(name: str, package: str = __package__) -> str:
    """Return one Lua file as it stands."""
    return (files(package) / "lua" / f"{name}.lua").read_text(encoding="utf-8")
