"""`sources doctor`: is all well here, and if not, what mends it?"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from typing import Any

import redis
import typer
from pydantic import ValidationError
from redis.exceptions import AuthenticationError, RedisError, ResponseError
from rich.text import Text

from config import problems
from config.accounts import AccountsInvalid, accounts_of
from config.masks import mask_url
from config.settings import Settings
from customer_sources.contract.names import (
    BULK_QUEUE,
    INTERACTIVE_QUEUE,
    PREFIX,
    Class,
    Keys,
)
from customer_sources.store import connect
from worker.cli.exits import Exit
from worker.cli.say import out, print_json
from worker.cli.tell import Out, Output, Prefix, Url
from worker.doctor import (
    LATE_MS,
    PRIORITY_STEPS,
    Ledger,
    accounts_finding,
    key_finding,
    ledger_findings,
    name_findings,
)
from worker.findings import Finding, Level, fail, ok
from worker.store_checks import cannot_wait, store_findings

COLOURS = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "bold red"}


def doctor(
    output: Out = Output.TEXT, redis_url: Url = None, prefix: Prefix = PREFIX
) -> None:
    """Check settings, key, store and workers: a line for each check, with its fix.

    It looks from here, with this environment, and changes nothing. It ends with exit
    code 1 where a check failed, and with 0 otherwise: a warning is no failure.

    Example: sources doctor
    """
    findings = list(examine(redis_url, prefix))
    failed = any(finding.level is Level.FAIL for finding in findings)
    if output is Output.JSON:
        print_json({"ok": not failed, "checks": findings})
    else:
        for finding in findings:
            out.print(_line(finding), soft_wrap=True)
    raise typer.Exit(Exit.FAILED if failed else Exit.OK)


def examine(redis_url: str | None, prefix: str) -> Iterator[Finding]:
    """Make every check whose ground the ones before it have not taken away.

    Args:
        redis_url: the store; None takes the settings'.
        prefix: of its keys.
    """
    given: dict[str, Any] = {"prefix": prefix}
    if redis_url is not None:
        given["redis_url"] = redis_url
    try:
        settings = Settings(**given)
    except ValidationError as error:
        for line in problems.lines(error, Settings.variables()):
            yield fail("settings", line, "docs/configuration.md says what fits")
        return
    known = Settings.variables().values()
    slips = name_findings(os.environ, known)
    yield from slips or [ok("settings", f"{len(known)} settings, none of them wrong")]
    key = settings.stripe_api_key.get_secret_value()
    if key or settings.accounts_file is None:
        yield key_finding(key, mask_url(settings.stripe_api_base))
    if settings.accounts_file is not None:
        yield from _accounts(settings)
    with connect(settings.redis_url) as store:
        yield from _store(store, settings)


def _accounts(settings: Settings) -> Iterator[Finding]:
    """Read the file of accounts as a worker would; what is wrong has its fix in it."""
    try:
        accounts = accounts_of(settings)
    except AccountsInvalid as error:
        for problem in error.problems:
            yield fail("accounts", problem, "docs/configuration.md says what fits")
        return
    modes = {name: account.mode for name, account in accounts.items()}
    yield accounts_finding(modes, mask_url(settings.stripe_api_base))


def _store(store: redis.Redis, settings: Settings) -> Iterator[Finding]:
    address = mask_url(settings.redis_url)
    started = time.monotonic()
    try:
        store.ping()
        took = (time.monotonic() - started) * 1000
        info = _info(store)
        judged = [*store_findings(info, _fsync(store))]
        if settings.durability == "fsync" and info and (no := cannot_wait(info)):
            judged.append(no)
    except AuthenticationError as error:
        fix = "see user and password in SOURCES_REDIS_URL"
        yield fail("store", f"{address} refuses us: {error}", fix)
        return
    except RedisError as error:
        fix = "is SOURCES_REDIS_URL right, and the store running?"
        yield fail("store", f"{address} does not answer: {error}", fix)
        return
    yield ok("store", f"{address} answers in {took:.1f} ms")
    yield from judged
    if any(one.check == "version" and one.level is Level.FAIL for one in judged):
        return
    try:
        ledger = _ledger(store, Keys(settings.prefix))
    except RedisError as error:
        fix = "is SOURCES_PREFIX right, and may this user read its keys?"
        yield fail("ledger", f"it cannot be read: {error}", fix)
        return
    yield from ledger_findings(ledger, settings.outage_ms)


def _info(store: redis.Redis) -> Mapping[str, Any] | None:
    try:
        info: Mapping[str, Any] = store.info()
    except ResponseError:  # the user may not, or the command is disabled
        return None
    return info


def _fsync(store: redis.Redis) -> str | None:
    """Ask how often the append-only file is synced; None: CONFIG is refused."""
    try:
        config: Mapping[Any, Any] = store.config_get("appendfsync")
    except ResponseError:
        return None
    fsync: str | None = config.get("appendfsync")
    return fsync


def _ledger(store: redis.Redis, keys: Keys) -> Ledger:
    """Read all counts in one round trip; none of them costs more in a large ledger."""
    before = time.time()
    seconds, micros = store.time()
    here_ms = round((before + time.time()) / 2 * 1000)  # half way there and back
    store_ms = seconds * 1000 + micros // 1000
    queues = (INTERACTIVE_QUEUE, BULK_QUEUE)
    astray = [q + step for q in queues for step in PRIORITY_STEPS]
    with store.pipeline(transaction=False) as pipe:
        pipe.hmget(keys.meta, "clock", "mode")
        pipe.get(keys.pulse)
        pipe.zcount(keys.workers, f"({store_ms}", "+inf")
        pipe.zcard(keys.review)
        pipe.llen(keys.poison)
        for queue in (*queues, *astray):
            pipe.llen(keys.queue(queue))
        for name in Class:
            pipe.zcard(keys.wake(name))
            pipe.zcount(keys.wake(name), "-inf", store_ms - LATE_MS)
        (mark, mode), pulse, workers, review, poison, *counts = pipe.execute()
    strays = counts[len(queues) : len(queues) + len(astray)]
    wakes = counts[len(queues) + len(astray) :]
    return Ledger(
        store_ms=store_ms,
        here_ms=here_ms,
        mark_ms=int(mark or 0),
        pulse_ms=int(pulse or 0),
        workers=workers,
        live=mode == "live",
        queues=dict(zip(queues, counts, strict=False)),
        astray=sum(strays),
        wakeups=sum(wakes[::2]),
        late=sum(wakes[1::2]),
        review=review,
        poison=poison,
    )


def _line(finding: Finding) -> Text:
    text = f"{finding.check:<12} {finding.says}"
    text += f"; fix: {finding.fix}" if finding.fix else ""
    return Text.assemble((f"{finding.level:<5}", COLOURS[finding.level]), text)
