"""What a foreign Celery message asks for, and what is wrong with it. Pure.

Celery's message protocols 1 and 2 are read here and nowhere else. Nothing is believed:
whatever is not as it must be becomes a problem with the name of its field, and no
problem quotes a value.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from kombu.utils.json import loads

from customer_sources.contract.card_data import looks_like_card_number
from customer_sources.contract.errors import Problem
from customer_sources.contract.ids import new_token
from customer_sources.contract.names import PRODUCER_TASK
from customer_sources.contract.operations import OPERATIONS
from worker.front_door import LONGEST_ENTRY

LONGEST_ID = 240
"""An id becomes part of an idempotency key, which has up to 255 characters."""
_MOMENTS = {"eta": "not_before", "expires": "deadline"}
"""Celery would hold a message until its `eta`, and lose it with the worker; and drop
it without a word when it is past `expires`. The options of a command do neither."""
_AFTERWARDS = ("callbacks", "errbacks", "chain", "chord")
_UTF8 = ("utf-8", "utf8", None)


class Asked(NamedTuple):
    """A message taken apart."""

    name: str
    """Where it came from and its id there: the idempotency key of the command."""
    command: dict[str, Any]
    """The command, as far as it could be read."""
    problems: Sequence[Problem]
    """Why it is none; empty: the rest is for the command's own checks to say."""


class _Body(NamedTuple):
    """A body taken apart; any of it may be of any type."""

    args: object = []
    kwargs: object = {}
    about: Mapping[str, Any] = {}
    """What protocol 1 says of the task, and protocol 2 says in the headers."""
    afterwards: object = None


class _UnfitError(Exception):
    def __init__(self, field: str, message: str) -> None:
        super().__init__(field)
        self.problem = Problem(field, message)


def read(entry: str, size: int) -> Asked | None:
    """Read an entry of a queue.

    Args:
        entry: its text.
        size: its length in bytes. Of one longer than `LONGEST_ENTRY` the text may be
            its headers only.

    Returns:
        What it asks for; None: it is a task of somebody else's, or a wake-up that is
        damaged, which is harmless.
    """
    problems: list[Problem] = []
    message = _message(entry, size, problems)
    headers = _object(message, "headers", problems)
    try:
        body = _body(message, headers, size)
    except _UnfitError as error:
        body = _Body()
        problems.append(error.problem)
    about = {**body.about, **headers}
    task = about.get("task")
    if isinstance(task, str) and task and not task.startswith(PRODUCER_TASK):
        return None
    name = _name(about.get("id"), problems)
    command = dict(body.kwargs) if isinstance(body.kwargs, Mapping) else {}
    problems += _shape_problems(about, body)
    command |= _operation(task, command, problems)
    command |= _moments(about, command, problems)
    return Asked(name, command, problems)


def _message(entry: str, size: int, problems: list[Problem]) -> Mapping[str, Any]:
    try:
        message = json.loads(entry)
    except (ValueError, RecursionError):
        message = None
    if isinstance(message, Mapping):
        return message
    if size <= LONGEST_ENTRY:  # a longer one will be told of that
        problems.append(Problem("message", "not a Celery message, which is an object"))
    return {}


def _object(
    message: Mapping[str, Any], field: str, problems: list[Problem]
) -> Mapping[str, Any]:
    value = message.get(field)
    if value is not None and not isinstance(value, Mapping):
        problems.append(Problem(field, "expected an object"))
    return value if isinstance(value, Mapping) else {}


def _body(message: Mapping[str, Any], headers: Mapping[str, Any], size: int) -> _Body:
    """Decode and take apart a body, or raise `_UnfitError`."""
    if size > LONGEST_ENTRY:
        raise _UnfitError("body", f"the message is longer than {LONGEST_ENTRY} bytes")
    if not message:
        return _Body()
    body = _decoded(message, headers)
    if isinstance(body, Mapping) and ("kwargs" in body or "task" in body):
        return _Body(body.get("args", []), body.get("kwargs", {}), body, body)
    if isinstance(body, list) and len(body) == len(("args", "kwargs", "embed")):
        return _Body(body[0], body[1], {}, body[2])
    raise _UnfitError("body", "expected a list of args, kwargs and options")


def _decoded(message: Mapping[str, Any], headers: Mapping[str, Any]) -> object:
    properties = message.get("properties") or {}
    if not isinstance(properties, Mapping):
        raise _UnfitError("properties", "expected an object")
    body, encoding = message.get("body"), properties.get("body_encoding")
    if not isinstance(body, str):
        raise _UnfitError("body", "missing, or not a text")
    if headers.get("compression"):
        raise _UnfitError("compression", "is not read here; send the body as it is")
    if message.get("content-type") != "application/json":
        raise _UnfitError("content-type", "expected application/json")
    if _lower(message.get("content-encoding")) not in _UTF8:
        raise _UnfitError("content-encoding", "expected utf-8")
    if _lower(encoding) not in ("base64", *_UTF8):
        raise _UnfitError("body_encoding", "expected base64")
    try:
        if _lower(encoding) == "base64":
            body = base64.b64decode(body)
        return loads(body)  # type: ignore[no-untyped-call]  # kombu has no types
    except Exception:  # noqa: BLE001  kombu makes objects of what it finds
        raise _UnfitError("body", "not JSON in the encoding that is named") from None


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _name(message_id: object, problems: list[Problem]) -> str:
    """Name a message by its id, if that is fit to be told."""
    fit = (
        isinstance(message_id, str)
        and 0 < len(message_id) <= LONGEST_ID
        and message_id.isprintable()
    )
    if fit and not looks_like_card_number(str(message_id)):
        return f"celery:{message_id}"
    expected = f"expected a text of 1 to {LONGEST_ID} printable characters"
    problems.append(Problem("id", "looks like a card number" if fit else expected))
    return f"celery:unnamed-{new_token()}"


def _shape_problems(about: Mapping[str, Any], body: _Body) -> list[Problem]:
    problems = []
    limits = about.get("timelimit")
    if limits is not None and not (
        isinstance(limits, list) and len(limits) == len("sh")
    ):
        problems.append(Problem("timelimit", "expected a list of two"))
    if body.args != []:
        problems.append(Problem("args", "give keyword arguments only"))
    if not isinstance(body.kwargs, Mapping):
        problems.append(Problem("kwargs", "expected an object"))
    after = body.afterwards
    if after is not None and not isinstance(after, Mapping):
        problems.append(Problem("body", "expected an object of options in third place"))
    elif after:
        advice = "is not done here; wait for the job's event"
        problems += [Problem(f, advice) for f in _AFTERWARDS if after.get(f)]
    return problems


def _operation(
    task: object, command: Mapping[str, Any], problems: list[Problem]
) -> dict[str, Any]:
    """Say which operation the task's name asks for; anything else is told."""
    operation = str(task).removeprefix(PRODUCER_TASK)
    if not isinstance(task, str) or not task:
        problems.append(Problem("task", "missing, or not a text"))
    elif operation not in OPERATIONS:
        known = ", ".join(PRODUCER_TASK + name for name in OPERATIONS)
        problems.append(Problem("task", f"unknown; known: {known}"))
    elif command.get("operation", operation) != operation:
        problems.append(
            Problem("operation", "is said by the task's name; leave it out")
        )
    else:
        return {"operation": operation}
    return {}


def _moments(
    about: Mapping[str, Any], command: Mapping[str, Any], problems: list[Problem]
) -> dict[str, Any]:
    """Turn Celery's moments into ours, unless the command has its own."""
    moments = {}
    for theirs, ours in _MOMENTS.items():
        if (text := about.get(theirs)) is None:
            continue
        try:
            moment = datetime.fromisoformat(text)
        except (TypeError, ValueError):
            advice = "expected a time like 2030-01-31T12:00:00Z"
            problems.append(Problem(theirs, advice))
            continue
        if command.get(ours) is None:
            zone = moment.tzinfo or UTC  # Celery's own reading of a time without one
            moments[ours] = moment.replace(tzinfo=zone)
    return moments
