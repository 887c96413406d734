"""A file or a function that grew too long needs a better shape, or a reason."""

import ast
from collections.abc import Iterator, Mapping

import pytest

from tests.architecture.project import PRODUCT, ROOT, project_files

LONGEST_FILE = 300
LONGEST_FUNCTION = 40

LONG_FILES: Mapping[str, str] = {
    "tests/integration/test_ledger_runs.py": "the scripts of a run, case by case",
    "tests/unit/test_sandbox_idempotency.py": "all rules of Stripe's keys, as a list",
    "tests/unit/test_sandbox_sources.py": "what the endpoints do, as a list",
}
"""Path: why it is better as one file."""

LONG_FUNCTIONS: Mapping[str, str] = {
    "config/settings.py::Settings.rules": "a table with a row for each rule",
}
"""path::name: why it is better as one function."""


def test_no_file_is_longer_than_it_has_a_reason_for() -> None:
    lengths = {
        path: len((ROOT / path).read_text(encoding="utf-8").splitlines())
        for path in project_files(".py", ".lua")
    }

    too_long = {path for path, length in lengths.items() if length > LONGEST_FILE}

    assert {path: lengths[path] for path in too_long - set(LONG_FILES)} == {}
    assert set(LONG_FILES) - too_long == set(), "these need no reason any more"


def test_no_function_of_the_product_is_longer_than_it_has_a_reason_for() -> None:
    lengths = {
        f"{path}::{name}": length
        for path in project_files(".py")
        if path.split("/")[0] in PRODUCT
        for name, length in functions((ROOT / path).read_text(encoding="utf-8"))
    }

    too_long = {name for name, length in lengths.items() if length > LONGEST_FUNCTION}

    assert lengths, "no function was found at all"
    assert {name: lengths[name] for name in too_long - set(LONG_FUNCTIONS)} == {}
    assert set(LONG_FUNCTIONS) - too_long == set(), "these need no reason any more"


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("def f(): return 1", 1),
        ("def f(\n    a,\n    b,\n) -> None:\n    return a", 1),  # not the signature
        ('def f():\n    """Say.\n\n    More.\n    """\n    a = 1\n    return a', 2),
        ('def f():\n    """Say."""', 0),
        ("async def f():\n    if a:\n        b()\n\n    # why\n    return [\n    ]", 6),
    ],
)
def test_only_the_body_of_a_function_counts(text: str, length: int) -> None:
    assert list(functions(text)) == [("f", length)]


def test_methods_and_inner_functions_are_told_by_their_full_names() -> None:
    text = "class A:\n    def f(self):\n        def g():\n            pass\n        g()"

    assert list(functions(text)) == [("A.f", 3), ("A.f.g", 1)]


def functions(text: str) -> Iterator[tuple[str, int]]:
    """Give the full name and the lines of the body of every function in a source."""
    yield from _functions(ast.parse(text), "")


def _functions(node: ast.AST, prefix: str) -> Iterator[tuple[str, int]]:
    for child in ast.iter_child_nodes(node):
        inside = prefix
        if isinstance(child, ast.ClassDef):
            inside = f"{prefix}{child.name}."
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield prefix + child.name, _length(child)
            inside = f"{prefix}{child.name}."
        yield from _functions(child, inside)


def _length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count from the first statement that is no docstring to the last."""
    body = function.body[ast.get_docstring(function) is not None :]
    if not body:
        return 0
    return (body[-1].end_lineno or body[-1].lineno) - body[0].lineno + 1
