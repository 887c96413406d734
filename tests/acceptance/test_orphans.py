"""What `sources dev` and `sources demo` start does not outlive them."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from urllib.parse import urlsplit

from tests.builders import wait_until

KILLED = """
import os
from worker.cli import children
print(children.start_sandbox().url, flush=True)
os.kill(os.getpid(), 9)
"""


def test_a_sandbox_stops_when_whoever_started_it_is_killed() -> None:
    parent = subprocess.run(
        [sys.executable, "-c", KILLED], stdout=subprocess.PIPE, text=True, check=False
    )
    assert parent.returncode == -signal.SIGKILL
    address = urlsplit(parent.stdout.strip())
    assert address.hostname
    assert address.port
    there = (address.hostname, address.port)

    def is_gone() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(there) != 0

    wait_until(is_gone, "the sandbox to be gone")
