"""A member's place in a consumer group: its own events, the dead's, then new ones."""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
import weakref
from datetime import datetime
from enum import Enum, auto
from itertools import count
from typing import Any

from customer_sources.reading import (
    Along,
    Clock,
    Command,
    Reading,
    after_moment,
    entries_of,
    is_place,
)

TAKE_OVER_AFTER = 60.0
"""Seconds after which an event that a consumer does not acknowledge goes to another:
longer than handling one should take, and soon enough that nobody has to be called."""
LEAST_BETWEEN_LOOKS = 1.0
"""Seconds between two looks at what others left, at least: looking is not free."""
_START = "0-0"


def reading(
    stream: str,
    group: str | None = None,
    *,
    consumer: str | None = None,
    after: str | None = None,
    since: datetime | None = None,
    take_over_after: float = TAKE_OVER_AFTER,
    timeout: float | None = None,
) -> Reading:
    """Choose the place from which to read. Arguments are those of `client.events`.

    Raises:
        ValueError: they do not go together, or one makes no sense.
    """
    if after is not None and since is not None:
        raise ValueError("after and since both say where to start; give one")
    if since is not None:
        after = after_moment(since)
    if after is not None and not is_place(after):
        raise ValueError("after is a stream id (1767225600000-0), '0' or '$'")
    if group is None:
        if consumer is not None:
            raise ValueError("a consumer is a member of a group; give the group")
        return Along(stream, None if after == "$" else after, timeout)
    if group == "" or consumer == "":
        raise ValueError("group and consumer must not be empty")
    if not 0 <= take_over_after < float("inf"):
        raise ValueError("take_over_after must be 0 seconds or more")
    return Member(
        stream,
        group,
        start=after if after is not None else "0",
        consumer=consumer,
        take_over_after=take_over_after,
        timeout=timeout,
    )


class _Stage(Enum):
    """What a member asks for next."""

    JOIN = auto()
    MINE = auto()
    """What it was given and has not acknowledged, by the store's account."""
    OTHERS = auto()
    """What others were given too long ago."""
    NEW = auto()
    OVER = auto()


class Member(Reading):
    """One consumer of a group. It holds one event at a time.

    So an event waits for nobody but who handles it, a dead consumer leaves one at
    most, and acknowledging travels with asking for the next.
    """

    def __init__(
        self,
        stream: str,
        group: str,
        *,
        start: str = "0",
        consumer: str | None = None,
        take_over_after: float = TAKE_OVER_AFTER,
        timeout: float | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        super().__init__(stream, timeout, clock)
        self._group = group
        self._start = start
        self._idle_ms = int(take_over_after * 1000)
        self._between_looks = max(take_over_after / 2, LEAST_BETWEEN_LOOKS)
        self._look_at = clock()
        self._cursor = _START
        self._stage = _Stage.JOIN
        self._give_back = None
        self.name = consumer or ""
        if not self.name:
            self.name, self._give_back = _take_name(self, f"{stream} {group}")

    @property
    def has_place(self) -> bool:
        """Whether the group is known to be there."""
        return self._stage is not _Stage.JOIN

    def advance(self) -> None:
        """Begin to wait anew; the event in hand has been handled."""
        super().advance()
        if self._stage is _Stage.OVER:
            self._stage = self._others_or_new()

    def again(self) -> None:
        """Begin a loop with the event in hand, if it was not handled."""
        if self._in_hand:
            self._stage = _Stage.MINE
        super().again()

    def finish(self) -> list[Command]:
        """Acknowledge the event in hand."""
        super().finish()
        return self._acknowledgement()

    def leave(self) -> None:
        """Give the name to whoever in this process comes next."""
        if self._give_back is not None:
            self._give_back()

    def _next_commands(self) -> list[Command]:
        if self._unheard:  # even the group may be gone, with a store that was restored
            self._stage = _Stage.JOIN
        where = (self._stream, self._group)
        as_me = ("XREADGROUP", "GROUP", self._group, self.name, "COUNT", 1)
        match self._stage:
            case _Stage.JOIN:
                question: Command = (
                    *("XGROUP", "CREATE", *where, self._start),
                    "MKSTREAM",
                )
            case _Stage.MINE:
                question = (*as_me, "STREAMS", self._stream, "0")
            case _Stage.OTHERS:
                question = (
                    *("XAUTOCLAIM", *where, self.name, self._idle_ms, self._cursor),
                    *("COUNT", 1),
                )
            case _Stage.NEW:
                block = self._block_ms(min(self._ends_at, self._look_at))
                question = (*as_me, "BLOCK", block, "STREAMS", self._stream, ">")
            case _Stage.OVER:
                return []
        return [*self._acknowledgement(), question]

    def _heard(self, reply: Any) -> None:
        self._done = ""
        match self._stage:
            case _Stage.JOIN:
                self._stage = _Stage.MINE
            case _Stage.MINE:
                self._entries.extend(entries_of(reply))
                if not self._entries:
                    self._stage = self._others_or_new()
            case _Stage.OTHERS:
                self._cursor, found = reply[0], reply[1]
                self._entries.extend((entry[0], entry[1]) for entry in found)
                if not self._entries and self._cursor == _START:
                    self._look_at = self._clock() + self._between_looks
                    self._stage = _Stage.NEW
            case _Stage.NEW:
                self._entries.extend(entries_of(reply))
                nothing = not self._entries and self._clock() >= self._ends_at
                self._stage = _Stage.OVER if nothing else self._others_or_new()

    def _others_or_new(self) -> _Stage:
        return _Stage.OTHERS if self._clock() >= self._look_at else _Stage.NEW

    def _acknowledgement(self) -> list[Command]:
        return [("XACK", self._stream, self._group, self._done)] if self._done else []


_NONCE = secrets.token_hex(4)
"""Two containers can have the same host name, and the same process number."""
_taken: set[tuple[str, str]] = set()
_taking = threading.Lock()


def _take_name(owner: object, where: str) -> tuple[str, Any]:
    """Take a name that no other member alive has, here or in another process.

    The name of a member that is no more goes to the next of this process, so that
    what it did not acknowledge is the first thing that the next one reads.
    """
    process = f"{socket.gethostname()}-{os.getpid()}-{_NONCE}"
    with _taking:
        names = (f"{process}-{number}" for number in count(1))
        name = next(name for name in names if (where, name) not in _taken)
        _taken.add((where, name))
    # Called by the garbage collector too, anywhere: it must not wait for the lock.
    give_back = weakref.finalize(owner, _taken.discard, (where, name))
    give_back.atexit = False
    return name, give_back
