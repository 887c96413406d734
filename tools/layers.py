"""Hold the import layers written in pyproject.toml (`make check`)."""

import sys

from importlinter.cli import lint_imports

if __name__ == "__main__":
    sys.exit(lint_imports())
