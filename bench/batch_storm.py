"""A batch in a storm: workers killed, the store restarted; and then an account.

    python -m bench.batch_storm --rows 50000 --markdown docs/performance.md

Plans a file by the command line and applies it; while it runs five of its workers are
killed, the store once, and it is paused and resumed; two of a hundred answers of the
sandbox are lost. Then it asks for the results, and reads the sandbox again to compare.

Exit status: 0 each row had one outcome and one effect; 1 not so; 2 it did not run.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import redis

from bench import jobs_report
from bench.chaos_workers import Workers
from bench.jobs_bytes import told
from bench.jobs_report import Marks, Measure, Report
from customer_sources import CustomerSources, LedgerUnavailable
from customer_sources.batches.status import Batch
from customer_sources.contract.names import MARKER
from sandbox.remote import RemoteSandbox
from sandbox.store import Store
from worker.cli import children

HELD, BROKEN, DID_NOT_RUN = 0, 1, 2
MARKS = Marks(
    "<!-- storm: by `python -m bench.batch_storm` -->", "<!-- end of storm -->"
)
WORKERS, KILLS, CUSTOMERS = 2, 5, 5000
LOST_ANSWERS = [
    {"fault": "drop_after_commit", "probability": 0.01},
    {"fault": "drop_before_commit", "probability": 0.01},
]
PATIENCE = 1200.0


class Storm:
    """Store, sandbox and workers of one run.

    Args:
        rows: how many.
        directory: for everything that is written.
        stack: takes whatever has to be ended.
    """

    def __init__(self, rows: int, directory: Path, stack: ExitStack) -> None:
        self._rows, self._directory = rows, directory
        self._store = stack.enter_context(
            Store.start(aof=True, directory=directory / "store")
        )
        logs = stack.enter_context((directory / "sandbox.log").open("w"))
        process, url = children.start_sandbox(seed=1, logs=logs)
        stack.callback(children.stop, process)
        self._sandbox = RemoteSandbox(url)
        self._workers = Workers(self._store.url, url, directory, {})
        stack.callback(self._workers.close)
        for slot in range(WORKERS):
            self._workers.start(slot)
        self._client = stack.enter_context(CustomerSources(self._store.url))
        children.wait_for_workers(self._client, WORKERS)
        self._environment = {
            **os.environ,
            "SOURCES_REDIS_URL": self._store.url,
            "STRIPE_API_BASE": url,
            "STRIPE_API_KEY": children.SANDBOX_KEY,
        }
        with redis.Redis.from_url(self._store.url) as admin:
            self.server = told(admin)
        self.batch = ""
        self.seconds = 0.0

    def play(self, say: Callable[[str], None]) -> None:
        """Plan, apply, and let everything happen until the batch is over."""
        self._write_rows()
        self._sources("plan", "rows.csv", "-o", "plan")
        self._sandbox.set_faults(LOST_ANSWERS)
        self._sources("apply", "plan", "--detach")
        manifest = json.loads((self._directory / "plan/manifest.json").read_text())
        self.batch = manifest["batch"]
        started = time.monotonic()
        dice = random.Random(1)  # noqa: S311  chance, no secret
        acts: list[tuple[str, Callable[[], object]]] = [
            (f"kill {n}", lambda: self._workers.kill(dice.randrange(WORKERS)))
            for n in range(KILLS)
        ]
        acts.insert(2, ("store killed and started", self._restart_store))
        acts.insert(4, ("paused and resumed", self._pause))
        for number, (name, act) in enumerate(acts, 1):
            goal = self._rows * number / (len(acts) + 1)
            self._wait_for(goal)
            say(f"{name} at {self._look().done} rows")
            act()
        self._wait(lambda batch: batch.state.is_ended)
        self.seconds = time.monotonic() - started
        self._sandbox.clear_faults()

    def account(self) -> dict[str, int]:
        """Count rows, outcomes and effects, by the files and by the journal."""
        self._sources("results", "plan", "-o", "results")
        outcomes = Counter[int]()
        states = Counter[str]()
        for path in (self._directory / "results").glob("*.jsonl"):
            for line in path.read_text().splitlines():
                row = json.loads(line)
                outcomes[row["row"]] += 1
                states[row["state"]] += 1
        effects = Counter(
            effect.metadata.get(MARKER, "")
            for effect in self._sandbox.effects()
            if effect.change == "source.created"
        )
        looked = self._sources("reconcile", self.batch, "--yes", "--rate", "1000")
        return {
            "rows": self._rows,
            "outcomes": sum(outcomes.values()),
            "rows with one": sum(count == 1 for count in outcomes.values()),
            "succeeded": states["succeeded"],
            "effects": sum(effects.values()),
            "marks with one effect": sum(count == 1 for count in effects.values()),
            "reconciled": f"{self._rows:,} of {self._rows:,} match" in looked
            or f"{self._rows} of {self._rows} match" in looked,
        }

    def _write_rows(self) -> None:
        with (self._directory / "rows.csv").open("w") as file:
            file.write("operation,customer,source,metadata.order_id\n")
            for n in range(self._rows):
                file.write(f"create,cus_{n % CUSTOMERS},tok_visa,order-{n}\n")

    def _restart_store(self) -> None:
        self._store.kill()
        self._store.restart()

    def _pause(self) -> None:
        self._client.batches.pause(self.batch)
        time.sleep(2)
        self._client.batches.resume(self.batch)

    def _look(self) -> Batch:
        return self._client.batches.get(self.batch)

    def _wait_for(self, rows: float) -> None:
        self._wait(lambda batch: batch.done >= rows)

    def _wait(self, true: Callable[[Batch], bool]) -> None:
        ends_at = time.monotonic() + PATIENCE
        while time.monotonic() < ends_at:
            try:
                if true(self._look()):
                    return
            except LedgerUnavailable:
                pass
            time.sleep(0.1)
        raise RuntimeError("the batch did not get there in time")

    def _sources(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "worker.cli", "batch", *words],
            cwd=self._directory,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"batch {words[0]}: {done.stdout}{done.stderr}")
        return done.stdout


def measure(rows: int, account: dict[str, Any], seconds: float) -> Measure:
    """Write the account as one number that has a target: rows that came out right."""
    names = [name for name in account if name not in {"rows", "reconciled"}]
    right = min(account[name] for name in names) * account["reconciled"]
    counts = ", ".join(f"{name} {account[name]:,}" for name in names)
    shown = "100 %" if account["reconciled"] else "less than 100 %"
    return Measure(
        name=f"rows with one outcome and one effect, of {rows:,} in a storm",
        value=right,
        unit="rows",
        target=rows,
        at_least=True,
        ours=f"{counts}; reconcile says {shown}; {seconds:.0f} s",
        against=(
            f"{WORKERS} workers, {KILLS} of them killed, the store killed once, a "
            "pause, 2 % of the answers lost"
        ),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Play, count and report; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench.batch_storm")
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--markdown", type=Path, metavar="PAGE")
    given = parser.parse_args(arguments)
    for name in [name for name in os.environ if name.startswith("SOURCES_")]:
        del os.environ[name]
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        try:
            storm = Storm(given.rows, directory, stack)
            storm.play(lambda line: print(line, file=sys.stderr))
            found = measure(given.rows, storm.account(), storm.seconds)
        except (RuntimeError, OSError) as error:
            print(f"the run did not work: {error}", file=sys.stderr)
            return DID_NOT_RUN
        played = f"python -m bench.batch_storm --rows {given.rows}"
        machine = jobs_report.here(storm.server)
    report = Report(played=played, machine=machine, measures=[found])
    if given.markdown:
        section = jobs_report.markdown(report)
        jobs_report.write_section(given.markdown, section, MARKS)
    print(jobs_report.text(report))
    return HELD if found.met else BROKEN


if __name__ == "__main__":
    sys.exit(main())
