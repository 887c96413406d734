"""docs/life-of-a-job.md is the map of the code: every place on it must exist."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.project import ROOT

PAGE = "docs/life-of-a-job.md"
REFERENCE = re.compile(r"[\w./-]+\.(?:py|lua)\b(?:::\w+(?:\.\w+)*)?")
FEWEST = 8  # the steps of a job's life


def test_every_reference_on_the_page_resolves() -> None:
    assert (ROOT / PAGE).is_file(), f"{PAGE} is missing: the map of the code"
    text = (ROOT / PAGE).read_text(encoding="utf-8")
    references = REFERENCE.findall(text)

    assert [problem for one in references if (problem := problem_of(one))] == []
    assert len(set(references)) >= FEWEST


def test_nothing_that_looks_like_a_reference_escapes_the_check() -> None:
    text = (ROOT / PAGE).read_text(encoding="utf-8")

    checked = sum("::" in one for one in REFERENCE.findall(text))

    assert text.count("::") == checked


@pytest.mark.parametrize(
    "reference",
    [
        "worker/nowhere.py",
        "worker/nowhere.lua",
        "worker/lua/claim.lua::nowhere",
        "worker/engine.py::nowhere",
        "worker/engine.py::Engine.nowhere",
        "worker/engine.py::Nowhere.run",
        "worker/engine.py::run",  # a method without its class
        "worker/engine.py::Engine.run.nowhere",
        "engine.py::Engine.run",  # not from the root
    ],
)
def test_a_reference_to_nowhere_is_found(reference: str) -> None:
    assert REFERENCE.fullmatch(reference)
    assert problem_of(reference)


@pytest.mark.parametrize(
    "reference",
    [
        "worker/engine.py",
        "worker/engine.py::Engine",
        "worker/engine.py::Engine.run",
        "worker/policy.py::decide",
        "client/customer_sources/contract/states.py::TRANSITIONS",
        "worker/lua/claim.lua",
        "client/customer_sources/lua/jobs.lua::finish",
    ],
)
def test_a_file_a_class_a_method_and_a_lua_function_are_places(reference: str) -> None:
    assert problem_of(reference) is None


def problem_of(reference: str) -> str | None:
    """Say why a reference leads nowhere; None where it resolves."""
    path, _, name = reference.partition("::")
    if not (ROOT / path).is_file():
        return f"{PAGE}: there is no file {path}"
    if name and name not in places(ROOT / path):
        return f"{PAGE}: {path} defines no {name}"
    return None


def places(path: Path) -> set[str]:
    """Return what a reference into a file may name: all that it defines."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".lua":
        return set(re.findall(r"^local function (\w+)", text, re.MULTILINE))
    return set(_places(ast.parse(text), ""))


def _places(owner: ast.Module | ast.ClassDef, prefix: str) -> Iterator[str]:
    for node in owner.body:
        match node:
            case ast.ClassDef(name=name):
                yield prefix + name
                yield from _places(node, f"{prefix}{name}.")
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield prefix + name
            case (
                ast.AnnAssign(target=ast.Name(id=name))
                | ast.Assign(targets=[ast.Name(id=name)])
            ):
                yield prefix + name
