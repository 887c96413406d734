"""Hold what the header of each Lua script says against its body (`make check`).

A script is read by its header: what it does, `ARGV`, `Returns`, `Invariant`. A header
that went stale misleads exactly where a mistake costs money, so it may not.
"""

import io
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from luaparser import ast
from luaparser import astnodes as lua

from tools.lua_body import arguments_used, words_returned
from tools.lua_names import Problem, misused_names, top_names

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("client/customer_sources/lua", "worker/lua")
"""In the order in which their preludes are put in front of a script."""
PRELUDES = (
    "prelude.lua",
    "places.lua",
    "rows.lua",
    "watches.lua",
    "jobs.lua",
    "permits.lua",
    "batches.lua",
    "sending.lua",
    "attempts.lua",
    "sweeping.lua",
)
"""What a folder shares: in front of its scripts, in this order."""
KNOWN_FLAGS = frozenset({"allow-oom"})
PARAGRAPHS = ("ARGV", "Returns", "Invariant")
LONGEST_BODY = 100
"""Lines: what fits on two screens. A longer script is two transitions."""

_FLAGS = "-- flags: "  # as the loader wants it, to the letter
_SHORTEST_SENTENCE = 3  # words
_FLAGS_LIKE = re.compile(r"\s*--+\s*flags?\s*:", re.IGNORECASE)
_PARAGRAPH = re.compile(rf"({'|'.join(PARAGRAPHS)})(?:\s{{2,}}(\S.*))?$")
_POSITION = re.compile(r"(?:^|\s{2,})(\d+)(\.\.)?\s+(?=\S)")
_WORD = re.compile(r"[A-Z][A-Z_]+")
_ANSWERS = re.compile(r"\{([A-Z_]+(?:\s*\|\s*[A-Z_]+)*)")
_NEWER_LUA = (
    lua.Goto,
    lua.Label,
    lua.FloorDivOp,
    lua.BitOp,
    lua.UBNotOp,
)


@dataclass(frozen=True, slots=True)
class Header:
    """The leading comment of a script, taken apart. Lines are counted from 1."""

    flags: tuple[str, ...]
    says: str
    """All before the first paragraph with a name, as one line."""
    paragraphs: Sequence[tuple[str, str]]
    """Name and text; lines of the text are two spaces apart, as its entries are."""
    lines: int
    """Its length in the file, the line of flags included."""

    def get(self, name: str) -> str:
        """Return the paragraph of that name, or an empty text."""
        return dict(self.paragraphs).get(name, "")


def read_header(text: str) -> Header:
    """Take the header of a script apart; what is missing is empty."""
    comment = []
    for line in text.splitlines():
        if not line.startswith("--"):
            break
        comment.append(line)
    flagged = bool(comment) and comment[0].startswith(_FLAGS)
    flags = comment[0].removeprefix(_FLAGS).split(",") if flagged else []
    says: list[str] = []
    paragraphs: list[tuple[str, list[str]]] = []
    for line in comment[flagged:]:
        words = line[2:].removeprefix(" ").rstrip()
        if named := _PARAGRAPH.match(words):
            paragraphs.append((named[1], [named[2] or ""]))
        elif paragraphs:
            paragraphs[-1][1].append(words.strip())
        elif words:
            says.append(words.strip())
    return Header(
        flags=tuple(flags),
        says=" ".join(says),
        paragraphs=[(name, "  ".join(lines).strip()) for name, lines in paragraphs],
        lines=len(comment),
    )


def problems(root: Path) -> list[str]:
    """Judge every script below `root`: one line each, `path:line: what is wrong`."""
    found: list[str] = []
    before: list[_Script] = []
    for folder in FOLDERS:
        paths = sorted((root / folder).glob("*.lua"))
        if not paths:
            found.append(f"{folder}: there is no Lua script in it")
        for path in sorted(paths, key=_place):
            text = path.read_text(encoding="utf-8")
            try:
                script = _Script(text, read_header(text), _parse(text))
                told = _judge(script, before, is_prelude=path.name in PRELUDES)
            except ast.SyntaxException as error:
                script, told = None, [Problem(1, " ".join(str(error).split()))]
            found += [f"{folder}/{path.name}:{one.line}: {one.text}" for one in told]
            if path.name in PRELUDES:
                if script is None:
                    return found  # the others cannot be judged without it
                before.append(script)
    return found


def _place(path: Path) -> int:
    """Sort what is shared before what uses it."""
    name = path.name
    return PRELUDES.index(name) if name in PRELUDES else len(PRELUDES)


@dataclass(frozen=True, slots=True)
class _Script:
    text: str
    header: Header
    tree: Any

    @property
    def body(self) -> list[str]:
        return self.text.rstrip().splitlines()[self.header.lines :]


@cache
def _parse(text: str) -> Any:
    """Parse without the parser's own lines on standard error."""
    with redirect_stderr(io.StringIO()):
        return ast.parse(text)


def _judge(
    script: _Script, before: Sequence[_Script], *, is_prelude: bool
) -> list[Problem]:
    """Judge one script behind its preludes, or one prelude behind those before it."""
    known = {name for prelude in before for name in top_names(prelude.tree)}
    found = [
        *_in_comments(script, is_prelude=is_prelude),
        *_in_dialect(script.tree),
        *misused_names(script.tree, known),
    ]
    if not is_prelude:
        found += _in_paragraphs(script)
        found += _in_arguments(script.header.get("ARGV"), script.tree)
        found += _in_answers(script, before)
    return sorted(set(found))


def _in_comments(script: _Script, *, is_prelude: bool) -> Iterator[Problem]:
    for flag in script.header.flags:
        if flag not in KNOWN_FLAGS:
            yield Problem(1, f"flag {flag!r} is not one of {sorted(KNOWN_FLAGS)}")
    for number, line in enumerate(script.text.splitlines(), start=1):
        read = number == 1 and line.startswith(_FLAGS) and not is_prelude
        if _FLAGS_LIKE.match(line) and not read:
            yield Problem(
                number, f"flags are read from a first line `{_FLAGS}...` only"
            )
    sentence = re.split(r"(?<=[.?!])\s", script.header.says)[0]
    if (
        len(sentence.split()) < _SHORTEST_SENTENCE
        or not sentence[0].isupper()
        or sentence[-1] not in ".?!"
    ):
        yield Problem(1, "the header does not begin with a sentence on what this does")


def _in_dialect(tree: Any) -> Iterator[Problem]:
    for node in ast.walk(tree):
        newer = (
            node if isinstance(node, _NEWER_LUA) else getattr(node, "attribute", None)
        )
        if newer:
            name = newer.display_name
            yield Problem(node.line or 1, f"{name} is newer than the store's Lua 5.1")


def _in_paragraphs(script: _Script) -> Iterator[Problem]:
    names = [name for name, _ in script.header.paragraphs]
    for name in PARAGRAPHS:
        if names.count(name) != 1 or not script.header.get(name):
            yield Problem(1, f"the header needs one paragraph `-- {name}  ...`")
    if (length := len(script.body)) > LONGEST_BODY:
        yield Problem(1, f"the body has {length} lines, more than {LONGEST_BODY}")


def _in_arguments(paragraph: str, tree: Any) -> Iterator[Problem]:
    """Compare the positions that the header names with those that the body uses."""
    outside_brackets = re.sub(r"\([^()]*\)", "()", paragraph)
    entries = [(int(p[1]), bool(p[2])) for p in _POSITION.finditer(outside_brackets)]
    named = [position for position, _ in entries]
    if named != sorted(set(named)):
        yield Problem(1, "ARGV positions stand in another order than they come in")
    rest = next((position for position, is_rest in entries if is_rest), None)
    used, starts = arguments_used(tree)
    fixed = {position for position, is_rest in entries if not is_rest}
    for position in sorted(used - fixed):
        if rest is None or position < rest:
            yield Problem(1, f"ARGV[{position}] is used and not in the header")
    for position in sorted(fixed - used):
        yield Problem(1, f"ARGV[{position}] is in the header and not used")
    if starts and rest is None:
        yield Problem(1, "ARGV is used as a list; the header names no `n..`")
    for start in sorted(starts - {0, rest}) if rest is not None else ():
        yield Problem(1, f"ARGV is read on from {start}, the header says {rest}..")
    if rest is not None and not starts:
        yield Problem(1, f"ARGV {rest}.. is in the header; it is not used as a list")


def _in_answers(script: _Script, before: Sequence[_Script]) -> Iterator[Problem]:
    """Compare the words that the body returns with those that the header names."""
    paragraph = script.header.get("Returns")
    named = set(_WORD.findall(paragraph))
    for line, word in words_returned(script.tree):
        if word not in named:
            yield Problem(line, f"{word} is not in `Returns`")
    said = "\n".join(line for one in (*before, script) for line in one.body)
    for answers in _ANSWERS.findall(paragraph):
        for word in _WORD.findall(answers):
            if not re.search(rf"""['"]{word}['"]""", said):
                yield Problem(1, f"{word} is in `Returns` and nothing here says it")


def main(root: Path = ROOT) -> int:
    """Print what is wrong, one line each; return the exit code."""
    found = problems(root)
    for problem in found:
        print(problem)
    if not found:
        print("Lua headers: fine")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
