"""What the body of a Lua script takes and answers; part of `tools.lua_headers`."""

import re
from collections.abc import Iterator
from typing import Any

from luaparser import ast
from luaparser import astnodes as lua

_WORD = re.compile(r"[A-Z][A-Z_]+")


def arguments_used(tree: Any) -> tuple[set[int], set[int]]:
    """Return the positions of ARGV used one by one, and where uses as a list begin.

    A use as a list whose begin cannot be seen is told as 0.
    """
    used: set[int] = set()
    starts: set[int] = set()
    mentions = 0
    for node in ast.walk(tree):
        mentions += _is_arguments(node)
        match node:
            case lua.Index(value=value, idx=lua.Number(n=n)) if _is_arguments(value):
                used.add(n)
                mentions -= 1
            case lua.Fornum(start=lua.Number(n=n), stop=lua.ULengthOP(operand=operand)):
                if _is_arguments(operand):
                    starts.add(n)
            case lua.Call(args=[first, lua.Number(n=n), *_]) if _is_arguments(first):
                starts.add(n)
    if mentions and not starts:
        starts.add(0)
    return used, starts


def words_returned(tree: Any) -> Iterator[tuple[int, str]]:
    """Give each answer (a word in capitals) that a `return` can be, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, lua.Return):
            for word in dict.fromkeys(_words(node.values)):
                yield node.line or 1, word


def _is_arguments(node: Any) -> bool:
    return isinstance(node, lua.Name) and node.id == "ARGV"


def _words(value: Any) -> Iterator[str]:
    """Every word that an expression can amount to, or hold if it is a table."""
    match value:
        case list():
            for one in value:
                yield from _words(one)
        case lua.String(raw=raw) if _WORD.fullmatch(raw):
            yield raw
        case lua.Table(fields=fields):
            yield from _words([one.value for one in fields])
        case lua.AndLoOp(right=right):
            yield from _words(right)  # the left is the answer only where it is false
        case lua.OrLoOp(left=left, right=right):
            yield from _words([left, right])
