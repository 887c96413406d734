"""Wrong settings are told all at once, by the names that a person sets."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from config import problems
from config.masks import mask_url
from config.settings import Settings


def told(**environment: str) -> list[str]:
    """What a person reads of settings given by their environment names."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        with pytest.raises(ValidationError) as caught:
            Settings(_env_file=None)
    return problems.lines(caught.value, Settings.variables())


def test_wrong_values_and_broken_rules_are_told_together() -> None:
    lines = told(
        SOURCES_CONCURRENCY="many",
        SOURCES_LOG_FORMAT="xml",
        SOURCES_QUIET_SECONDS="3",
        STRIPE_API_BASE="api.stripe.com",
    )

    assert [line.split()[0] for line in lines] == [
        "SOURCES_CONCURRENCY:",
        "SOURCES_LOG_FORMAT:",
        "STRIPE_API_BASE",
        "SOURCES_QUIET_SECONDS",
    ]


def test_a_rule_says_nothing_of_a_value_that_is_wrong_by_itself() -> None:
    lines = told(SOURCES_LEASE_SECONDS="soon", SOURCES_HEARTBEAT_SECONDS="9")

    assert len(lines) == 1
    assert lines[0].startswith("SOURCES_LEASE_SECONDS: ")


def test_a_value_that_is_fine_is_still_held_to_the_rules() -> None:
    """And not its default, which would hide that the two do not fit."""
    lines = told(SOURCES_CONCURRENCY="many", SOURCES_HEARTBEAT_SECONDS="9")

    assert [line.split()[0] for line in lines] == [
        "SOURCES_CONCURRENCY:",
        "SOURCES_LEASE_SECONDS",
    ]


@pytest.mark.parametrize("key", ["sk_live_s3cr3t", "rk_live_s3cr3t"])
def test_a_live_key_goes_nowhere_but_to_an_encrypted_address(key: str) -> None:
    (line,) = told(STRIPE_API_KEY=key, STRIPE_API_BASE="http://sandbox:12111")

    assert "STRIPE_API_KEY" in line
    assert "STRIPE_API_BASE" in line
    assert "s3cr3t" not in line


@pytest.mark.parametrize(
    "url", ["redis://", "redis://[::1", "redis://h:port", "redis://h:0", "unix://"]
)
def test_an_address_that_leads_nowhere_is_refused(url: str) -> None:
    (line,) = told(SOURCES_REDIS_URL=url)

    assert line.startswith("SOURCES_REDIS_URL")


@pytest.mark.parametrize(
    "url",
    [
        "redis://h",
        "rediss://u:p@h:6380/1",
        "redis://[::1]:6379",
    ],
)
def test_an_address_that_leads_somewhere_is_taken(url: str) -> None:
    assert Settings(_env_file=None, redis_url=url).redis_url == url


def test_every_setting_has_one_name_in_the_environment() -> None:
    variables = Settings.variables()

    assert variables.keys() == Settings.model_fields.keys()
    assert variables["stripe_api_key"] == "STRIPE_API_KEY"
    assert variables["stripe_version"] == "SOURCES_STRIPE_VERSION"
    assert len(set(variables.values())) == len(variables)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://h:6379/0", "redis://h:6379/0"),
        ("redis://user:s3cr3t@h:6379/0", "redis://user:***@h:6379/0"),
        ("redis://:s3cr3t@h", "redis://:***@h"),
        ("redis://:s3cr3t@s3cr3t@h", "redis://:***@h"),
        ("rediss://s3cr3t@h", "rediss://***@h"),
        ("redis://:s3/cr3t@h", "redis://:***@h"),
        ("redis://h/0?password=s3cr3t&db=1", "redis://h/0?password=***&db=1"),
        (
            "unix://user:s3cr3t@/run/redis.sock?db=1",
            "unix://user:***@/run/redis.sock?db=1",
        ),
        ("https://api.stripe.com", "https://api.stripe.com"),
        ("text without an address", "text without an address"),
    ],
)
def test_an_address_is_shown_without_its_password(url: str, shown: str) -> None:
    assert mask_url(url) == shown
