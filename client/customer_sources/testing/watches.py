"""Watches in memory: opened, told and ended as by the scripts and the workers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from threading import RLock
from typing import Any

from customer_sources.contract.commands import Command
from customer_sources.contract.ids import new_watch_id
from customer_sources.contract.moments import span_ms
from customer_sources.contract.names import Keys, target_name
from customer_sources.contract.notices import verification_event
from customer_sources.contract.states import State
from customer_sources.testing.answers import Ending
from customer_sources.testing.records import DEPOSITS_TAKE
from customer_sources.testing.stream import Stream
from customer_sources.verifications.aio import AsyncVerifications
from customer_sources.verifications.calls import SCRIPTS, parse_all
from customer_sources.verifications.client import Verifications
from customer_sources.verifications.status import (
    Verification,
    VerificationState,
    parse_verification,
)

WATCHED_FOR = timedelta(days=14)
"""Until a watch gives up, in memory: ten banking days with two weekends between."""


class MemoryWatches:
    """The watches of a ledger in memory.

    Deposits arrive four days after a bank account was added, and that is told once:
    there are no reminders. Its status is never looked at: jobs alone decide it.

    Args:
        stream: where events go.
    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._records: dict[str, dict[str, str]] = {}
        self._lock = RLock()

    def answer(self, name: str, arguments: Sequence[Any], now: int) -> list[str]:
        """Answer a script, in its words."""
        _, target, *given = arguments
        with self._lock:
            if name == SCRIPTS[0]:
                return self._open(target, *map(str, given), now=now)
            return self._cancel(target, given[0], given[1].decode(), now)

    def targets(self) -> list[str]:
        """Name all, in the order of a list."""

        def place(target: str) -> tuple[bool, int]:
            record = self._records[target]
            ended = "ended" in record
            return ended, -int(record["ended"]) if ended else int(record["next"])

        with self._lock:
            return sorted(self._records, key=place)

    def read(self, targets: Sequence[str]) -> Sequence[Verification]:
        """Read some. Nobody counts attempts in memory."""
        found = [self._records.get(target, {}) for target in targets]
        return parse_all([part for record in found for part in (record, {})])

    def attend(self, now: int) -> None:
        """Tell what is due by this moment."""
        with self._lock:
            for target, record in self._records.items():
                watch = _live(record)
                if watch is None or int(record["next"]) > now:
                    continue
                if now >= int(record["expires"]):
                    self._end(target, VerificationState.EXPIRED, now)
                else:
                    self._tell(watch, VerificationState.DUE, now)
                    record.update(state="due", told="1", next=record["expires"])

    def heed(self, job_id: str, command: Command, ending: Ending, now: int) -> None:
        """Take from the end of a job what it means to a watch."""
        if ending.state is not State.SUCCEEDED:
            return
        made, name = ending.details, command.operation
        with self._lock:
            if name == "create" and command.watch and _is_unverified(made):
                where = command.account, command.customer, str(made["id"])
                new = new_watch_id(now), *where, command.reference, "0"
                self._open(target_name(*where), *new, now=now)
            elif name in _DECIDES:
                target = target_name(command.account, command.customer, command.id)
                self._end(target, _DECIDES[name], now, why=ending.code, by=job_id)

    def _open(self, target: str, watch_id: str, *said: str, now: int) -> list[str]:
        known = self._records.get(target, {})
        if _live(known):
            return ["SAME", known["id"], known["state"]]
        account, customer, source, reference, added = said
        since = int(added) or now
        arrives = str(since + span_ms(DEPOSITS_TAKE))
        self._records[target] = {
            "id": watch_id,
            "state": "waiting",
            "account": account,
            "customer": customer,
            "source": source,
            "reference": reference,
            "added": str(since),
            "opened": str(now),
            "arrives": arrives,
            "next": arrives,
            "expires": str(since + span_ms(WATCHED_FOR)),
        }
        return ["OPENED", watch_id, "waiting"]

    def _cancel(self, target: str, watch_id: str, event: str, now: int) -> list[str]:
        record = self._records.get(target)
        if record is None:
            return ["MISSING"]
        if record["id"] != watch_id:
            return ["OTHER"]
        if _live(record) is None:
            return ["ENDED", record["state"]]
        self._close(target, VerificationState.CANCELLED, now)
        self._stream.add(event, now)
        return ["CANCELLED", "cancelled"]

    def _end(
        self, target: str, state: VerificationState, now: int, **facts: str
    ) -> None:
        record = self._records.get(target, {})
        if _live(record) is None:
            return
        record |= facts
        if state is VerificationState.VERIFIED:
            record["status"] = "verified"
        self._tell(parse_verification(record, {}), state, now)
        self._close(target, state, now)

    def _close(self, target: str, state: VerificationState, now: int) -> None:
        record = self._records[target] | {"state": state.value, "ended": str(now)}
        del record["next"]
        self._records[target] = record

    def _tell(self, watch: Verification, state: VerificationState, now: int) -> None:
        event = verification_event(watch, state, now_ms=now)
        self._stream.add(event.encode().decode(), now)


_DECIDES = {
    "verify": VerificationState.VERIFIED,
    "delete": VerificationState.DELETED,
}


def _is_unverified(made: Mapping[str, Any]) -> bool:
    """Whether a create has made what has to be verified."""
    return made.get("object") == "bank_account" and made.get("status") != "verified"


def _live(record: Mapping[str, str]) -> Verification | None:
    """Read a watch that lives; None: there is none."""
    if not record or "ended" in record:
        return None
    return parse_verification(record, {})


class MemoryVerifications(Verifications):
    """The watches of a stand-in. See `Verifications`."""

    def __init__(self, watches: MemoryWatches, now_ms: Callable[[], int]) -> None:
        # Not the real one's: there is no store to ask.
        self._watches = watches
        self._now_ms = now_ms
        self._keys = Keys()

    def _guesses(self, target: str) -> Mapping[str, str]:  # noqa: ARG002
        return {}  # nobody counts in memory

    def _targets(self, most: int) -> Sequence[str]:
        return self._watches.targets()[:most]

    def _read(self, targets: Sequence[str]) -> Sequence[Verification]:
        return self._watches.read(targets)

    def _call(self, name: str, arguments: Sequence[Any]) -> Any:
        return self._watches.answer(name, arguments, self._now_ms())


class AsyncMemoryVerifications(AsyncVerifications):
    """The watches of a stand-in, for asyncio. See `Verifications`."""

    def __init__(self, watches: MemoryWatches, now_ms: Callable[[], int]) -> None:
        # Not the real one's: there is no store to ask.
        self._watches = watches
        self._now_ms = now_ms
        self._keys = Keys()

    async def _guesses(self, target: str) -> Mapping[str, str]:  # noqa: ARG002
        return {}  # nobody counts in memory

    async def _targets(self, most: int) -> Sequence[str]:
        return self._watches.targets()[:most]

    async def _read(self, targets: Sequence[str]) -> Sequence[Verification]:
        return self._watches.read(targets)

    async def _call(self, name: str, arguments: Sequence[Any]) -> Any:
        return self._watches.answer(name, arguments, self._now_ms())
