"""The Celery task. It says only "look at these jobs now"."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from celery import Celery

from customer_sources.contract.names import TASK


def register(app: Celery, run_all: Callable[[Sequence[str]], None]) -> None:
    """Register `jobs.run`, the only task name, with what runs jobs by their ids."""

    @app.task(name=TASK)  # type: ignore[untyped-decorator]  # Celery has no types
    def run(job_ids: list[str]) -> None:
        run_all(job_ids)
