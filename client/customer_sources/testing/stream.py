"""The event stream in memory: the few stream commands that a reader sends.

So the readers' own code decides what is read, acknowledged and handed out again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from redis.exceptions import ResponseError

from customer_sources.reading import Command

_Id = tuple[int, int]
_LAST_SEQUENCE = 2**64 - 1


class _Group:
    """A consumer group: where it is, and what is not acknowledged yet."""

    def __init__(self, last: _Id) -> None:
        self.last = last
        self.pending: dict[_Id, tuple[str, float]] = {}
        """By entry: whose it is, and when it was handed out, in seconds."""


class Stream:
    """An append-only stream with consumer groups.

    Args:
        wait: called where a reader would block: its chance to make something happen.
    """

    def __init__(self, wait: Callable[[], None]) -> None:
        self._wait = wait
        self._entries: dict[_Id, str] = {}
        self._groups: dict[str, _Group] = {}
        self.passed = 0.0
        """Seconds that a test has let pass."""

    @property
    def texts(self) -> list[str]:
        """Every event, as encoded, in order."""
        return list(self._entries.values())

    def add(self, text: str, now_ms: int) -> None:
        """Append an event."""
        last_ms, sequence = self._last()
        now = (now_ms, 0) if now_ms > last_ms else (last_ms, sequence + 1)
        self._entries[now] = text

    def answer(self, command: Command, *, wait: bool) -> Any:
        """Answer one command as the store does, errors as values.

        Args:
            command: one that a `Reading` composes.
            wait: whether to make something happen where nothing is to be read.
        """
        name, *arguments = command
        match name:
            case "XREVRANGE":
                return [self._shown(entry) for entry in list(self._entries)[-1:]]
            case "XREAD":
                return self._read(arguments, wait=wait)
            case "XGROUP":
                return self._create(arguments)
        group = self._groups.get(arguments[1])
        if group is None:
            return ResponseError(f"NOGROUP No such consumer group {arguments[1]!r}")
        return self._answer_member(name, group, arguments, wait=wait)

    def _answer_member(
        self, name: str, group: _Group, arguments: Sequence[Any], *, wait: bool
    ) -> Any:
        if name == "XACK":
            return int(group.pending.pop(_parse(arguments[2]), None) is not None)
        if name == "XAUTOCLAIM":
            return self._claim(group, arguments)
        if arguments[-1] == ">":
            return self._hand_out(group, arguments, wait=wait)
        return self._hand_out_again(group, arguments)

    def _read(self, arguments: Sequence[Any], *, wait: bool) -> list[Any]:
        """XREAD COUNT n BLOCK ms STREAMS stream after."""
        found = self._after(_parse(arguments[-1]), wait=wait)[: arguments[1]]
        return self._answered(arguments[-2], found)

    def _create(self, arguments: Sequence[Any]) -> Any:
        """XGROUP CREATE stream group start MKSTREAM."""
        _, _, name, start, _ = arguments
        if name in self._groups:
            return ResponseError("BUSYGROUP Consumer Group name already exists")
        self._groups[name] = _Group(self._last() if start == "$" else _parse(start))
        return "OK"

    def _claim(self, group: _Group, arguments: Sequence[Any]) -> list[Any]:
        """XAUTOCLAIM stream group consumer idle-ms cursor COUNT n."""
        _, _, consumer, idle_ms, cursor, _, most = arguments
        longest = self._now() - idle_ms / 1000
        stale = [
            entry
            for entry, (_, since) in sorted(group.pending.items())
            if entry >= _parse(cursor) and since <= longest
        ]
        taken, rest = stale[:most], stale[most:]
        for entry in taken:
            group.pending[entry] = (consumer, self._now())
        following = "{}-{}".format(*rest[0]) if rest else "0-0"
        return [following, [self._shown(entry) for entry in taken]]

    def _hand_out(
        self, group: _Group, arguments: Sequence[Any], *, wait: bool
    ) -> list[Any]:
        """XREADGROUP GROUP group consumer COUNT n BLOCK ms STREAMS stream >."""
        found = self._after(group.last, wait=wait)[: arguments[4]]
        for entry in found:
            group.last = entry
            group.pending[entry] = (arguments[2], self._now())
        return self._answered(arguments[-2], found)

    def _hand_out_again(self, group: _Group, arguments: Sequence[Any]) -> list[Any]:
        """XREADGROUP GROUP group consumer COUNT n STREAMS stream from."""
        _, _, consumer, _, most, _, stream, start = arguments
        mine = [
            entry
            for entry, (owner, _) in sorted(group.pending.items())
            if owner == consumer and entry > _parse(start)
        ]
        return [[stream, [self._shown(entry) for entry in mine[:most]]]]

    def _after(self, start: _Id, *, wait: bool) -> list[_Id]:
        if wait and self._last() <= start:
            self._wait()
        return [entry for entry in self._entries if entry > start]

    def _answered(self, stream: str, found: Sequence[_Id]) -> list[Any]:
        return [[stream, [self._shown(entry) for entry in found]]] if found else []

    def _shown(self, wanted: _Id) -> list[Any]:
        return ["{}-{}".format(*wanted), ["event", self._entries[wanted]]]

    def _last(self) -> _Id:
        return next(reversed(self._entries), (0, 0))

    def _now(self) -> float:
        return time.monotonic() + self.passed


def _parse(text: str) -> _Id:
    milliseconds, _, sequence = text.partition("-")
    return int(milliseconds), min(int(sequence or 0), _LAST_SEQUENCE)
