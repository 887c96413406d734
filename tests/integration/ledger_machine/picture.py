"""All keys of one ledger at one moment: to look at, to compare, to go back to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import redis

from customer_sources.contract.names import DEFAULT_ACCOUNT, Class, Keys

UNNOTICED = "another"
"""What the ledger remembers of a server that is no more, until somebody looks."""

_LOOK = """
local seen = {}
for _, key in ipairs(redis.call('KEYS', ARGV[1] .. '*')) do
  local kind, value = redis.call('TYPE', key).ok, nil
  if kind == 'hash' then value = redis.call('HGETALL', key)
  elseif kind == 'zset' then value = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
  elseif kind == 'set' then value = redis.call('SMEMBERS', key)
  elseif kind == 'list' then value = redis.call('LRANGE', key, 0, -1)
  elseif kind == 'stream' then value = redis.call('XRANGE', key, '-', '+')
  else value = redis.call('GET', key) end
  seen[#seen + 1] = {key, kind, value, redis.call('PTTL', key)}
end
return seen
"""
_AGE = """
for _, key in ipairs(redis.call('KEYS', ARGV[1] .. '*')) do
  local left = redis.call('PTTL', key)
  -- A time not after now removes the key.
  if left >= 0 then redis.call('PEXPIRE', key, left - ARGV[2]) end
end
"""


class Picture:
    """A ledger at one moment. Answers the reading commands that the audit uses."""

    def __init__(self, keys: Keys, rows: list[Any]) -> None:
        self.keys = keys
        self._kinds = {key: kind for key, kind, _, _ in rows}
        self._left = {key: left for key, _, _, left in rows}
        self.content = {key: _readable(kind, value) for key, kind, value, _ in rows}

    def scan_iter(self, pattern: str) -> Iterator[str]:
        prefix = pattern.removesuffix("*")
        return (key for key in self.content if key.startswith(prefix))

    def zrange(self, key: str, _start: int, _end: int) -> list[str]:
        return list(self.content.get(key, {}))

    def zcard(self, key: str) -> int:
        return len(self.content.get(key, {}))

    def zscore(self, key: str, member: str) -> float | None:
        scores: dict[str, float] = self.content.get(key, {})
        return scores.get(member)

    def smembers(self, key: str) -> set[str]:
        return set(self.content.get(key, ()))

    def type(self, key: str) -> str:
        return str(self._kinds[key])

    def hgetall(self, key: str) -> dict[str, str]:
        return dict(self.content.get(key, {}))

    def pttl(self, key: str) -> int:
        return int(self._left.get(key, -2))

    def ttl(self, key: str) -> int:
        return max(self.pttl(key), -2) if self.pttl(key) < 0 else self.pttl(key) // 1000

    def xlen(self, key: str) -> int:
        return len(self.content[key])

    def record(self, job_id: str) -> dict[str, str]:
        """A job's record; empty where there is none."""
        found: dict[str, str] = self.content.get(self.keys.job(job_id), {})
        return found

    def is_in_review(self, job_id: str) -> bool:
        """Whether a person may settle it, or has."""
        return "review" in self.record(job_id)

    def lanes(self) -> dict[str, list[str]]:
        """The jobs of each lane, in order."""
        return {lane: list(value) for lane, value in self._all("lane:").items()}

    def wakes(self) -> dict[str, float]:
        """When each job will be looked at."""
        return {
            member.removeprefix("j:"): score
            for one in Class
            for member, score in self.content.get(self.keys.wake(one), {}).items()
        }

    def lines(self) -> dict[str, dict[str, float]]:
        """Who stands in line for `{account}:{op}:{class}`, and since when."""
        return self._all("waiting:")

    def gates(self) -> dict[str, float]:
        """When somebody will look at the lines of `{account}|{op}`."""
        return dict(self.content.get(self.keys.gates, {}))

    def account(self) -> dict[str, str]:
        """What is known of the account; empty where nobody has said anything."""
        return dict(self.content.get(self.keys.account(DEFAULT_ACCOUNT), {}))

    def in_flight(self, now: int) -> int:
        """How many requests of the account may be in flight."""
        flights = self.content.get(self.keys.flight(DEFAULT_ACCOUNT), {})
        return sum(until > now for until in flights.values())

    def events(self) -> list[dict[str, Any]]:
        """What was told, in order."""
        told = self.content.get(self.keys.events, [])
        return [json.loads(fields[1]) for _, fields in told]

    @property
    def is_noticed(self) -> bool:
        """Whether somebody has noticed which server this is."""
        meta: dict[str, str] = self.content[self.keys.meta]
        return meta.get("server") != UNNOTICED

    @property
    def clock(self) -> int:
        """The last mark of the ledger's clock."""
        meta: dict[str, str] = self.content.get(self.keys.meta, {})
        return int(meta.get("clock", 0))

    def alive_until(self, boot: str) -> float:
        """Until when a worker says that it lives; 0 where it says nothing."""
        alive: dict[str, float] = self.content.get(self.keys.workers, {})
        return alive.get(boot, 0)

    def _all(self, kind: str) -> dict[str, Any]:
        """All keys of a kind, by the rest of their names."""
        start = f"{self.keys.prefix}{kind}"
        return {
            key.removeprefix(start): value
            for key, value in self.content.items()
            if key.startswith(start)
        }

    def lasting(self) -> dict[str, Any]:
        """Everything but `meta`: the time, and which server it is, any may note."""
        return {k: v for k, v in self.content.items() if k != self.keys.meta}


class Album:
    """Takes pictures of one ledger, and puts an old one back."""

    def __init__(self, db: redis.Redis, keys: Keys) -> None:
        self._db, self._keys = db, keys

    def look(self) -> Picture:
        return Picture(self._keys, self._db.eval(_LOOK, 0, self._keys.prefix))

    def go_back(self, picture: Picture, passed_ms: int) -> None:
        """Be as the picture shows, but for what has expired since it was taken."""
        with self._db.pipeline(transaction=True) as pipe:
            for key in self._db.scan_iter(f"{self._keys.prefix}*", count=1000):
                pipe.delete(key)
            for key, value in picture.content.items():
                left = picture.pttl(key)
                if left < 0 or left > passed_ms:
                    _write(pipe, picture.type(key), key, value)
                    if left > 0:
                        pipe.pexpire(key, left - passed_ms)
            pipe.execute()

    def age(self, ms: int) -> None:
        """Let every TTL run down, as time would."""
        self._db.eval(_AGE, 0, self._keys.prefix, ms)


def _write(pipe: Any, kind: str, key: str, value: Any) -> None:
    if kind == "hash":
        pipe.hset(key, mapping=value)
    elif kind == "zset":
        pipe.zadd(key, value)
    elif kind == "set":
        pipe.sadd(key, *value)
    elif kind == "list":
        pipe.rpush(key, *value)
    elif kind == "stream":
        for entry, fields in value:
            pipe.xadd(key, dict([fields]), id=entry)
    else:
        pipe.set(key, value)


def _readable(kind: str, value: Any) -> Any:
    if kind == "hash":
        return dict(zip(value[::2], value[1::2], strict=True))
    if kind == "zset":
        scores = map(float, value[1::2])
        return dict(zip(value[::2], scores, strict=True))
    return value
