"""Where the time goes: the store's CPU by script, a worker's by what it is spent in.

    python -m bench.where --markdown docs/performance.md

The scripts are called in pipelines on a store that does nothing else, and the server's
own CPU time is divided by the calls. The worker is run in this process, with a
profiler, on a batch against an API that answers after 0.05 s; profiled, everything
takes longer than it does, so only the shares mean something.

Exit status: 0 it was measured; 2 it did not work.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import pstats
import random
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import redis
import structlog
from pydantic import SecretStr

from bench import jobs_report
from bench.batch_drain import apply
from bench.batch_rows import rows
from bench.jobs_bytes import told
from bench.jobs_report import Marks
from bench.processes import helper
from config.settings import Settings
from customer_sources import CustomerSources, scripts
from customer_sources.contract.names import Keys
from sandbox.store import Store
from tasks.batches import Batches
from worker import scripting
from worker.accounts import Accounts
from worker.background import repeat
from worker.batch_ledger import BatchLedger
from worker.bulletin import Bulletin
from worker.clock import lease_clock
from worker.engine import Engine
from worker.gate import Gate
from worker.leases import Leases
from worker.ledger import Ledger
from worker.rates import Rates
from worker.sending import Sender
from worker.store import connect
from worker.stripe_api import StripeApi

MARKS = Marks("<!-- where: by `python -m bench.where` -->", "<!-- end of where -->")
CALLS, ROWS, PLACES, LOOKS = 5000, 4000, 171, 600
PARTS = (
    ("HTTP: aiohttp", r"aiohttp|multidict|yarl|frozenlist"),
    ("HTTP: httpx", r"httpx|httpcore|h11"),
    ("the store's driver", r"/redis/|hiredis"),
    ("asyncio", r"/asyncio/|selectors|select\.epoll|_asyncio|contextvars|socket"),
    ("ours: worker and tasks", r"/worker/|/tasks/"),
    ("ours: contract and client", r"customer_sources"),
    ("logging", r"structlog|/logging/"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and report; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench.where")
    parser.add_argument("--markdown", type=Path, metavar="PAGE")
    given = parser.parse_args(arguments)
    try:
        with Store.start() as store, redis.Redis.from_url(store.url) as admin:
            machine = jobs_report.here(told(admin))
            costs = list(_script_costs(admin))
        shares = _worker_shares()
    except (RuntimeError, OSError, redis.RedisError) as error:
        print(f"the run did not work: {error!r}", file=sys.stderr)
        return 2
    lines = [f"`python -m bench.where`: {machine}.", ""]
    lines += ["| script | the store's CPU a call |", "| --- | ---: |"]
    lines += [f"| {name} | {cost:.0f} µs |" for name, cost in costs]
    lines += ["", "| a worker's CPU on a row | share |", "| --- | ---: |"]
    lines += [f"| {name} | {share:.0%} |" for name, share in shares]
    section = "\n".join(lines)
    if given.markdown:
        jobs_report.write_section(given.markdown, section, MARKS)
    print(section)
    return 0


def _script_costs(admin: redis.Redis) -> Iterator[tuple[str, float]]:
    """Call each script of a job's fast path, for as many jobs."""
    texts = {"submit": scripts.load("submit")}
    texts |= {
        name: script.script
        for name, script in scripting.register(admin, ("claim", "commit")).items()
    }
    payload = '{"operation":"create"}'
    calls: dict[str, Callable[[int], list[Any]]] = {
        "submit": lambda n: [
            *("p:", f"job_{n}", "fp", "create", "keyed", "bulk", f"default:cus_{n}"),
            *("0", "0", "1", "0", payload, "queue", "", "", "", "", "default"),
        ],
        "claim": lambda n: [
            *("p:", f"job_{n}", f"t{n}", "boot", "8000", "1", "82800000"),
            *("86400000", "60000", "0"),
        ],
        "commit": lambda n: [
            *("p:", f"job_{n}", f"t{n}", "succeeded", "succeeded", "{}", "{}", "0"),
            *("86400000", "86400000", "100000", "0", "", "req_1"),
        ],
    }
    for name, arguments in calls.items():
        sha = admin.script_load(texts[name])
        before = _cpu(admin)
        for start in range(0, CALLS, 100):
            pipe = admin.pipeline(transaction=False)
            for n in range(start, start + 100):
                pipe.evalsha(str(sha), 0, *arguments(n))
            pipe.execute()
        yield name, (_cpu(admin) - before) / CALLS * 1e6


def _cpu(admin: redis.Redis) -> float:
    info: Any = admin.info("cpu")
    return float(info["used_cpu_user"]) + float(info["used_cpu_sys"])


def _worker_shares() -> list[tuple[str, float]]:
    """Run a batch under the profiler; add up what the time was spent in."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    with (
        tempfile.TemporaryFile("w+") as logs,
        Store.start() as store,
        helper("bench.bare_api", "0.05", logs=logs) as api,
    ):
        profile = asyncio.run(_profiled(store.url, api.said))
    spent = Counter[str]()
    for place, facts in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
        where = f"{place[0]} {place[2]}"
        if "epoll" in where:  # waiting, not working
            continue
        part = next((name for name, like in PARTS if re.search(like, where)), "other")
        spent[part] += facts[2]
    whole = sum(spent.values())
    return [(name, seconds / whole) for name, seconds in spent.most_common()]


async def _profiled(store_url: str, api_base: str) -> cProfile.Profile:
    """Be a worker without Celery for one batch."""
    settings = Settings(
        _env_file=None,  # type: ignore[call-arg]  # pydantic's own
        redis_url=store_url,
        stripe_api_key=SecretStr("sk_test_bare"),
        stripe_api_base=api_base,
        account_rate=10_000,
        operation_rate=10_000,
        in_flight=1000,
        concurrency=PLACES,
    )
    keys, client = Keys(settings.prefix), connect(store_url, 8)
    ledger = Ledger(client, keys, settings, "boot")
    rates, accounts = Rates(client, keys, settings), Accounts(settings)
    api = StripeApi(api_base=api_base, key="sk_test_bare", max_connections=PLACES)
    engine = Engine(
        ledger,
        Sender(ledger, rates, api, accounts.get),
        Leases(settings.lease_seconds, lease_clock),
        settings,
        clock=lease_clock,
        rng=random.Random(1),  # noqa: S311  jitter
    )
    gate = Gate(rates, engine, places=PLACES)
    batches = Batches(BatchLedger(client, keys, settings, "boot"))
    await Bulletin(accounts, rates, ledger).one_pass()
    with CustomerSources(store_url) as producer:
        batch = apply(producer, rows(ROWS, 1000), "where")
    loops = [
        asyncio.create_task(repeat(name, 0.05, one_pass, lambda: False))
        for name, one_pass in (("gate", gate.one_pass), ("batches", batches.one_pass))
    ]
    profile = cProfile.Profile()
    profile.enable()
    for _ in range(LOOKS):
        if int(await client.hget(keys.batch(batch), "succeeded") or 0) == ROWS:
            break
        await asyncio.sleep(0.1)
    profile.disable()
    for loop in loops:
        loop.cancel()
    with suppress(asyncio.CancelledError):
        await asyncio.gather(*loops)
    await api.aclose()
    await client.aclose()
    return profile


if __name__ == "__main__":
    sys.exit(main())
