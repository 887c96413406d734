"""Settings: read from the environment, refused as a whole, and silent about secrets."""

from __future__ import annotations

import ast
import inspect
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from config import settings as module
from config.settings import Settings

KEY = "sk_live_s3cr3t"
AS_GIVEN = object()
DURATIONS = [name for name in Settings.model_fields if name.endswith("_seconds")]
IN_MS = [
    name
    for name, member in inspect.getmembers(Settings)
    if name.endswith("_ms") and isinstance(member, property)
]


def made(**given: Any) -> Settings:
    """Make settings in which no file has a say, unless it is given."""
    return Settings(**{"_env_file": None, **given})


def refused(**given: Any) -> str:
    """Expect a refusal; return what a person reads of it."""
    with pytest.raises(ValidationError) as caught:
        made(**given)
    return str(caught.value)


def test_the_defaults_fit_each_other() -> None:
    defaults = made()

    assert defaults.redis_url.startswith("redis://127.0.0.1")
    assert defaults.stripe_api_base == "https://api.stripe.com"
    assert defaults.lease_ms == 8000


@pytest.mark.parametrize(
    ("variable", "value", "name", "expected"),
    [
        ("SOURCES_REDIS_URL", "rediss://store:6380/1", "redis_url", AS_GIVEN),
        ("SOURCES_PREFIX", "ours:", "prefix", AS_GIVEN),
        ("SOURCES_CONCURRENCY", "8", "concurrency", 8),
        ("SOURCES_LEASE_SECONDS", "12.5", "lease_seconds", 12.5),
        ("SOURCES_LOG_FORMAT", "console", "log_format", AS_GIVEN),
        ("STRIPE_API_BASE", "http://127.0.0.1:12111", "stripe_api_base", AS_GIVEN),
        ("sources_http_transport", "httpx", "http_transport", AS_GIVEN),
        ("SOURCES_ACCOUNTS_FILE", "a.toml", "accounts_file", Path("a.toml")),
        ("SOURCES_ACCOUNTS_FILE", "", "accounts_file", None),
        ("SOURCES_ACCOUNT_RATE", "12.5", "account_rate", 12.5),
        ("SOURCES_ACCOUNT_RATE", "", "account_rate", None),
        ("SOURCES_OPERATION_RATE", "3", "operation_rate", 3),
        ("SOURCES_IN_FLIGHT", "7", "in_flight", 7),
        ("SOURCES_IN_FLIGHT", "", "in_flight", None),
    ],
)
def test_the_environment_says_what_holds(
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
    name: str,
    expected: object,
) -> None:
    monkeypatch.setenv(variable, value)

    assert getattr(made(), name) == (value if expected is AS_GIVEN else expected)


def test_stripes_key_keeps_the_name_that_everybody_knows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STRIPE_API_KEY", KEY)

    assert made().stripe_api_key.get_secret_value() == KEY


def test_a_hosts_own_redis_url_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://cache:6379")

    assert "cache" not in made().redis_url


def test_a_file_speaks_below_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / ".env"
    file.write_text("SOURCES_PREFIX=file:\nSOURCES_CONCURRENCY=7\nSOMEBODY_ELSES=1\n")
    monkeypatch.setenv("SOURCES_PREFIX", "environment:")
    both = made(_env_file=file)

    assert (both.prefix, both.concurrency) == ("environment:", 7)


# --- what is refused


@pytest.mark.parametrize(
    ("given", "variables"),
    [
        ({"redis_url": "http://store"}, ["SOURCES_REDIS_URL"]),
        ({"redis_url": "store:6379"}, ["SOURCES_REDIS_URL"]),
        ({"stripe_api_base": "api.stripe.com"}, ["STRIPE_API_BASE"]),
        ({"stripe_api_base": "ftp://x"}, ["STRIPE_API_BASE"]),
        ({"stripe_api_base": "https://"}, ["STRIPE_API_BASE"]),
        (
            {"lease_seconds": 8, "heartbeat_seconds": 3},
            ["SOURCES_LEASE_SECONDS", "SOURCES_HEARTBEAT_SECONDS"],
        ),
        ({"upkeep_seconds": 9}, ["SOURCES_UPKEEP_SECONDS"]),
        ({"horizon_seconds": 24 * 3600}, ["SOURCES_HORIZON_SECONDS"]),
        ({"quiet_seconds": 29}, ["SOURCES_QUIET_SECONDS", "SOURCES_REQUEST_SECONDS"]),
        (
            {"key_window_seconds": 3600},
            ["SOURCES_KEY_WINDOW_SECONDS", "SOURCES_RETENTION_SECONDS"],
        ),
    ],
)
def test_settings_that_break_the_promise_together_are_refused_by_name(
    given: dict[str, Any], variables: list[str]
) -> None:
    said = refused(**given)

    assert all(variable in said for variable in variables)


def test_a_request_may_not_arrive_after_stripe_forgot_its_key() -> None:
    """The last one leaves just before the horizon and may arrive `quiet` later."""
    said = refused(horizon_seconds=24 * 3600 - 30, quiet_seconds=60)

    assert "SOURCES_HORIZON_SECONDS" in said


def test_every_problem_is_told_at_once() -> None:
    said = refused(redis_url="x", upkeep_seconds=99, horizon_seconds=99 * 3600)

    for variable in ("REDIS_URL", "UPKEEP_SECONDS", "HORIZON_SECONDS"):
        assert f"SOURCES_{variable}" in said


@pytest.mark.parametrize("name", DURATIONS)
@pytest.mark.parametrize("value", [0, -1, "nan", "inf", "soon", ""])
def test_a_duration_is_a_positive_number_of_seconds(name: str, value: object) -> None:
    refused(**{name: value})


@pytest.mark.parametrize("name", DURATIONS)
def test_no_duration_is_rounded_down_to_nothing(name: str) -> None:
    """A store refuses a lifetime of 0 ms in the middle of a script."""
    try:
        tiny = made(**{name: 0.0001})
    except ValidationError:
        return
    assert all(getattr(tiny, name_in_ms) > 0 for name_in_ms in IN_MS)


@pytest.mark.parametrize(
    "given",
    [
        {"prefix": ""},
        {"prefix": "x" * 33},
        {"concurrency": 0},
        {"concurrency": 1025},
        {"events_length": 999},
        {"upkeep_batch": 0},
        {"upkeep_batch": 5001},
        {"crowded_queue": 0},
        {"log_format": "xml"},
        {"log_level": "LOUD"},
        {"http_transport": "requests"},
        {"account_rate": 0},
        {"account_rate": "nan"},
        {"operation_rate": 10_001},
        {"in_flight": 0},
        {"in_flight": 1.5},
        {"burst_seconds": 11},
    ],
    ids=str,
)
def test_what_is_out_of_range_is_refused(given: dict[str, Any]) -> None:
    assert next(iter(given)) in refused(**given)


# --- secrets


def test_nothing_printed_shows_a_secret() -> None:
    held = made(stripe_api_key=KEY, redis_url="redis://user:hunter2@store:6379/0")

    for printed in (repr(held), str(held)):
        assert "s3cr3t" not in printed
        assert "hunter2" not in printed


@pytest.mark.parametrize(
    "given", [{"lease_seconds": 1}, {"log_level": "LOUD"}, {"redis_url": "x"}], ids=str
)
def test_no_refusal_shows_a_secret(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, Any]
) -> None:
    monkeypatch.setenv("STRIPE_API_KEY", "sk_1234")  # short: nothing is cut away
    said = refused(**given)

    assert "sk_" not in said


def test_a_refused_address_does_not_show_its_password() -> None:
    assert "hunter2" not in refused(redis_url="http://:hunter2@x", lease_seconds=1)


# --- as a value


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError):
        made().lease_seconds = 99.0


@pytest.mark.parametrize("name", IN_MS)
def test_milliseconds_are_whole(name: str) -> None:
    odd = made(lease_seconds=8.0015, quiet_seconds=60.00049)

    assert isinstance(getattr(odd, name), int)


def test_a_dead_workers_key_is_gone_before_its_leases_are() -> None:
    for lease, heartbeat in ((8.0, 2.0), (3.0, 1.0), (0.4, 0.1)):
        one = made(lease_seconds=lease, heartbeat_seconds=heartbeat, upkeep_seconds=0.1)
        assert heartbeat * 1000 < one.worker_life_ms < one.lease_ms


def test_every_setting_says_what_it_is_for() -> None:
    tree = ast.parse(inspect.getsource(module))
    (body,) = [
        node.body
        for node in tree.body
        if isinstance(node, ast.ClassDef) and node.name == "Settings"
    ]
    documented = {
        line.target.id
        for line, after in pairwise(body)
        if isinstance(line, ast.AnnAssign)
        and isinstance(line.target, ast.Name)
        and isinstance(after, ast.Expr)
    }
    assert documented == set(Settings.model_fields)
