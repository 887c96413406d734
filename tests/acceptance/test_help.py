"""What `--help` shows as an example is run, as it stands, and works.

No command is named here but those that need something to be there first, or that go on
until they are stopped: one that is added later is found, and its example is run.
"""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import Popen
from typing import Any, NamedTuple

import pytest
import typer.main
import typer.testing

from customer_sources import CustomerSources, State
from customer_sources.batches.calls import Settings as BatchSettings
from sandbox.remote import RemoteSandbox
from sandbox.store import Store
from tests.acceptance.conftest import SourcesHere, StartWorker
from tests.architecture.project import ROOT
from tests.batch_plans import plan
from tests.builders import ending, wait_until
from tests.command_line import COMMAND, unset
from worker.cli.exits import Exit
from worker.cli.main import app
from worker.ledger import Ledger

READY = {
    "dev": "Ctrl-C stops it",
    "sandbox": "http://127.0.0.1:",
    "worker": "worker_ready",
}
"""What those say, once they are up, that go on until Ctrl-C."""
SLOW = "demo"
"""It waits for a killed worker's leases: long enough to be run beside the others."""


class Example(NamedTuple):
    """A command line, taken apart as a shell does."""

    environment: dict[str, str]
    words: list[str]


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    """A store as production should have it, lest the doctor complain."""
    with Store.start(aof=True) as running:
        yield running


@pytest.fixture
def environment(store: Store, prefix: str, sandbox: RemoteSandbox) -> dict[str, str]:
    return {
        "SOURCES_REDIS_URL": store.url,
        "SOURCES_PREFIX": prefix,
        "STRIPE_API_BASE": sandbox.url,
        "STRIPE_API_KEY": "sk_test_sandbox",
    }


def commands() -> list[str]:
    """Every command that a person can type, in the order in which help lists them."""

    def inner(group: Any, *path: str) -> Iterator[str]:
        for name, one in group.commands.items():
            if hasattr(one, "commands"):
                yield from inner(one, *path, name)
            elif not one.hidden:
                yield " ".join((*path, name))

    return list(inner(typer.main.get_command(app)))


def examples(command: str) -> list[Example]:
    """Read the examples of a command from its help."""
    help_shown = typer.testing.CliRunner().invoke(
        app, [*command.split(), "--help"], env={"COLUMNS": "200"}
    )
    assert help_shown.exit_code == Exit.OK
    found = []
    for line in re.findall(r"Example: (.+)", help_shown.output):
        words = shlex.split(line)
        at = words.index("sources")
        assignments = (word.partition("=") for word in words[:at])
        values = {name: value for name, _, value in assignments}
        found.append(Example(values, words[at + 1 :]))
    return found


@pytest.mark.parametrize("command", commands())
def test_help_shows_an_example_of_the_command_itself(command: str) -> None:
    shown = examples(command)

    assert shown
    for example in shown:
        assert example.words[: len(command.split())] == command.split()


@pytest.fixture
async def in_review(client: CustomerSources, ledger: Ledger) -> str:
    """The id of a job that waits for a person."""
    job_id = client.customer.source.create(customer="cus_3", source="tok_visa").id
    await ledger.claim(job_id, "token")
    await ledger.commit(job_id, "token", ending(State.NEEDS_REVIEW))
    return job_id


@pytest.mark.usefixtures("anyio_backend")  # for its fixtures; commands have loops too
def test_examples_that_come_to_an_end_end_well(
    client: CustomerSources,
    sandbox: RemoteSandbox,
    start_worker: StartWorker,
    sources: SourcesHere,
    in_review: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """An id of a job, which no example can know, stands for one that is in review, or
    elsewhere for one that waits; ids of batches and the folder of a plan likewise."""
    sandbox.seed({"cus_1": ["card_1", "ba_1"]})
    create, later = client.customer.source.create, timedelta(hours=1)
    waiting = create(customer="cus_2", source="tok_visa", not_before=later).id
    client.verifications.watch("cus_2", "ba_2")
    stand_ins = _batches(client)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    applied = str(plan(3, label="applied").write(tmp_path / "applied"))
    start_worker()
    for command in commands():
        if command in READY or command == SLOW:
            continue
        for example in examples(command):
            job = in_review if command.startswith("review ") else waiting
            batch = stand_ins.get(command, stand_ins[""])
            words = [re.sub(r"^job_\S+$", job, word) for word in example.words]
            words = [re.sub(r"^batch_\S+$", batch, word) for word in words]
            if command == "batch apply":
                words = [applied if word == "plan" else word for word in words]
            with monkeypatch.context() as given:
                for name, value in example.environment.items():
                    given.setenv(name, value)
                done = sources(*words)
            said = f"{words}: {done.stdout}{done.stderr}"
            assert done.returncode == Exit.OK, said


def _batches(client: CustomerSources) -> dict[str, str]:
    """Bring batches in for the examples: one that will end well, one that is cancelled,
    and for all other commands one that has yet to begin."""

    def bring_in(label: str, settings: BatchSettings) -> str:
        one = plan(3, label=label)
        client.batches.open(one.manifest, settings)
        client.batches.put(one.id, 0, one.chunks[0])
        return one.id

    later = BatchSettings(not_before=datetime.now(UTC) + timedelta(hours=1))
    well = bring_in("well", BatchSettings())
    cancelled = bring_in("cancelled", BatchSettings())
    client.batches.cancel(cancelled)
    return {
        "": bring_in("later", later),
        "batch watch": well,
        "batch results": well,
        "batch reconcile": well,
        "batch retry": cancelled,
    }


def test_examples_that_go_on_end_well_by_ctrl_c_and_the_slow_one_by_itself(
    environment: dict[str, str], tmp_path: Path
) -> None:
    with ExitStack() as stack:
        slow = [_start(stack, one, environment, tmp_path) for one in examples(SLOW)]
        for command, word in READY.items():
            for example in examples(command):
                process, said = _start(stack, example, environment, tmp_path)
                _wait_for(word, process, said)
                process.send_signal(signal.SIGINT)
                assert process.wait(timeout=30) == Exit.OK, said.read_text()
        for process, said in slow:
            assert process.wait(timeout=50) == Exit.OK, said.read_text()


def _start(
    stack: ExitStack, example: Example, environment: dict[str, str], folder: Path
) -> tuple[Popen[bytes], Path]:
    """Start a command that is ended with the stack; all it says is in the file."""
    said = folder / f"{example.words[0]}.txt"
    with said.open("w") as sink:
        process = Popen(
            [*COMMAND, *example.words],
            env={**unset(), **environment, **example.environment},
            stdout=sink,
            stderr=subprocess.STDOUT,
            cwd=folder,
        )
    stack.callback(process.wait, timeout=40)
    stack.callback(process.terminate)
    return process, said


def _wait_for(word: str, process: Popen[bytes], said: Path) -> None:
    def ready() -> bool:
        assert process.poll() is None, said.read_text()
        return word in said.read_text()

    wait_until(ready, f"{word!r} from {process.args}")
