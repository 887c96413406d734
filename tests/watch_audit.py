"""Reading the watches of a ledger: will somebody take the next turn of each?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import redis

from customer_sources.contract.names import Keys
from customer_sources.verifications.status import VerificationState


class Watches:
    """The watches of one ledger, as they are read.

    Args:
        db: with `decode_responses=True`.
        keys: the names.
        found: all keys, without the prefix.
    """

    def __init__(self, db: redis.Redis, keys: Keys, found: set[str]) -> None:
        self._attended = {str(one) for one in db.zrange(keys.watches, 0, -1)}
        self._live: set[str] = set()
        self._unkept: set[str] = set()
        for target in (n.removeprefix("watch:") for n in found if _is_record(n)):
            record: Any = db.hgetall(keys.watch(target))
            if record and not VerificationState(record["state"]).is_ended:
                self._live.add(target)
            elif record and db.pttl(keys.watch(target)) == -1:
                self._unkept.add(target)

    def problems(self) -> Iterator[str]:
        """Name what nobody would look after, or remove."""
        for target in self._live - self._attended:
            yield f"{target} is watched, and nobody takes its next turn"
        for target in self._attended - self._live:
            yield f"{target} is to be looked at, and nobody watches it"
        for target in self._unkept:
            yield f"the watch of {target} has ended and has no TTL"

    def owns(self, name: str) -> bool:
        """Whether a key belongs to a watch that lives, or is trimmed by age."""
        if name in {"watches", "watches:ended"}:
            return True
        return _is_record(name) and name.removeprefix("watch:") in self._live


def _is_record(name: str) -> bool:
    return name.startswith("watch:")
