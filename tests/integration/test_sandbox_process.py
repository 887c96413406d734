"""`python -m sandbox`: how it starts, and that it always ends."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from sandbox.__main__ import run
from sandbox.limits import Limit, Limits
from sandbox.remote import RemoteSandbox

DEADLINE = 20
"""Seconds in which a process must have done what it was told."""


@contextmanager
def running(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "sandbox", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def url_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_prints_its_url_and_ends_cleanly_on_a_signal(number: signal.Signals) -> None:
    with running("--port", "0", "--auto-customers", "--seed", "1") as process:
        url = url_of(process)
        RemoteSandbox(url).check_health()
        process.send_signal(number)
        rest, errors = process.communicate(timeout=DEADLINE)
    assert (process.returncode, rest, errors) == (0, "", "")


def test_it_ends_when_its_parent_closes_its_input() -> None:
    with running("--port", "0", "--with-parent") as process:
        RemoteSandbox(url_of(process)).check_health()
        _, errors = process.communicate(timeout=DEADLINE)  # closes the input
    assert (process.returncode, errors) == (0, "")


def test_what_its_parent_writes_does_not_end_it() -> None:
    with running("--port", "0", "--with-parent") as process:
        sandbox = RemoteSandbox(url_of(process))
        assert process.stdin is not None
        process.stdin.write("still here\n")
        process.stdin.flush()
        sandbox.check_health()
        assert process.poll() is None


def test_a_taken_port_is_told_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with running("--port", str(port)) as process:
            output, errors = process.communicate(timeout=DEADLINE)
    assert (process.returncode, output) == (1, "")
    assert errors.startswith("sandbox: ")
    assert errors.count("\n") == 1


def test_its_behaviour_can_be_set_on_the_command_line() -> None:
    options = "--account-rate 100 --account-burst 20 --operation-concurrency 5"
    more = "--deposit-days 2 --no-lock-timeout --allow-raw-card-data"
    with running("--port", "0", *options.split(), *more.split()) as process:
        limits = RemoteSandbox(url_of(process)).limits()
    account = Limit(rate=100, burst=20)
    assert limits == Limits(account=account, operation=Limit(concurrency=5))


@pytest.mark.parametrize(
    "options", ["--account-rate 0", "--operation-burst x", "--nonsense"]
)
def test_options_that_make_no_sense_are_told(
    capsys: pytest.CaptureFixture[str], options: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(options.split(), program="sources sandbox")
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("usage: sources sandbox ")
