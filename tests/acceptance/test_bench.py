"""The benchmark of the single path works. What it measures here means nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command_line import unset

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(150)
def test_every_line_of_the_benchmark_is_measured(tmp_path: Path) -> None:
    figures, page = tmp_path / "figures.json", tmp_path / "page.md"
    page.write_text(
        "# Speed\n\n<!-- jobs: written by `make bench` -->\n\nold\n\n"
        "<!-- end of jobs -->\n\nthe rest\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        [
            *(sys.executable, "-m", "bench.jobs", "--quick"),
            *("--json", str(figures), "--markdown", str(page)),
        ],
        capture_output=True,
        text=True,
        timeout=140,
        check=False,
        cwd=ROOT,
        # Its processes are not what coverage is for, and would take twice as long.
        env={k: v for k, v in unset().items() if not k.startswith("COV")},
    )

    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(figures.read_bytes())
    measures = told["measures"]
    assert len({measure["name"] for measure in measures}) == len(measures) == 9
    for measure in measures:
        assert measure["value"] > 0, measure
        assert all(min(each) > 0 for each in measure["samples"].values()), measure
        assert f"\n{measure['name']} " in done.stdout
        assert f"\n| {measure['name']} | " in page.read_text(encoding="utf-8")
    assert told["machine"]["store"].startswith("Valkey ")
    assert "old" not in page.read_text(encoding="utf-8")
    assert page.read_text(encoding="utf-8").endswith("\n\nthe rest\n")
