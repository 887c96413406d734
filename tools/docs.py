"""Write the generated pages, or with `--check` hold them to the code."""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tools.docs_cli import cli_page
from tools.docs_markdown import DocsError
from tools.docs_settings import example_file, settings_page
from tools.docs_states import states_page

ROOT = Path(__file__).resolve().parents[1]
PAGES: Mapping[str, Callable[[], str]] = {
    "docs/states.md": states_page,
    "docs/configuration.md": settings_page,
    ".env.example": example_file,
    "docs/cli.md": cli_page,
}


def stale_pages(root: Path) -> list[str]:
    """Return the pages below `root` that are missing or not what the code says."""
    return [path for path, make in PAGES.items() if _read(root / path) != make()]


def write_pages(root: Path) -> None:
    """Write every page below `root`, or none where one cannot be made."""
    for path, text in [(path, make()) for path, make in PAGES.items()]:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8", newline="\n")


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Write or compare; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.docs", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    only_check = parser.parse_args(arguments).check
    try:
        if not only_check:
            write_pages(root)
            return 0
        stale = stale_pages(root)
    except DocsError as error:
        print(error)
        return 1
    for path in stale:
        print(f"{path} is not what the code says now: run `make docs`")
    if not stale:
        print("Generated docs: fine")
    return 1 if stale else 0


def _read(path: Path) -> str | None:
    return path.read_bytes().decode() if path.is_file() else None


if __name__ == "__main__":
    sys.exit(main())
