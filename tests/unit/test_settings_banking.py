"""Settings of banking days, watches and sweeps: how they are written, and refused."""

from __future__ import annotations

from datetime import time, timedelta
from typing import Any

import pytest

from config import settings as module
from config.banking import sweep_of
from tests.unit.test_settings import AS_GIVEN, made, refused


@pytest.mark.parametrize(
    ("variable", "value", "name", "expected"),
    [
        ("SOURCES_BANKING_ZONE", "Europe/Berlin", "banking_zone", AS_GIVEN),
        ("SOURCES_BANKING_CUTOFF", "23:59", "banking_cutoff", AS_GIVEN),
        ("SOURCES_WATCH_REMINDERS", "1, 3,7", "watch_reminders", (1, 3, 7)),
        ("SOURCES_WATCH_REMINDERS", "4", "watch_reminders", (4,)),
        ("SOURCES_WATCH_REMINDERS", "", "watch_reminders", ()),
        ("SOURCES_SWEEP", "off", "sweep", AS_GIVEN),
        ("SOURCES_SWEEP", "00:00", "sweep", AS_GIVEN),
        ("SOURCES_SWEEP", "PT6H", "sweep", AS_GIVEN),
        ("SOURCES_SWEEP", "P1W", "sweep", AS_GIVEN),
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


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("off", None),
        ("06:30", time(6, 30)),
        ("PT6H", timedelta(hours=6)),
        ("P1D", timedelta(days=1)),
    ],
)
def test_a_sweep_is_daily_or_every_so_often_or_never(text: str, read: object) -> None:
    assert sweep_of(made(sweep=text).sweep) == read


def test_attempts_are_kept_for_whole_days() -> None:
    assert made(attempts_keep_days=2).attempts_keep_ms == 2 * 86_400_000


def test_no_secret_for_pairs_is_shown_or_must_be_given() -> None:
    held = made(pair_secret="0123456789abcdef")

    assert "0123456789abcdef" not in repr(held)
    assert made(pair_secret="").pair_secret.get_secret_value() == ""


@pytest.mark.parametrize(
    ("given", "variables"),
    [
        (
            {"watch_days": 7},
            [f"SOURCES_{one}" for one in ("WATCH_DAYS", "DEPOSIT_DAYS")],
        ),
        ({"watch_reminders": "8"}, ["SOURCES_WATCH_REMINDERS"]),
        (
            {"deposits_by": "17:01"},
            ["SOURCES_DEPOSITS_BY", "SOURCES_BANKING_CUTOFF"],
        ),
        ({"pair_secret": "short"}, ["SOURCES_PAIR_SECRET"]),
    ],
)
def test_settings_that_make_no_sense_together_are_refused_by_name(
    given: dict[str, Any], variables: list[str]
) -> None:
    said = refused(**given)

    assert all(variable in said for variable in variables)


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("banking_zone", ["", "America", "../UTC", "Mars/Base", "\0"], "no time zone"),
        ("banking_cutoff", ["", "24:00", "9:00", "17", "17:00:00", "5pm"], "23:59"),
        ("deposits_by", ["09:60", "09.00"], "expected a time of day"),
        ("sweep", ["", "daily", "25:00", "PT59S", "P367D", "-PT6H", "P1M"], "PT6H"),
        ("watch_reminders", ["5,2", "2,2", "0", "-1", "2,", "a", "100"], "rising"),
        ("watch_reminders", [",".join(map(str, range(1, 12)))], "rising"),
        ("deposit_days", [0, 11, "two"], ""),
        ("watch_days", [1, 61], ""),
        ("attempts_keep_days", [0, 3651], ""),
    ],
)
def test_what_is_no_time_zone_or_number_of_days_is_refused_with_an_example(
    name: str, values: list[Any], words: str
) -> None:
    for value in values:
        said = refused(**{name: value})
        assert name in said
        assert words in said


def test_a_machine_that_knows_no_zones_is_told_of_before_one_is_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "is_zone", lambda name: False)

    assert "SOURCES_BANKING_ZONE" in refused()
