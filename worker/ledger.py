"""The worker's face of the ledger: one method for each script, words as types.

The rules are in the scripts' headers (worker/lua/). Nothing here decides anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import redis.asyncio
import redis.exceptions

from config.settings import Settings
from customer_sources.contract.names import SCHEMA_VERSION, Keys
from worker import scripting
from worker.grouped import Grouped
from worker.guesses import NO_GUESS, Guess
from worker.housekeeping import HOUSEKEEPING, Housekeeping
from worker.replies import (
    Claimed,
    Ending,
    Leave,
    Refused,
    Unreadable,
    Word,
    leave_of,
)

SCRIPTS = (
    "claim",
    "commit",
    "defer",
    "hand_back",
    "heartbeat",
    "lay_aside",
    "postpone",
    "send",
)


class Ledger(Housekeeping):
    """The scripts of one worker process, on one Redis client.

    Args:
        client: with `decode_responses=True`, and a blocking pool: a hundred
            coroutines share few connections.
        keys: the names.
        settings: leases, horizon, retention.
        boot: this worker process's id.
    """

    def __init__(
        self, client: redis.asyncio.Redis, keys: Keys, settings: Settings, boot: str
    ) -> None:
        self._redis = client
        self._keys = keys
        self._settings = settings
        self._boot = boot
        self._calls = self._claims = Grouped(client)
        if settings.durability == "fsync":  # whose waits are for claims alone
            self._claims = Grouped(client, on_disk=keys.prefix)
        self._scripts = scripting.register(client, (*SCRIPTS, *HOUSEKEEPING))

    async def claim(
        self, job_id: str, token: str, *, alone: bool = False
    ) -> Claimed | Refused:
        """Take a job for one run, with leave to send its first request.

        Args:
            job_id: the job.
            token: this run's nonce.
            alone: whether nothing else is in flight in this process.
        """
        s = self._settings
        arguments = (
            self._keys.prefix,
            job_id,
            token,
            self._boot,
            s.lease_ms,
            SCHEMA_VERSION,
            s.horizon_ms,
            s.patience_ms,
            s.quiet_ms,
            int(alone),
        )
        reply = await self._claims.call(self._scripts["claim"], arguments)
        if len(reply) == 1:
            return Refused(reply[0])
        _, word, now, flat, command = reply
        record = dict(zip(flat[::2], flat[1::2], strict=True))
        return Claimed(
            # A claim repeated because its answer was lost gives no leave again.
            leave=None if word == "AGAIN" else Word(word),
            now_ms=int(now),
            record=record,
            command=command,
        )

    async def send(
        self,
        job_id: str,
        token: str,
        *,
        unknown: bool,
        read: str = "",
        guess: Guess = NO_GUESS,
    ) -> Leave:
        """Ask whether one more request of this run may leave.

        Args:
            job_id: the job.
            token: this run's nonce.
            unknown: whether an earlier request of the run got no answer.
            read: for a GET that settles what is unknown, the operation that it is to
                Stripe. Nothing is marked: it changes nothing, and no limit of the job
                is for it.
            guess: what the request guesses at.
        """
        s = self._settings
        # A guess is counted here first, which the disk must have like a claim's mark.
        calls = self._claims if guess.target else self._calls
        arguments = (
            self._keys.prefix,
            job_id,
            token,
            int(unknown),
            s.horizon_ms,
            s.patience_ms,
            read,
            guess.target,
            guess.mark,
            guess.limit,
            s.attempts_keep_ms,
        )
        return leave_of(await calls.call(self._scripts["send"], arguments))

    async def heartbeat(self, runs: Sequence[tuple[str, str]]) -> list[str]:
        """Renew this worker and the leases of its (id, token) runs.

        Returns:
            The tokens of runs that are not this worker's any more.
        """
        s = self._settings
        flat = [part for run in runs for part in run]
        reply = await self._call(
            "heartbeat", self._boot, s.worker_life_ms, s.lease_ms, *flat
        )
        return list(reply)

    async def defer(
        self,
        job_id: str,
        token: str,
        *,
        delay_ms: int,
        counts: bool,
        unknown: bool,
        quiet_ms: int = 0,
        story: bytes = b"",
        spent: bool = True,
        guess: Guess = NO_GUESS,
    ) -> bool:
        """End a run, not the job. False: superseded, nothing was written."""
        reply = await self._of_a_run(
            "defer",
            job_id,
            token,
            delay_ms,
            int(counts),
            int(unknown),
            quiet_ms,
            story,
            int(spent),
            guess.target,
            guess.mark,
            self._settings.attempts_keep_ms,
        )
        return bool(reply[0] == "DEFERRED")

    async def postpone(
        self, job_id: str, token: str, *, until_ms: int, story: bytes = b""
    ) -> str | None:
        """Let a job of which nothing was sent wait for a moment, outside its lane.

        Returns:
            The next job of the lane (may be ""); None: superseded, nothing was written.
        """
        reply = await self._of_a_run("postpone", job_id, token, until_ms, story)
        return str(reply[1]) if reply[0] == "POSTPONED" else None

    async def commit(self, job_id: str, token: str, ending: Ending) -> str | None:
        """End a job and tell its event.

        Returns:
            The next job of the lane (may be ""); None: superseded, nothing written.

        Raises:
            RuntimeError: an unknown outcome was to end as failed or cancelled.
            Unreadable: the record was damaged meanwhile.
        """
        s = self._settings
        keep = s.retention_ms
        if ending.review:
            keep = s.review_retention_ms
        reply = await self._of_a_run(
            "commit",
            job_id,
            token,
            ending.state,
            ending.code,
            ending.result,
            ending.event,
            int(ending.unknown),
            keep,
            s.key_window_ms,
            s.events_hard_cap,
            int(ending.review),
            ending.story,
            ending.request_id,
            ending.guess.target,
            ending.became,
            ending.guess.mark,
            s.attempts_keep_ms,
            *ending.watch,
        )
        if reply[0] == "UNPROVEN":
            raise RuntimeError(f"{job_id}: {ending.state} while the outcome is unknown")
        if reply[0] == "UNREADABLE":
            raise Unreadable(job_id)
        return str(reply[1]) if reply[0] == "COMMITTED" else None

    async def stored_command(self, job_id: str) -> str:
        """Return the command as stored; "" where there is none, or no text."""
        try:
            return str(await self._redis.get(self._keys.command(job_id)) or "")
        except redis.exceptions.ResponseError:
            return ""  # a key of another type

    async def lay_aside(
        self, job_id: str, ending: Ending, operation: str, lane: str
    ) -> str | None:
        """End a job whose record cannot be used.

        Args:
            job_id: the job.
            ending: its event, its result and its code.
            operation: of the command; "" where that cannot be read.
            lane: the one that the command belongs to; "" likewise.

        Returns:
            The next job of the lane (may be ""); None: it needs no laying aside.
        """
        s, told = self._settings, (ending.event, ending.result, ending.code)
        kept = s.review_retention_ms, s.key_window_ms, s.events_hard_cap
        by_command = SCHEMA_VERSION, operation, lane
        reply = await self._call("lay_aside", job_id, *told, *kept, *by_command)
        return str(reply[1]) if reply[0] == "LAID_ASIDE" else None

    async def hand_back(self, job_ids: Sequence[str]) -> None:
        """Make jobs due now that this worker was rung for and will not claim."""
        await self._of_a_run("hand_back", *job_ids)

    async def ended(self) -> None:
        """Wait until no call of a run is under way, whether or not anybody waits."""
        await self._claims.ended()
        await self._calls.ended()

    async def _of_a_run(self, name: str, *args: Any) -> Any:
        """Call a script together with what other runs ask for."""
        arguments = [self._keys.prefix, *args]
        return await self._calls.call(self._scripts[name], arguments)
