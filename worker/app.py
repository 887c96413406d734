"""The composition root: the one module that knows everybody.

Celery spreads wake-ups over processes and threads, and nothing else: it keeps no
state, delivers no promise and sees no payload. Messages are acknowledged early and
one at a time; losing one is harmless. The settings that matter say why beside them.
"""

from __future__ import annotations

import logging
import signal
import warnings
from typing import Any

import celery.signals
import structlog
from celery import Celery, bootsteps
from celery.exceptions import CPendingDeprecationWarning, SecurityWarning
from celery.worker.consumer.consumer import RestartFreqExceeded
from kombu import Queue  # type: ignore[attr-defined]  # neither has kombu

from config.settings import Settings
from customer_sources.contract.names import BULK_QUEUE, INTERACTIVE_QUEUE
from tasks import jobs, producers
from tasks.batches import Batches
from tasks.inbox import Inbox
from tasks.sweeps import Sweeps
from tasks.upkeep import Upkeep
from tasks.verifications import Verifications
from worker.runtime import Runtime
from worker.slots import rule_in
from worker.watching import planner

log = structlog.get_logger("worker")

POKE_SECONDS = 0.02
"""With prefetch off and early acknowledgement nothing wakes Celery's loop when a
thread gets free: without this a worker of ten threads did 11 tasks a second, with it
162 (Celery 5.7, measured)."""


class Poke(bootsteps.Step):  # type: ignore[misc]  # Celery has no types
    """Wake Celery's loop often enough that free threads are noticed."""

    requires = {"celery.worker.components:Timer"}  # noqa: RUF012  Celery's protocol

    def create(self, worker: Any) -> None:
        """Celery calls this once, when the worker's timer is there."""
        worker.timer.call_repeatedly(POKE_SECONDS, _nothing)


def _nothing() -> None:
    """Be called; the loop has turned once."""


def build(settings: Settings) -> tuple[Celery, Runtime]:
    """Wire a worker together. Nothing runs and nothing is connected yet."""
    runtime = Runtime(
        settings,
        upkeep=lambda ledger: Upkeep(ledger).one_pass,
        inbox=lambda client, keys, intake: Inbox(client, keys, intake).one_pass,
        batches=lambda ledger: Batches(ledger).one_pass,
        sweeps=lambda sweeping: Sweeps(sweeping, rule_in(settings)).one_pass,
        verifications=lambda led: Verifications(led, planner(settings)).one_pass,
    )
    app = Celery("customer-sources", set_as_current=False)
    app.conf.update(_celery_settings(settings))
    app.steps["worker"].add(Poke)
    jobs.register(app, runtime.run_all)
    producers.register(app, runtime.accept, runtime.refuse)
    return app, runtime


def serve(settings: Settings) -> int:
    """Run a worker until SIGTERM or SIGINT; returns the exit code.

    Both start nothing new and finish what is in flight: at most the longest
    life of one request, because back-off is left to a wake-up.
    """
    app, runtime = build(settings)
    # Celery must not set up logging: one shape for all lines is ours already.
    celery.signals.setup_logging.connect(_leave_logging_alone)

    def ready(**_: Any) -> None:
        _ready(runtime.boot)

    celery.signals.worker_ready.connect(ready, weak=False)

    def drain(**_: Any) -> None:
        runtime.drain()

    celery.signals.worker_shutting_down.connect(drain, weak=False)
    # It warns of pickle under root; only JSON is accepted here.
    warnings.simplefilter("ignore", SecurityWarning)
    logging.getLogger("celery.worker.consumer.consumer").addFilter(_in_words)
    runtime.start()
    try:
        worker = app.Worker(
            pool="threads",
            concurrency=settings.concurrency,
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
            quiet=True,
        )
        worker.start()
        return int(worker.exitcode or 0)
    finally:
        runtime.stop()
        log.info("worker_stopped", boot=runtime.boot)


def _leave_logging_alone(**_: Any) -> None:
    """Exist: Celery sets up logging only where nobody listens to this signal."""


def _in_words(record: logging.LogRecord) -> bool:
    """Take the traceback off Celery's line about a store that is away: it is no bug."""
    if record.exc_info and isinstance(record.exc_info[1], RestartFreqExceeded):
        record.exc_info = None
    return True


def _ready(boot: str) -> None:
    # Celery's own answer to Ctrl-C exits with 1, and to a second one drops what is in
    # flight. Here both are SIGTERM.
    # SIGQUIT asks Celery's thread pool for something that it does not have.
    for number in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.getsignal(signal.SIGTERM))
    # Celery turns it on, and warns at each lost connection of a setting that is set.
    warnings.simplefilter("ignore", CPendingDeprecationWarning)
    log.info("worker_ready", boot=boot)


def _celery_settings(settings: Settings) -> dict[str, Any]:
    return {
        "broker_url": settings.redis_url,
        "broker_transport": "worker.front_door:Transport",
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,  # an outage of any length ends
        "broker_channel_error_retry": True,  # READONLY during a failover
        "broker_transport_options": _transport_options(settings),
        "result_backend": None,
        "task_ignore_result": True,
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_queues": [
            Queue(name)  # type: ignore[no-untyped-call]
            for name in (INTERACTIVE_QUEUE, BULK_QUEUE)
        ],
        "task_default_queue": INTERACTIVE_QUEUE,
        "task_create_missing_queues": False,
        # Recovery is ours, by wake-ups. With nothing ever unacknowledged, the paths
        # by which Celery 5.7 dies on a Redis restart cannot be reached.
        "task_acks_late": False,
        "worker_prefetch_multiplier": 1,
        "worker_disable_prefetch": True,
        "worker_disable_rate_limits": True,
        "worker_enable_remote_control": False,
        "worker_send_task_events": False,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
    }


def _transport_options(settings: Settings) -> dict[str, Any]:
    return {
        "global_keyprefix": settings.prefix,
        "priority_steps": [0],  # one key a queue: BRPOP's cost is its keys
        "queue_order_strategy": "round_robin",
        "socket_timeout": 5,  # above BRPOP's second; who stops may wait it out
        "socket_connect_timeout": 3,
        "socket_keepalive": True,
        # A connection that silently died is given up after twice this.
        "health_check_interval": 3,
        # Notes in the store of what was read would be refused by a full one, and
        # repeat what needs no repeating.
        "ack_emulation": False,
    }
