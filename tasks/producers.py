"""Plain Celery producers: `app.send_task("sources.create", kwargs={...}, task_id=...)`.

For services that have Celery and not our SDK. The message's id is the idempotency key.
A command is under the promise from the moment at which a worker has submitted it;
until then it is a Celery message like any other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import structlog
from celery import Celery
from redis.exceptions import RedisError

from customer_sources.contract.errors import Problem
from tasks import messages
from worker.front_door import READ_TASK

log = structlog.get_logger("worker")

INSIST_SECONDS = 25.0
"""How long a message is offered to a store that is away: nobody else knows of it. Below
the longest life of a request, which a worker that stops waits for anyway."""
PAUSE_SECONDS = 0.5

Accept = Callable[[dict[str, Any], str], None]
"""Submits and runs a command. Takes it and the name of its message."""
Refuse = Callable[[Sequence[Problem], str, Mapping[str, Any]], None]
"""Tells why a message is no command. Takes the problems, the message's name, and the
command as far as it could be read."""


def register(app: Celery, accept: Accept, refuse: Refuse) -> None:
    """Register the task that reads what is not a wake-up.

    It has no name of Celery's protocol: the front door makes its messages, one for
    each foreign entry. What it logs says nothing of an entry's content.
    """

    @app.task(name=READ_TASK, shared=False)  # type: ignore[untyped-decorator]  # Celery has no types
    def read(entry: str, size: int) -> None:
        asked = messages.read(entry, size)
        if asked is None:
            log.warning("message_dropped", bytes=size)
        elif asked.problems:
            fields = [problem.field for problem in asked.problems]
            log.warning("message_refused", message=asked.name, fields=fields)
            _insist(
                partial(refuse, asked.problems, asked.name, asked.command), asked.name
            )
        else:
            _insist(partial(accept, asked.command, asked.name), asked.name)


def _insist(write: Callable[[], None], name: str) -> None:
    """Write to a store that may be away; a message written twice is the same job."""
    gives_up_at = time.monotonic() + INSIST_SECONDS
    while True:
        try:
            return write()
        except RedisError as error:
            if time.monotonic() >= gives_up_at:
                log.error("message_lost", message=name, error=str(error))  # noqa: TRY400  no bug of ours
                return None
        time.sleep(PAUSE_SECONDS)
