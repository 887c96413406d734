"""The Celery task. It says only "look at these jobs now"."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from celery import Celery

from customer_sources.contract.envelope import MOST_IDS
from customer_sources.contract.ids import is_job_id
from customer_sources.contract.names import TASK


def register(app: Celery, run_all: Callable[[Sequence[str]], None]) -> None:
    """Register `jobs.run`, the only task name, with what runs jobs by their ids."""

    @app.task(name=TASK, shared=False)  # type: ignore[untyped-decorator]  # Celery has no types
    def run(job_ids: list[str]) -> None:
        run_all(fit(job_ids))


def fit(job_ids: Sequence[str]) -> list[str]:
    """Take what can be ids, each once, and no more than a message of ours would name.

    Leaving one out costs time only: every live job has a wake-up in the ledger.
    """
    return list(dict.fromkeys(filter(is_job_id, job_ids)))[:MOST_IDS]
