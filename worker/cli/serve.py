"""`sources worker`: the process that runs jobs."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from typing import Annotated, NoReturn

import redis
import structlog
import typer

from config import logs
from config.accounts import accounts_of
from config.settings import Settings
from customer_sources.store import connect
from worker.cli.exits import Exit
from worker.cli.say import complain, warn_of_live_key
from worker.store_checks import cannot_wait, unfit

log = structlog.get_logger("worker")

LOOK_AGAIN_SECONDS = 1.0
"""Between two tries to reach a store that is not there yet."""


def worker(
    with_parent: Annotated[
        bool,
        typer.Option(
            "--with-parent",
            hidden=True,
            help="Stop when standard input closes: whoever started this is gone.",
        ),
    ] = False,
) -> None:
    """Run a worker until SIGTERM, which finishes what is in flight.

    Everything is set by the environment: SOURCES_REDIS_URL, STRIPE_API_KEY (or
    SOURCES_ACCOUNTS_FILE, for many accounts) and more.

    Example: STRIPE_API_KEY=sk_test_123 sources worker
    """
    # Until Celery sets its own: as process 1 of a container nothing else would end
    # this, and elsewhere the default would end it with a signal instead of 0.
    for number in _STOPPING:
        signal.signal(number, _leave)
    # Only here, so that every other command starts without Celery and aiohttp.
    from worker import app as composition  # noqa: PLC0415

    settings = Settings()
    accounts = accounts_of(settings)
    if not accounts:
        complain(
            "STRIPE_API_KEY is not set, nor is SOURCES_ACCOUNTS_FILE",
            "set the one to a secret or restricted key, or the other to a file of "
            "accounts; to try things out without a key, use `sources dev`",
        )
        raise typer.Exit(Exit.CONFIG)
    if any(account.mode == "live" for account in accounts.values()):
        warn_of_live_key(settings.stripe_api_base)
    logs.configure(form=settings.log_format, level=settings.log_level)
    if with_parent:
        threading.Thread(target=_stop_with_parent, daemon=True).start()
    _wait_for_store(settings.redis_url, durable=settings.durability == "fsync")
    sys.exit(composition.serve(settings))


def _wait_for_store(url: str, *, durable: bool) -> None:
    """Wait until the store answers, and refuse one on which no worker may run.

    Raises:
        typer.Exit: it is no store for this, or refuses our password.
    """
    away = False
    with connect(url) as store:
        while True:
            try:
                info = store.info()
                problem = unfit(info) or (cannot_wait(info) if durable else None)
                break
            except redis.AuthenticationError as error:
                complain(f"the store refuses us: {error}", "see SOURCES_REDIS_URL")
                raise typer.Exit(Exit.CONFIG) from None
            except (redis.ConnectionError, redis.TimeoutError) as error:
                if not away:
                    log.warning("ledger_unavailable", loop="start", error=str(error))
                away = True
                time.sleep(LOOK_AGAIN_SECONDS)
            except redis.RedisError as error:  # INFO is refused, which proves nothing
                log.warning("store_not_checked", error=str(error))
                problem = None
                break
    if problem is not None:
        complain(f"no worker can run on this store: {problem.says}", problem.fix)
        raise typer.Exit(Exit.CONFIG)


_STOPPING = (signal.SIGTERM, signal.SIGINT)


def _leave(*_: object) -> NoReturn:
    sys.exit(Exit.OK)


def _stop_with_parent() -> None:
    """Wait for the end of standard input, then ask this process to stop."""
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
