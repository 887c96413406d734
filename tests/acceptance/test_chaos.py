"""A short chaos run, all of it real: the promise holds, and nothing is left over."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.builders import wait_until
from tests.command_line import unset

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "bench.chaos", "--seed", "7", "--haste")


@pytest.mark.timeout(150)
def test_the_promise_holds_through_a_short_run(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    done = subprocess.run(
        [*COMMAND, "--minutes", "0.2", "--rate", "15", "--json", str(report)],
        capture_output=True,
        text=True,
        timeout=140,
        check=False,
        cwd=ROOT,
        env=unset(),
    )

    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(report.read_bytes())
    account, weather = told["account"], told["witnesses"]["weather"]
    assert account["broken"] == []
    assert account["ended"] == sum(account["accepted"].values()) >= 150
    assert set(account["accepted"]) == {"sdk", "submit_many", "inbox", "celery"}
    assert [part["accepted"] >= 70 for part in account["parts"].values()] == [True] * 2
    assert weather["acts"]["kill -9 a worker"] >= 3
    assert weather["acts"]["kill -9 the store"] >= 1
    assert weather["struck"] >= 10
    assert "The promise held." in done.stdout


def test_ctrl_c_ends_everything_that_a_run_started(tmp_path: Path) -> None:
    news = tmp_path / "news.txt"
    with news.open("w") as sink:
        run = subprocess.Popen(
            [*COMMAND, "--minutes", "1"],
            stdout=subprocess.DEVNULL,
            stderr=sink,
            cwd=ROOT,
            env={**unset(), "TMPDIR": str(tmp_path)},
            start_new_session=True,
        )
    wait_until(lambda: "kill -9 a worker" in news.read_text(), "chaos", seconds=40)
    children = _children_of(run.pid)
    run.send_signal(signal.SIGINT)

    assert run.wait(timeout=30) == 2
    assert len(children) >= 4, "a sandbox, a store and workers"
    assert [pid for pid in children if _runs(pid)] == []
    assert [path.name for path in tmp_path.iterdir()] == ["news.txt"]


def _children_of(pid: int) -> list[int]:
    told = subprocess.run(
        ["/bin/ps", "-A", "-o", "pid=,ppid="],
        capture_output=True,
        text=True,
        check=True,
    )
    pairs = (line.split() for line in told.stdout.splitlines())
    return [int(child) for child, parent in pairs if int(parent) == pid]


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
