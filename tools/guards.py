"""Take the guards of the promise away, one at a time: a test must fail each time.

Run as `make guards`. Works on a copy of the tree and writes what it saw to
docs/guards.md. A test that passes without the rule that it is named for proves nothing.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
LIST = ROOT / "tools" / "guards.toml"
REPORT = ROOT / "docs" / "guards.md"
SECONDS = 240
LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", "__pycache__", ".hypothesis", ".mypy_cache", ".ruff_cache"
)


class Guard(NamedTuple):
    """One rule, where it stands, and what is left when it is taken away."""

    name: str
    file: str
    old: str
    new: str
    tests: list[str]


def guards() -> list[Guard]:
    """Read the list."""
    return [Guard(**one) for one in tomllib.loads(LIST.read_text("utf-8"))["guard"]]


def removed(guard: Guard, root: Path) -> str:
    """Return a guard's file without it.

    Raises:
        ValueError: the text to be taken away is not there exactly once.
    """
    text = (root / guard.file).read_text(encoding="utf-8")
    if text.count(guard.old) != 1:
        found = text.count(guard.old)
        raise ValueError(f"{guard.name}: found {found} times in {guard.file}")
    return text.replace(guard.old, guard.new)


def try_without(guard: Guard, copy: Path) -> str:
    """Run a guard's tests without it.

    Returns:
        The first test that failed; "" where all of them passed.
    """
    path = copy / guard.file
    kept = path.read_text(encoding="utf-8")
    path.write_text(removed(guard, copy), encoding="utf-8")
    try:
        return _first_failure(guard.tests, copy)
    finally:
        path.write_text(kept, encoding="utf-8")


def _first_failure(tests: list[str], copy: Path) -> str:
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-cov", "-rfE"]
    done = subprocess.run(
        [*command, "-p", "no:randomly", "-p", "no:cacheprovider", *tests],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": f"{copy}{os.pathsep}{copy / 'client'}"},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    if done.returncode == 0:
        return ""
    failed = re.search(
        r"^(?:FAILED|ERROR) (\S+?)(?:\[| - |$)", done.stdout, re.MULTILINE
    )
    if failed is None:
        raise RuntimeError(f"the tests did not run: {done.stdout[-800:]}{done.stderr}")
    return failed[1]


def main(wanted: list[str]) -> int:
    """Try every guard, or those whose name holds one of the words; report all."""
    found = [g for g in guards() if not wanted or any(w in g.name for w in wanted)]
    rows: list[tuple[Guard, str]] = []
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "tree"
        shutil.copytree(ROOT, copy, ignore=LEFT_OUT)
        every = sorted({test for guard in found for test in guard.tests})
        if failed := _first_failure(every, copy):
            print(f"{failed} fails with every guard in place")
            return 2
        for guard in found:
            failed = try_without(guard, copy)
            rows.append((guard, failed))
            print(f"{'caught' if failed else 'MISSED':7} {guard.name}  {failed}")
    if not wanted:
        _write(rows)
    missed = [guard.name for guard, failed in rows if not failed]
    print(f"{len(rows)} guards, {len(missed)} missed")
    return 1 if missed else 0


def _write(rows: list[tuple[Guard, str]]) -> None:
    head, mark, _ = REPORT.read_text(encoding="utf-8").partition("<!-- guards -->\n")
    lines = [
        "| without | in | the suite says |",
        "| --- | --- | --- |",
        *(
            f"| {guard.name} | {guard.file} | {_told(failed)} |"
            for guard, failed in rows
        ),
    ]
    REPORT.write_text(head + mark + "\n".join(lines) + "\n", encoding="utf-8")


def _told(failed: str) -> str:
    if not failed:
        return "**nothing**"
    return failed.rpartition("::")[2].removeprefix("test_").replace("_", " ")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
