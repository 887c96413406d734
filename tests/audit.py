"""Reading a whole ledger and saying what is wrong with it.

`leaks` runs after every test that touches the store. It holds, for whatever the test
left behind: every live job will be looked at again by somebody (invariant 1 of
docs/ledger.md), every key belongs to a live job, has a TTL, or is one of the few that
stay.
"""

from __future__ import annotations

from collections.abc import Iterator

import redis

from customer_sources.contract.names import DEFAULT_ACCOUNT, Class, Keys
from customer_sources.contract.states import TERMINAL, State
from tests.batch_audit import Batches
from tests.watch_audit import Watches

STAYS = ("accounts", "events", "meta", "pulse", "review", "sweep", "sweep:slots")
"""What is documented to stay; docs/ledger.md says for how long."""
LOOKED_AT = ("gates", "wake", "sources.interactive", "sources.bulk")
"""What workers look at, and empty."""


def leaks(db: redis.Redis, keys: Keys) -> list[str]:
    """Name everything in this ledger that nobody would ever look at or remove."""
    return list(_Audit(db, keys).problems())


class _Audit:
    """One ledger, as it is read."""

    def __init__(self, db: redis.Redis, keys: Keys) -> None:
        self._db, self._keys = db, keys
        found = db.scan_iter(f"{keys.prefix}*")
        self._found = {key.removeprefix(keys.prefix) for key in found}
        self._lanes, self._lines = self._all("lane:"), self._all("waiting:")
        self._gates = set(self._members("gates"))
        self._woken = {
            member.removeprefix("j:")
            for job_class in Class
            for member in self._members(f"wake:{job_class}")
        }
        self._live = dict(self._live_jobs())
        self._batches = Batches(db, keys, self._found)
        self._watches = Watches(db, keys, self._found)

    def problems(self) -> Iterator[str]:
        for name in self._found:
            job_id = name.removeprefix("job:")
            ended = self._is_job(name) and job_id not in self._live
            if ended and self._db.ttl(self._keys.job(job_id)) < 0:
                yield f"{name} has ended and has no TTL"
            if not self._is_owned(name):
                yield f"{name} would stay for ever"
        for job_id, record in self._live.items():
            if not self._is_looked_after(job_id, record):
                yield f"{job_id} is {record['state']} and nobody will look at it again"
        for lane in self._record("urgent"):
            if f"lane:{lane}" not in self._lanes:
                yield f"lane {lane} is urgent, and empty"
        for job_id in set(self._members("undecided")) - self._live.keys():
            yield f"{job_id} is undecided, and has ended"
        yield from self._batches.problems()
        yield from self._watches.problems()

    def _is_looked_after(self, job_id: str, record: dict[str, str]) -> bool:
        """Whether somebody will look at a live job, or at the one it stands behind."""
        if self._waits(job_id, record):
            return True
        lane = self._lanes.get(f"lane:{record['lane']}", [])
        if job_id not in lane[1:]:
            return False
        return self._waits(lane[0], self._live.get(lane[0], {}))

    def _waits(self, job_id: str, record: dict[str, str]) -> bool:
        """Whether somebody will come to a job itself."""
        if job_id in self._woken or self._is_in_line(job_id, record):
            return True
        return self._batches.keeps(job_id, record)

    def _is_in_line(self, job_id: str, record: dict[str, str]) -> bool:
        """Whether it stands in a line for a permit at which somebody looks."""
        if record.get("line") != "1":
            return False
        gate = f"{record.get('acct', DEFAULT_ACCOUNT)}|{record['op']}"
        line = f"waiting:{gate.replace('|', ':')}:{record['class']}"
        return gate in self._gates and job_id in self._lines.get(line, [])

    def _is_owned(self, name: str) -> bool:
        """Whether somebody will remove this key, or it is one that stays."""
        kind, _, rest = name.partition(":")
        return (
            name in STAYS
            or kind.startswith("_kombu.binding")
            or kind in {"account", "urgent", "undecided", *LOOKED_AT}
            or (name == "inbox" and self._db.xlen(self._keys.inbox) == 0)
            or (kind == "job" and rest.partition(":")[0] in self._live)
            or (kind == "lane" and set(self._lanes[name]) <= self._live.keys())
            or (kind == "waiting" and self._is_emptied(name))
            or self._batches.owns(name)
            or self._watches.owns(name)
            or self._db.pttl(self._keys.prefix + name) != -1  # -2: it has just expired
        )

    def _is_emptied(self, line: str) -> bool:
        """Whether a line holds live jobs alone, or somebody removes the others."""
        _, account, operation, _ = line.split(":")
        gate = f"{account}|{operation}"
        return gate in self._gates or set(self._lines[line]) <= self._live.keys()

    def _live_jobs(self) -> Iterator[tuple[str, dict[str, str]]]:
        for name in filter(self._is_job, self._found):
            record = self._record(name)
            if State(record["state"]) not in TERMINAL:
                yield name.removeprefix("job:"), record

    def _is_job(self, name: str) -> bool:
        """Whether this is a job's record, and one that can be read."""
        kind, _, rest = name.partition(":")
        if kind != "job" or ":" in rest:
            return False
        return bool(self._db.type(self._keys.prefix + name) == "hash")

    def _all(self, start: str) -> dict[str, list[str]]:
        """All sorted sets that are called so."""
        names = [name for name in self._found if name.startswith(start)]
        return {name: self._members(name) for name in names}

    def _members(self, name: str) -> list[str]:
        return [str(one) for one in self._db.zrange(self._keys.prefix + name, 0, -1)]

    def _record(self, name: str) -> dict[str, str]:
        found = self._db.hgetall(self._keys.prefix + name)
        return {str(field): str(value) for field, value in found.items()}
