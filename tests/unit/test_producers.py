"""The task that reads foreign messages never raises, and does one thing with each."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from celery import Celery
from hypothesis import example, given
from structlog.testing import capture_logs

from customer_sources.contract.errors import Problem
from tasks import producers
from tests.unit.celery_messages import entries, message
from worker.front_door import READ_TASK

SECRET = "tok_secretvalue"
accepted: list[tuple[dict[str, Any], str]] = []
refused: list[str] = []
app = Celery("producers-under-test", set_as_current=False)


def refuse(problems: Sequence[Problem], name: str, _command: Mapping[str, Any]) -> None:
    assert problems
    refused.append(name)


producers.register(app, lambda command, name: accepted.append((command, name)), refuse)


def run(entry: str) -> list[Any]:
    """Run the task; returns what it logged."""
    accepted.clear()
    refused.clear()
    with capture_logs() as logged:
        app.tasks[READ_TASK].apply((entry, len(entry)), throw=True)
    return logged


@example(json.dumps(message(kwargs={"self": 1})))
@given(entries())
def test_each_message_is_accepted_or_refused_or_dropped(entry: str) -> None:
    logged = run(entry)
    assert len(accepted) + len(logged) == 1
    assert len(refused) == [line["event"] for line in logged].count("message_refused")


def test_a_good_message_is_accepted_without_a_word() -> None:
    logged = run(json.dumps(message()))
    ((command, name),) = accepted
    assert (command["operation"], name) == ("create", "celery:order-7")
    assert logged == []


def test_what_is_logged_says_nothing_of_the_content() -> None:
    secret = {"customer": SECRET, SECRET: SECRET}
    for changes in (
        {"args": [SECRET], "kwargs": secret},
        {"headers": {"task": f"mail.{SECRET}", "argsrepr": SECRET}, "kwargs": secret},
        {"body": secret, "content_type": SECRET},
    ):
        (line,) = run(json.dumps(message(**changes)))
        assert SECRET not in str(line)
