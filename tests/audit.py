"""Reading a whole ledger and saying what is wrong with it.

`leaks` runs after every test that touches the store. It holds, for whatever the test
left behind: every live job will be looked at again by somebody (invariant 1 of
docs/ledger.md), every key belongs to a live job, has a TTL, or is one of the few that
stay.
"""

from __future__ import annotations

import redis

from customer_sources.contract.names import Class, Keys
from customer_sources.contract.states import TERMINAL, State

STAYS = ("events", "meta", "pulse", "review")
"""What is documented to stay; docs/ledger.md says for how long."""


def leaks(db: redis.Redis, keys: Keys) -> list[str]:
    """Name everything in this ledger that nobody would ever look at or remove."""
    found = {key.removeprefix(keys.prefix) for key in db.scan_iter(f"{keys.prefix}*")}
    lanes = {name: _lane(db, keys, name) for name in found if name.startswith("lane:")}
    woken = {
        member.removeprefix("j:")
        for job_class in Class
        for member in db.zrange(keys.wake(job_class), 0, -1)
    }
    live, problems = set(), []
    for name in found:
        kind, _, rest = name.partition(":")
        if kind == "job" and ":" not in rest and db.type(keys.job(rest)) == "hash":
            record = db.hgetall(keys.job(rest))
            if State(record["state"]) not in TERMINAL:
                live.add(rest)
                problems += _orphaned(rest, record, lanes, woken)
            elif db.ttl(keys.job(rest)) < 0:
                problems.append(f"{name} has ended and has no TTL")
    for name in found:
        problems += _unowned(db, keys, name, live)
    return problems


def _lane(db: redis.Redis, keys: Keys, name: str) -> list[str]:
    return db.zrange(keys.prefix + name, 0, -1)


def _orphaned(
    job_id: str, record: dict[str, str], lanes: dict[str, list[str]], woken: set[str]
) -> list[str]:
    """A live job must have a wake-up, or stand behind a live head that has one."""
    if job_id in woken:
        return []
    line = lanes.get(f"lane:{record['lane']}", [])
    if job_id in line[1:] and line[0] in woken:
        return []
    return [f"{job_id} is {record['state']} and nobody will look at it again"]


def _unowned(db: redis.Redis, keys: Keys, name: str, live: set[str]) -> list[str]:
    kind, _, rest = name.partition(":")
    owned = (
        name in STAYS
        or kind.startswith("_kombu.binding")
        or (name == "inbox" and db.xlen(keys.inbox) == 0)
        or kind in {"wake", "sources.interactive", "sources.bulk"}
        or (kind == "job" and rest.partition(":")[0] in live)
        or (kind == "lane" and set(db.zrange(keys.prefix + name, 0, -1)) <= live)
        or db.pttl(keys.prefix + name) != -1  # -2: it has just expired
    )
    return [] if owned else [f"{name} would stay for ever"]
