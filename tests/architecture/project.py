"""What the tests of the project itself share: where its files are."""

import os
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("client", "config", "sandbox", "tasks", "worker")


def project_files(*suffixes: str) -> list[str]:
    """Return the files that belong to the project, relative to its root, sorted.

    These are the files that git would track: all but what .gitignore names. Git itself
    is not asked, so that the tests also run in an export without a repository.

    Args:
        suffixes: only files with one of these, for example `.py`; none means all.
    """
    return sorted(path for path in _walk() if not suffixes or path.endswith(suffixes))


def _walk() -> Iterator[str]:
    ignored = _ignored()
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if not _matches(name, ignored)]
        for name in names:
            path = Path(folder, name)
            if path.is_file() and not _matches(name, ignored):
                yield path.relative_to(ROOT).as_posix()


def _ignored() -> list[str]:
    lines = (ROOT / ".gitignore").read_text(encoding="utf-8").split()
    patterns = [line.removesuffix("/") for line in lines]
    assert not [one for one in patterns if "/" in one or one[0] in "!#"], (
        ".gitignore holds plain names only, or tests/architecture/project.py must learn"
    )
    return [".git", *patterns]


def _matches(name: str, patterns: list[str]) -> bool:
    return any(fnmatch(name, pattern) for pattern in patterns)
