"""docs/events.md: its examples are events, and none is missing."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
from jsonschema import Draft202012Validator

from config.settings import Settings
from customer_sources import Event
from customer_sources.contract.events import DATA_SCHEMA, TYPE_PREFIX
from customer_sources.contract.schema import EVENT_TYPES, event_schema
from customer_sources.membership import TAKE_OVER_AFTER
from tasks.upkeep import TRIM_SECONDS

PAGE = (Path(__file__).parents[2] / "docs" / "events.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"(?ms)^### (\w+\.\S+)\n.*?^```json\n(.*?)^```", PAGE)


def test_every_type_of_event_has_an_example() -> None:
    assert {TYPE_PREFIX + name for name, _ in EXAMPLES} == set(EVENT_TYPES)
    assert len(EXAMPLES) == len(EVENT_TYPES) == PAGE.count("```json")


@pytest.mark.parametrize(("name", "text"), EXAMPLES)
def test_an_example_is_an_event_of_the_type_above_it(name: str, text: str) -> None:
    event = msgspec.json.decode(text, type=Event)

    assert event.type == TYPE_PREFIX + name
    assert msgspec.json.decode(event.encode()) == msgspec.json.decode(text)


@pytest.mark.parametrize(("name", "text"), EXAMPLES)
def test_an_example_fits_the_schema(name: str, text: str) -> None:
    Draft202012Validator(event_schema()).validate(msgspec.json.decode(text))


def test_what_the_page_says_of_numbers_and_versions_is_so() -> None:
    settings = Settings(_env_file=None)

    for said in (
        f"`{DATA_SCHEMA}`",
        f"`take_over_after` seconds ({TAKE_OVER_AFTER:.0f})",
        f"`SOURCES_EVENTS_KEEP_SECONDS` | {settings.events_keep_seconds / 86400:.0f} ",
        f"`SOURCES_EVENTS_LENGTH` | {settings.events_length:,} |",
        f"`SOURCES_EVENTS_HARD_CAP` | {settings.events_hard_cap:,} |",
    ):
        assert said in PAGE
    assert (TRIM_SECONDS, "every ten seconds" in PAGE) == (10, True)
