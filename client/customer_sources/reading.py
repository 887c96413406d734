"""One position in the event stream: what to ask of the store next. No I/O.

`Consumer` and `AsyncConsumer` only carry these commands to the store and the answers
back, so both behave alike. Nothing here trusts an answer that was not read: whoever
asks again after a failure, a timeout or a cancellation is first told by the store what
this reader still has to handle.
"""

from __future__ import annotations

import logging
import math
import re
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from redis.exceptions import OutOfMemoryError, ResponseError

from customer_sources.contract.events import DATA_SCHEMA, Event
from customer_sources.store import ANSWER_SECONDS

Command = tuple[Any, ...]
Clock = Callable[[], float]

BLOCK_SECONDS = ANSWER_SECONDS - 1
"""How long one read waits in the store: below the connection's own time limit."""
READS = ("1.0", DATA_SCHEMA)
"""What this version can read: of CloudEvents, and of our data in it."""

_PLACE = re.compile(r"\$|[0-9]{1,20}(-[0-9]{1,20})?")
_LATEST = "18446744073709551615"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_decode = msgspec.json.Decoder(Event).decode
log = logging.getLogger("customer_sources")


class Reading(ABC):
    """A reader's place, from one event to the next.

    Args:
        stream: the key of the stream.
        timeout: give up after so many seconds without an event; None never does.
        clock: seconds that only go forward.
    """

    name = ""
    """This reader's name in its group."""
    skipped = 0
    """Events that this version could not read, and passed over."""

    def __init__(self, stream: str, timeout: float | None, clock: Clock) -> None:
        if timeout is not None and not timeout >= 0:
            raise ValueError("timeout must be 0 seconds or more, or None")
        self._stream = stream
        self._timeout = timeout
        self._clock = clock
        self._entries: deque[tuple[str, Any]] = deque()
        self._ends_at = math.inf
        self._in_hand = ""
        self._done = ""
        """The last event that was handled, until the store knows."""
        self._unheard = False
        """The last answer was not read: what was in it is not known."""

    @property
    @abstractmethod
    def has_place(self) -> bool:
        """Whether the store knows where to go on, so that nothing can be missed."""

    def advance(self) -> None:
        """Note that the next event is wanted, so the one before is done with."""
        wait = math.inf if self._timeout is None else self._timeout
        self._ends_at = self._clock() + wait
        self._put_down()

    def again(self) -> None:
        """Note that a loop begins anew: what was not done with is to come again."""
        self._in_hand = ""

    def finish(self) -> list[Command]:
        """Note that all is done with; return what is left to be said of it."""
        self._put_down()
        return []

    @abstractmethod
    def leave(self) -> None:
        """Note that nobody reads here any more."""

    def take(self) -> Event | None:
        """Return the next event that was read; None: ask the store."""
        while self._entries:
            self._in_hand, fields = self._entries.popleft()
            event = self._readable(fields)
            if event is not None:
                return event
            self._put_down()
        return None

    def ask(self) -> list[Command]:
        """Return the commands to send next; none when the time is up."""
        commands = self._next_commands()
        self._unheard = bool(commands)
        return commands

    def hear(self, replies: Sequence[Any]) -> None:
        """Take in the answers, errors as values among them.

        Raises:
            ResponseError: the store refused one.
        """
        for reply in replies:
            if isinstance(reply, ResponseError) and not _is_fine(reply):
                raise reply
        self._heard(replies[-1])
        self._unheard = False

    @abstractmethod
    def _next_commands(self) -> list[Command]: ...

    @abstractmethod
    def _heard(self, reply: Any) -> None: ...

    def _put_down(self) -> None:
        if self._in_hand:
            self._done, self._in_hand = self._in_hand, ""

    def _block_ms(self, until: float) -> int:
        """How long to block, ending at `until`; 0 would be for ever."""
        left = min(until - self._clock(), BLOCK_SECONDS)
        return max(int(left * 1000), 1)

    def _readable(self, fields: Any) -> Event | None:
        if not fields:  # it was trimmed from the stream since it was handed out
            return None
        try:
            event = _decode(_pairs(fields)["event"])
        except KeyError:
            reason = "it has no field `event`"
        except (msgspec.DecodeError, RecursionError) as error:
            reason = str(error)
        else:
            versions = (event.specversion, event.dataschema)
            if versions == READS:
                return event
            reason = f"its versions are {versions}, this reads {READS}"
        self.skipped += 1
        log.warning("event %s on %s skipped: %s", self._in_hand, self._stream, reason)
        return None


class Along(Reading):
    """Reading along: every event, acknowledging nothing."""

    _BATCH = 100

    def __init__(
        self,
        stream: str,
        after: str | None,
        timeout: float | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        super().__init__(stream, timeout, clock)
        self._after = after
        self._over = False

    @property
    def has_place(self) -> bool:
        """Whether "now" has been pinned to an id."""
        return self._after is not None

    def advance(self) -> None:
        """Begin to wait anew."""
        super().advance()
        self._over = False

    def leave(self) -> None:
        """Nobody knew of this reader."""

    def _next_commands(self) -> list[Command]:
        if self._over:
            return []
        if self._after is None:  # pin "now" to an id: nothing is missed between reads
            return [("XREVRANGE", self._stream, "+", "-", "COUNT", 1)]
        block = self._block_ms(self._ends_at)
        return [
            (
                *("XREAD", "COUNT", self._BATCH, "BLOCK", block),
                *("STREAMS", self._stream, self._after),
            )
        ]

    def _heard(self, reply: Any) -> None:
        if self._after is None:
            self._after = reply[0][0] if reply else "0"
            return
        self._entries.extend(entries_of(reply))
        if self._entries:
            self._after = self._entries[-1][0]
        self._over = not self._entries and self._clock() >= self._ends_at


def entries_of(reply: Any) -> list[tuple[str, Any]]:
    """Take the one stream's entries out of an answer of either protocol version."""
    if not reply:
        return []
    streams = reply.items() if isinstance(reply, dict) else reply
    return [(entry_id, fields) for _, found in streams for entry_id, fields in found]


def is_place(after: object) -> bool:
    """Whether a text says where in a stream to start: an id of the store's, or `$`."""
    if not isinstance(after, str) or not _PLACE.fullmatch(after):
        return False
    return all(len(part) < len(_LATEST) or part <= _LATEST for part in after.split("-"))


def after_moment(since: datetime) -> str:
    """Return the last id before a moment, in the store's clock.

    Raises:
        ValueError: the moment has no time zone.
    """
    if since.tzinfo is None:
        raise ValueError("since has no time zone; use datetime.now(UTC), for example")
    since_ms = (since - _EPOCH) // timedelta(milliseconds=1)
    return f"{since_ms - 1}-{_LATEST}" if since_ms > 0 else "0"


def _is_fine(error: ResponseError) -> bool:
    """Whether an error only says that a group cannot be made.

    It is there already; or the store is full, and whether it is there is said by the
    next answer. No other command that is sent here needs memory.
    """
    return str(error).startswith("BUSYGROUP") or isinstance(error, OutOfMemoryError)


def _pairs(fields: Sequence[str]) -> dict[str, str]:
    return dict(zip(fields[::2], fields[1::2], strict=True))
