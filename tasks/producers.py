"""Plain Celery producers: `app.send_task("sources.create", kwargs={...}, task_id=...)`.

For services that have Celery and not our SDK. The message's id is the idempotency key.
A command is under the promise from the moment at which a worker has submitted it;
until then it is a Celery message like any other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from celery import Celery

from customer_sources.contract.names import PRODUCER_TASK
from customer_sources.contract.operations import OPERATIONS

Accept = Callable[[dict[str, Any] | None, str], None]
"""Takes a command (None: it was not given by keywords) and the name of its message."""


def register(app: Celery, accept: Accept) -> None:
    """Register a task for each operation, with what submits and runs a command."""
    for operation in OPERATIONS:
        _register(app, operation, accept)


def _register(app: Celery, operation: str, accept: Accept) -> None:
    # Any arguments at all: bad ones become an event, not a traceback in a log.
    @app.task(name=PRODUCER_TASK + operation, bind=True, typing=False)  # type: ignore[untyped-decorator]  # Celery has no types
    def produce(self: Any, /, *args: Any, **kwargs: Any) -> None:
        command = None if args else {**kwargs, "operation": operation}
        accept(command, f"celery:{self.request.id}")
