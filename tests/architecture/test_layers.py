"""`tools.layers` must be able to fail: each contract is broken in a copy."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.project import PRODUCT, ROOT


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the packages and of the contracts."""
    copy = tmp_path_factory.mktemp("layers")
    for folder in (*PRODUCT, "tools"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / folder, copy / folder, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", copy)
    return copy


def test_the_layers_of_the_project_hold(project: Path) -> None:
    code, told = run_layers(project)

    assert code == 0, told
    assert " 0 broken" in told


@pytest.mark.parametrize(
    ("module", "imported"),
    [
        ("customer_sources.contract.ids", "config.logs"),
        ("config.logs", "worker.clock"),
        ("worker.ledger", "tasks.jobs"),
        ("sandbox.forms", "customer_sources.contract.ids"),
        ("customer_sources.jobs", "sandbox.forms"),
        ("tasks.jobs", "sandbox.store"),
        ("worker.engine", "sandbox.store"),
        ("customer_sources.contract.ids", "redis"),
        ("worker.policy", "httpx"),
        ("worker.answers", "structlog"),
    ],
)
def test_an_import_across_the_layers_is_found(
    project: Path, module: str, imported: str
) -> None:
    folder = "client" if module.startswith("customer_sources") else "."
    path = project / folder / f"{module.replace('.', '/')}.py"
    whole = path.read_text(encoding="utf-8")
    path.write_text(f"{whole}\nimport {imported}\n", encoding="utf-8")
    try:
        code, told = run_layers(project)
    finally:
        path.write_text(whole, encoding="utf-8")

    assert code == 1, told
    assert f"{module} -> {imported}" in told


def run_layers(project: Path) -> tuple[int, str]:
    """Run the tool in the copy, whose packages come before the installed ones."""
    done = subprocess.run(
        [sys.executable, "-m", "tools.layers"],
        cwd=project,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(project / "client")},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr
