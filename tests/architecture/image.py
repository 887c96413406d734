"""Follow a Dockerfile without a container engine, as far as ours goes.

All stages share one folder for a file system, so `COPY --from` has nothing to do but
must not move anything. An instruction that is not known here is an error.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import TypeAlias

Steps: TypeAlias = list[tuple[str, str]]


@dataclass
class Stage:
    """One `FROM`, and what it says of the processes that will run in it."""

    name: str
    base: str
    steps: Steps = field(default_factory=list)

    def last(self, instruction: str) -> str:
        """What the last instruction of that kind says; empty where there is none."""
        return next(
            (text for word, text in reversed(self.steps) if word == instruction), ""
        )

    @property
    def command(self) -> list[str]:
        """The default command line."""
        words: list[str] = json.loads(self.last("CMD"))
        return words


def read_dockerfile(text: str) -> dict[str, Stage]:
    """Read the stages, in their order."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    stages: list[Stage] = []
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        word, _, rest = line.partition(" ")
        if word == "FROM":
            base, _, name = rest.split()
            stages.append(Stage(name, base))
        elif word:
            stages[-1].steps.append((word, rest))
    return {stage.name: stage for stage in stages}


@dataclass
class Machine:
    """The folder in which stages are built."""

    context: Path
    root: Path
    stages: dict[str, Stage]
    built: set[str] = field(default_factory=set)

    def build(self, name: str) -> None:
        """Build a stage, and first those that it needs; each only once."""
        if name in self.built or name not in self.stages:
            return
        self.built.add(name)
        stage = self.stages[name]
        self.build(stage.base)
        folder = self.root / "src"
        for word, text in stage.steps:
            match word:
                case "WORKDIR":
                    folder = self.root / text.removeprefix("/")
                    folder.mkdir(parents=True, exist_ok=True)
                case "COPY":
                    self._copy(text.split(), folder)
                case "RUN":
                    self._run(shlex.split(text), folder)
                case "ENV" | "USER" | "CMD":
                    pass
                case _:
                    raise AssertionError(f"the image test does not know {word}")

    def _copy(self, words: list[str], folder: Path) -> None:
        if words[0].startswith("--from="):
            self.build(words[0].removeprefix("--from="))
            assert words[1] == words[2], "stages share one file system here"
            return
        *sources, goal = words
        for source in sources:
            assert allowed(self.context, source), f".dockerignore keeps {source} out"
            target = folder / goal
            if (self.context / source).is_dir():
                ignore = shutil.ignore_patterns("__pycache__")
                shutil.copytree(self.context / source, target, ignore=ignore)
            else:
                shutil.copy(self.context / source, target)

    def _run(self, words: list[str], folder: Path) -> None:
        assert words[:2] == ["python3", "-m"], f"not to be run on this machine: {words}"
        assert words[2] in {"venv", "pip"}, f"not to be run on this machine: {words}"
        rooted = [
            f"{self.root}{word}" if word.startswith("/") else word for word in words[1:]
        ]
        subprocess.run(
            [sys._base_executable, *rooted],  # type: ignore[attr-defined]
            cwd=folder,
            check=True,
            env={**os.environ, "PIP_NO_COMPILE": "1", "PIP_QUIET": "1"},
        )

    @property
    def path(self) -> str:
        """`PATH` of what runs in the image."""
        return f"{self.root}/opt/sources/bin:{os.environ['PATH']}"


def allowed(context: Path, name: str) -> bool:
    """Whether .dockerignore lets a name at the top of the context into an image.

    Only what ours uses is understood: `*`, then exceptions by name.
    """
    lines = (context / ".dockerignore").read_text(encoding="utf-8").splitlines()
    verdict = True
    for line in (one for one in lines if one and not one.startswith("#")):
        if fnmatch(name.rstrip("/"), line.removeprefix("!")):
            verdict = line.startswith("!")
    return verdict
