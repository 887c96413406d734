"""Which names a Lua text binds, reads and assigns; part of `tools.lua_headers`.

The store refuses a global at run time, and only when the line is reached: a slip in a
branch that is seldom taken would be found by a job in production. So it is found here.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import singledispatch
from typing import Any, Self

from luaparser import astnodes as lua

OFFERED = frozenset(
    {"ARGV", "KEYS", "redis", "bit", "cjson", "cmsgpack", "math", "os", "string"}
    | {
        "coroutine",
        "struct",
        "table",
        "assert",
        "error",
        "getmetatable",
        "ipairs",
        "next",
        "pairs",
    }
    | {"pcall", "rawequal", "rawget", "rawset", "select", "setmetatable", "tonumber"}
    | {"tostring", "type", "unpack", "xpcall"}
)
"""What the store gives to a script: its own objects and those of Lua 5.1 it kept."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong, and the line of the file (from 1) where it is."""

    line: int
    text: str


def misused_names(tree: Any, known: Iterable[str]) -> list[Problem]:
    """Tell every assignment to a global and every read of an unknown one.

    Args:
        tree: a chunk as luaparser makes it.
        known: names that texts loaded in front of this one have bound.
    """
    scope = _Scope(names=set(), behind=frozenset(known) | OFFERED)
    _look(tree, scope)
    return scope.problems


def top_names(tree: Any) -> set[str]:
    """Return the locals of the outermost block: what a text loaded behind can see."""
    names: set[str] = set()
    for statement in tree.body.body:
        if isinstance(statement, lua.LocalFunction):
            names.add(statement.name.id)
        elif isinstance(statement, lua.LocalAssign):
            names.update(target.id for target in statement.targets)
    return names


@dataclass(slots=True)
class _Scope:
    """The names visible at one place, and the problems found so far."""

    names: set[str]
    behind: frozenset[str]
    line: int = 1
    problems: list[Problem] = field(default_factory=list)

    def inner(self, *bound: Any) -> Self:
        names = self.names | {name.id for name in bound if isinstance(name, lua.Name)}
        return type(self)(names, self.behind, self.line, self.problems)

    def read(self, name: str) -> None:
        if name not in self.names and name not in self.behind:
            self._tell(f"reads the global `{name}`, which nobody binds")

    def write(self, name: str) -> None:
        if name not in self.names:
            self._tell(f"assigns `{name}`, which is no local of this file")

    def _tell(self, text: str) -> None:
        self.problems.append(Problem(self.line, text))


@singledispatch
def _look(node: Any, scope: _Scope) -> None:
    """Look at a node that binds nothing: at its parts, as they stand."""
    scope.line = getattr(node, "line", None) or scope.line
    for part in _parts(node):
        _look(part, scope)


def _parts(node: Any) -> Iterator[Any]:
    if isinstance(node, list):
        yield from node
    elif isinstance(node, lua.Node):
        for name, value in vars(node).items():
            if not name.startswith("_") and name != "comments":
                yield value


@_look.register(lua.Block)
def _block(node: Any, scope: _Scope) -> None:
    _look(node.body, scope.inner())


@_look.register(lua.Name)
def _name(node: Any, scope: _Scope) -> None:
    scope.line = node.line or scope.line
    scope.read(node.id)


@_look.register(lua.Index)
def _index(node: Any, scope: _Scope) -> None:
    _look(node.value, scope)
    if node.notation is lua.IndexNotation.SQUARE:
        _look(node.idx, scope)


@_look.register(lua.Field)
def _field(node: Any, scope: _Scope) -> None:
    if node.between_brackets:
        _look(node.key, scope)
    _look(node.value, scope)


@_look.register(lua.Invoke)
def _invoke(node: Any, scope: _Scope) -> None:
    _look([node.source, node.args], scope)


@_look.register(lua.Assign)
def _assign(node: Any, scope: _Scope) -> None:
    scope.line = node.line or scope.line
    _look(node.values, scope)
    for target in node.targets:
        _set(target, scope)


@_look.register(lua.LocalAssign)
def _local_assign(node: Any, scope: _Scope) -> None:
    scope.line = node.line or scope.line
    _look(node.values, scope)
    scope.names.update(target.id for target in node.targets)


@_look.register(lua.LocalFunction)
def _local_function(node: Any, scope: _Scope) -> None:
    scope.names.add(node.name.id)
    _look(node.body, scope.inner(*node.args))


@_look.register(lua.Function)
def _function(node: Any, scope: _Scope) -> None:
    scope.line = node.line or scope.line
    _set(node.name, scope)
    _look(node.body, scope.inner(*node.args))


@_look.register(lua.Method)
def _method(node: Any, scope: _Scope) -> None:
    _look(node.source, scope)
    _look(node.body, scope.inner(lua.Name("self"), *node.args))


@_look.register(lua.AnonymousFunction)
def _anonymous_function(node: Any, scope: _Scope) -> None:
    _look(node.body, scope.inner(*node.args))


@_look.register(lua.Fornum)
def _for_number(node: Any, scope: _Scope) -> None:
    _look([node.start, node.stop, node.step], scope)
    _look(node.body, scope.inner(node.target))


@_look.register(lua.Forin)
def _for_each(node: Any, scope: _Scope) -> None:
    _look(node.iter, scope)
    _look(node.body, scope.inner(*node.targets))


@_look.register(lua.Repeat)
def _repeat(node: Any, scope: _Scope) -> None:
    inner = scope.inner()
    _look([node.body.body, node.test], inner)  # the test sees the body's locals


def _set(target: Any, scope: _Scope) -> None:
    """Judge what an assignment changes: a bare name, or a field of something."""
    if isinstance(target, lua.Name):
        scope.write(target.id)
    else:
        _look(target, scope)
