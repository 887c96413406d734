"""What accounts may send: permits, halvings, suspensions. The rules are in worker/lua.

A job's first permit comes with its claim, a further request's with `Ledger.send`. Here
is what remains: granting permits to those in line, and what answers say of the rates.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import redis.asyncio

from config.accounts import Account
from config.settings import Settings
from customer_sources.contract.ids import new_token
from customer_sources.contract.names import Keys
from customer_sources.contract.notices import account_event
from worker import scripting
from worker.feedback import Slow

SCRIPTS = ("announce_account", "grant", "resume", "slow", "suspend")


class Granted(NamedTuple):
    """Who may go, and when to look again."""

    ids: Sequence[str]
    again_ms: int | None
    """None: nobody stands in line."""


class Rates:
    """The scripts on accounts, for one worker process.

    Args:
        client: with `decode_responses=True`.
        keys: the names.
        settings: the length of the event stream, the longest life of a request.
    """

    def __init__(
        self, client: redis.asyncio.Redis, keys: Keys, settings: Settings
    ) -> None:
        self._prefix = keys.prefix
        self._settings = settings
        self._scripts = scripting.register(client, SCRIPTS)

    async def grant(self, room: int, lower: int) -> Granted:
        """Give permits to those in line.

        Args:
            room: how many jobs can be run at once.
            lower: how many of them may be of the lower classes.
        """
        again, *ids = await self._call("grant", room, lower)
        return Granted(ids, None if int(again) < 0 else int(again))

    async def slow(self, account: str, slow: Slow, age: float) -> bool:
        """Halve a rate or a bound. False: it was, since that request left.

        Args:
            account: whose.
            slow: what of it.
            age: seconds since the request left whose answer asks for it.
        """
        ms = round(age * 1000)
        reply = await self._call(
            "slow", account, slow.operation, slow.what, slow.why, ms, new_token()
        )
        return bool(reply[0] == "SLOWED")

    async def suspend(
        self, account: str, key_id: str, refused: str, operation: str
    ) -> str:
        """Suspend an account whose key was refused.

        Returns:
            SUSPENDED, ALREADY or OTHER_KEY (workers have a newer one).
        """
        facts = {"refused": refused, "operation": operation, "key": key_id}
        event = _event(account, "suspended", facts)
        cap = self._settings.events_hard_cap
        reply = await self._call(
            "suspend", account, key_id, refused, operation, event, cap
        )
        return str(reply[0])

    async def resume(self, account: str, why: str) -> str:
        """End a suspension. Returns RESUMED, NOT_SUSPENDED or MISSING."""
        event = _event(account, "resumed", {"reason": why})
        cap = self._settings.events_hard_cap
        return str((await self._call("resume", account, event, cap))[0])

    async def announce(self, account: Account, *, changed: bool) -> str:
        """Write down how fast an account may send, unless that is known.

        Args:
            account: its name, key and rates.
            changed: whether it is new to this process, so that it counts whatever
                others said before.

        Returns:
            ANNOUNCED, KNOWN or RESUMED (it was suspended, and has a new key now).
        """
        s, may = self._settings, account.effective()
        own = [part for pair in may.own.items() for part in pair]
        reply = await self._call(
            "announce_account",
            account.name,
            int(changed),
            may.key_id,
            may.mode,
            may.rate,
            may.each,
            may.burst_ms,
            may.in_flight,
            s.flight_ms,
            _event(account.name, "resumed", {"reason": "the key has changed"}),
            s.events_hard_cap,
            *own,
        )
        return str(reply[0])

    async def _call(self, name: str, *args: Any) -> Any:
        return await self._scripts[name](args=[self._prefix, *args])


def _event(account: str, what: str, facts: dict[str, str]) -> bytes:
    now_ms = time.time_ns() // 1_000_000
    return account_event(account, what, now_ms=now_ms, facts=facts).encode()
