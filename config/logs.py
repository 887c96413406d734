"""Logging: one shape for our lines, Celery's and everybody else's.

Event names are static words, facts are key-values. One canonical line tells each run
(`run`); other lines tell a change of the process itself. Levels: ERROR, a person must
act; WARNING, a person may want to know; INFO, the story; a declined card is INFO.
"""

from __future__ import annotations

import logging
import sys
from typing import Literal

import structlog

_QUIET = (
    "aiohttp",
    "asyncio",
    "celery.app.trace",
    "celery.pool",
    "celery.worker.strategy",
    "httpcore",
    "httpx",
    "kombu",
)
"""Their INFO lines repeat ours, and those of httpx quote the full URL; Celery's pool
quotes whole messages at DEBUG."""


def configure(*, form: Literal["json", "console"], level: str) -> None:
    """Set up structlog and the standard library's logging, to standard error."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: structlog.typing.Processor = structlog.processors.JSONRenderer()
    if form == "console":
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    quiet = max(logging.WARNING, root.level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(quiet)
