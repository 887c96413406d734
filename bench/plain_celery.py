"""What most would write instead: a Celery task that posts, on a pool of threads.

    python -m bench.plain_celery shared|thread STORE API THREADS

`shared`: one httpx client for all threads, as its documentation advises; `thread`: one
for each. No job record, no order, no retries, no events: a task that is lost is lost.
"""

from __future__ import annotations

import sys
import threading
import uuid
from typing import Any

import celery.signals
import httpx
from celery import Celery

from bench.orphans import end_with_parent

TASK = "plain.create"
PREFIX = "plain:"


def app(store_url: str) -> Celery:
    """Configure Celery for speed, as far as settings go."""
    made = Celery("plain", broker=store_url, set_as_current=False)
    made.conf.update(
        broker_connection_retry_on_startup=True,
        broker_transport_options={
            "global_keyprefix": PREFIX,
            "priority_steps": [0],
        },
        task_ignore_result=True,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
    )
    return made


def send(publisher: Celery, count: int) -> None:
    """Send so many tasks, one by one."""
    for number in range(count):
        arguments = {"customer": f"cus_{number}", "source": "tok_visa"}
        publisher.send_task(TASK, kwargs=arguments)


def serve(kind: str, store_url: str, api_base: str, threads: int) -> None:
    """Run a worker until SIGTERM."""
    verify = httpx.create_ssl_context(trust_env=False)
    limits = httpx.Limits(max_connections=threads, max_keepalive_connections=threads)

    def new_client() -> httpx.Client:
        return httpx.Client(
            base_url=api_base, limits=limits, timeout=30, verify=verify, trust_env=False
        )

    shared, own = new_client(), threading.local()

    def client() -> httpx.Client:
        if kind == "shared":
            return shared
        if not hasattr(own, "client"):
            own.client = new_client()
        return own.client  # type: ignore[no-any-return]

    plain = app(store_url)

    @plain.task(name=TASK)  # type: ignore[untyped-decorator]  # Celery has no types
    def create(customer: str, source: str) -> None:
        answer = client().post(
            f"/v1/customers/{customer}/sources",
            data={"source": source},
            headers={
                "Authorization": "Bearer sk_test_plain",
                "Idempotency-Key": str(uuid.uuid4()),
            },
        )
        answer.raise_for_status().json()

    def ready(**_: Any) -> None:
        print("ready", flush=True)

    celery.signals.worker_ready.connect(ready, weak=False)
    plain.Worker(
        pool="threads",
        concurrency=threads,
        loglevel="WARNING",
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        quiet=True,
    ).start()


if __name__ == "__main__":
    end_with_parent()
    kind, store_url, api_base, threads = sys.argv[1:]
    serve(kind, store_url, api_base, int(threads))
