"""`docs/cli.md`: every command of `sources`, from the commands themselves."""

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import typer.main
from rich.text import Text

from tools.docs_markdown import DocsError, attribute_docs, code, page, table

SOURCE = "worker/cli/"
NAME = "sources"
ROOT = Path(__file__).resolve().parents[1]

INTRODUCTION = """\
# The command line

Results go to standard output, all else to standard error. `--help` behind any command
tells what this page tells. What cannot be given here is one of the
[settings](configuration.md)."""

EXITS = """\
## Exit codes

`0`: the command did what it was asked to. Otherwise:"""


@dataclass(frozen=True, slots=True)
class Shown:
    """A command or group, with what is known of it only from where it stands."""

    path: str
    """What a person types, from `sources` on."""
    panel: str
    """The heading under which `sources --help` lists it."""
    command: Any
    context: Any

    @property
    def is_group(self) -> bool:
        """Whether it only leads to others."""
        return hasattr(self.command, "list_commands")

    @property
    def parameters(self) -> list[Any]:
        """Its options and arguments, without `--help` and what is hidden."""
        return [one for one in self.command.params if not one.hidden]


def cli_page() -> str:
    """Write the page. It is the same on every machine and in every terminal.

    Raises:
        DocsError: an exit code has no docstring under it.
    """
    # By name, so that the other pages can be written while the CLI does not import.
    app = importlib.import_module("worker.cli.main").app
    commands = reference(typer.main.get_command(app))
    return page(SOURCE, INTRODUCTION, *commands, EXITS, _exits())


def reference(root: Any) -> Iterator[str]:
    """Give the blocks of the page that tell of the commands, from the root of them."""
    everything = list(_walk(root, NAME, "", None))
    yield _plain(root.epilog)
    yield table(
        ("", "Command", "What it does"),
        [
            (
                one.panel,
                f"[{code(one.path)}](#{one.path.replace(' ', '-')})",
                _does(one),
            )
            for one in everything
            if not one.is_group
        ],
    )
    for one in everything:
        if one.parameters or not one.is_group:
            yield from _section(one)


def _walk(command: Any, name: str, panel: str, parent: Any) -> Iterator[Shown]:
    context = command.context_class(command, info_name=name, parent=parent)
    shown = Shown(context.command_path, panel, command, context)
    yield shown
    if shown.is_group:
        for inner in command.list_commands(context):
            child = command.get_command(context, inner)
            if not child.hidden:
                heading = panel or child.rich_help_panel or ""
                yield from _walk(child, inner, heading, context)


def _section(one: Shown) -> Iterator[str]:
    paragraphs = (one.command.help or "").split("\n\n")
    yield f"## {code(one.path)}"
    yield from (_plain(text) for text in paragraphs if not _is_example(text))
    usage = one.command.collect_usage_pieces(one.context)
    yield _console(" ".join((one.path, *usage)))
    if one.parameters:
        heads = ("Name", "Type", "Default", "Environment", "Meaning")
        yield table(heads, [_parameter(each, one) for each in one.parameters])
    for text in paragraphs:
        if _is_example(text):
            yield "Example:"
            yield _console(text.partition(":")[2].strip())


def _parameter(one: Any, of: Shown) -> tuple[str, str, str, str, str]:
    names = " / ".join(code(", ".join(given)) for given in _spellings(one) if given)
    kind = "flag" if _is_flag(one) else one.display_type(of.context).strip("<>")
    variables = [one.envvar] if isinstance(one.envvar, str) else one.envvar or ()
    variable = ", ".join(map(code, variables))
    return names, code(kind), _default(one, of), variable, _plain(one.help)


def _spellings(one: Any) -> tuple[list[str], list[str]]:
    if one.param_type_name == "argument":
        return [one.display_name_raw], []
    return one.opts, one.secondary_opts


def _is_flag(one: Any) -> bool:
    return bool(getattr(one, "is_flag", False))


def _default(one: Any, of: Shown) -> str:
    if one.required:
        return "(required)"
    default = one.get_default(of.context, call=False)
    if callable(default):
        return "(computed)"
    if isinstance(default, Enum):
        default = default.value
    if isinstance(default, Path) and default.is_relative_to(ROOT):
        default = default.relative_to(ROOT)  # this machine's path to it is nobody's
    if _is_flag(one):
        default = "on" if default else ""
    if isinstance(default, list | tuple):
        default = ", ".join(map(str, default))
    return code("" if default is None else str(default))


def _exits() -> str:
    exits = importlib.import_module("worker.cli.exits")
    docs = attribute_docs(exits, "Exit")
    rows = []
    for member in exits.Exit:
        if member:
            if member.name not in docs:
                raise DocsError(f"{SOURCE}exits.py: no docstring under {member.name}")
            rows.append((code(str(int(member))), docs[member.name]))
    return table(("Code", "Meaning"), rows)


def _does(one: Shown) -> str:
    return _plain((one.command.help or "").split("\n\n")[0])


def _is_example(paragraph: str) -> bool:
    return paragraph.startswith("Example:")


def _console(command: str) -> str:
    return f"```console\n$ {command}\n```"


def _plain(text: str | None) -> str:
    """Take Rich's markup out, and keep `<...>` outside code spans from being HTML."""
    parts = Text.from_markup(text or "").plain.split("`")
    parts[::2] = [part.replace("<", "&lt;") for part in parts[::2]]
    return "`".join(parts)
