"""The fixtures for other teams, in a test run of their own."""

import subprocess
import sys
from pathlib import Path

import pytest

DEADLINE = 50
"""Seconds in which the other team's tests must have run."""

THEIR_CONFTEST = """
import pytest
pytest_plugins = ["sandbox.pytest_plugin"]
"""

THEIR_TESTS = """
from http.client import HTTPConnection
from urllib.parse import urlsplit


def create(sandbox, customer="cus_1"):
    connection = HTTPConnection(urlsplit(sandbox.url).netloc)
    headers = {"Authorization": "Bearer sk_test_1", "Idempotency-Key": "k"}
    path = f"/v1/customers/{customer}/sources"
    connection.request("POST", path, "source=tok_visa", headers)
    status = connection.getresponse().status
    connection.close()
    return status


def test_one_leaves_much_behind(stripe_sandbox):
    assert create(stripe_sandbox) == 200
    stripe_sandbox.advance(3600)
    stripe_sandbox.set_limits({"account": {"rate": 0.001}})
    stripe_sandbox.set_faults([{"fault": "error_503_unsaved"}])


def test_another_sees_nothing_of_it(stripe_sandbox):
    assert stripe_sandbox.effects() == []
    assert create(stripe_sandbox) == 200
    assert create(stripe_sandbox) == 200
    changes = [effect.change for effect in stripe_sandbox.effects()]
    assert changes.count("source.created") == 1


def test_one_server_serves_them_all(stripe_sandbox, stripe_sandbox_server):
    assert stripe_sandbox.url == stripe_sandbox_server.url
"""

THEIR_OPTIONS = """

@pytest.fixture(scope="session")
def stripe_sandbox_options():
    return {"auto_customers": False}
"""

THEIR_OTHER_TEST = """
from helper import create


def test_customers_are_not_made_up(stripe_sandbox):
    assert create(stripe_sandbox) == 404
"""


def run_tests(folder: Path, conftest: str, **files: str) -> str:
    """Run another team's tests in a process of their own, and return what it said."""
    (folder / "conftest.py").write_text(conftest, encoding="utf-8")
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    return done.stdout + done.stderr


def test_each_test_of_another_team_has_a_sandbox_as_new(tmp_path: Path) -> None:
    told = run_tests(tmp_path, THEIR_CONFTEST, test_first=THEIR_TESTS)
    assert "3 passed" in told, told


def test_another_team_can_have_a_sandbox_that_behaves_as_it_likes(
    tmp_path: Path,
) -> None:
    told = run_tests(
        tmp_path,
        THEIR_CONFTEST + THEIR_OPTIONS,
        helper=THEIR_TESTS,
        test_other=THEIR_OTHER_TEST,
    )
    assert "1 passed" in told, told


def test_who_does_not_name_the_plugin_does_not_have_it(
    pytestconfig: pytest.Config,
) -> None:
    assert not pytestconfig.pluginmanager.has_plugin("sandbox.pytest_plugin")
