"""The mark that create leaves, and how to have none."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from customer_sources import Command
from customer_sources.contract.commands import Prepared, Switches, prepare
from customer_sources.contract.errors import CommandInvalid
from customer_sources.testing import InMemorySources

JOB = "job_" + "0" * 26


def create(*, marker: Any, **params: Any) -> Prepared:
    return prepare(
        "create",
        {"source": "tok_visa", **params},
        job_id=JOB,
        customer="cus_1",
        switches=Switches(marker=marker),
    )


def test_a_create_can_be_asked_to_leave_no_mark() -> None:
    command = create(marker=False, metadata={"a": "b"}).command

    assert command.body == "source=tok_visa&metadata[a]=b"
    assert not command.marker


def test_with_and_without_a_mark_are_two_commands() -> None:
    marked, unmarked = create(marker=True), create(marker=False)

    assert marked.fingerprint != unmarked.fingerprint


def test_a_stored_command_without_the_word_leaves_a_mark() -> None:
    stored = msgspec.json.encode(create(marker=True).command)

    assert b"marker" not in stored
    assert msgspec.json.decode(stored, type=Command).marker


@pytest.mark.parametrize(
    ("operation", "marker"),
    [("delete", False), ("get", None), ("create", 0), ("create", "no")],
)
def test_a_mark_is_a_yes_or_no_on_create(operation: str, marker: Any) -> None:
    with pytest.raises(CommandInvalid, match="marker: "):
        prepare(
            operation,
            {},
            job_id=JOB,
            customer="cus_1",
            source_id="" if operation == "create" else "card_1",
            switches=Switches(marker=marker),
        )


@pytest.mark.parametrize("marker", [True, False])
def test_a_command_as_plain_data_takes_it(*, marker: bool) -> None:
    sources = InMemorySources()
    asked = {"operation": "create", "customer": "cus_1", "marker": marker}
    (taken,) = sources.submit_many([asked])
    command = sources.command(taken.job_id)

    assert command is not None
    assert ("customer_sources_job" in command.body) is marker


def test_the_clients_take_it_as_every_other_switch() -> None:
    sources = InMemorySources()
    job = sources.customer.source.create(
        customer="cus_1", source="tok_visa", marker=False
    )
    command = sources.command(job.id)

    assert command is not None
    assert "customer_sources_job" not in command.body
    assert job.result()["metadata"] == {}
