"""Hold Dockerfile and docker-compose.yml to what their readers accept (`make check`).

Neither check needs a container engine or the network: the schema of Compose comes
with check-jsonschema.
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COMPOSE, DOCKERFILE = "docker-compose.yml", "Dockerfile"
HADOLINT = Path(sys.executable).with_name("hadolint")


def complaints(root: Path) -> list[str]:
    """Return what the two tools say of the files below `root`; nothing if fine."""
    compose = [sys.executable, "-m", "check_jsonschema", "--builtin-schema"]
    compose += ["vendor.compose-spec", COMPOSE]
    hadolint = [str(HADOLINT), "--no-color", DOCKERFILE]
    return [text for command in (compose, hadolint) if (text := _run(command, root))]


def _run(command: Sequence[str], root: Path) -> str:
    """Run a tool; return what it says where it is not content."""
    done = subprocess.run(
        command, cwd=root, capture_output=True, text=True, check=False
    )
    said = (done.stdout + done.stderr).strip()
    return (
        said or f"{command[0]} ended with {done.returncode}" if done.returncode else ""
    )


def main(root: Path = ROOT) -> int:
    """Print what is wrong; return the exit code."""
    found = complaints(root)
    print("\n".join(found) if found else "Dockerfile and docker-compose.yml: fine")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
