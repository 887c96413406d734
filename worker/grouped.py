"""Calls of scripts that wait at the same time, as one pipeline.

A worker has a hundred runs in flight, and a round trip for each of their calls costs
it more time than the store takes for all of them. So what is asked in the same turn of
the loop, or while calls before it are under way, is sent together. Nothing waits for
company: a lone call leaves with the next turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import redis.asyncio
from redis import exceptions
from redis.commands.core import AsyncScript

from customer_sources import scripts
from customer_sources.durability import WAIT, is_on_disk

MOST_AT_ONCE = 2
"""Pipelines: one is answered while the next is written."""
MOST_TOGETHER = 100
"""Calls of one pipeline: a few milliseconds of the store's time."""


class _Call(NamedTuple):
    """A script, what it is given, and who waits for its answer."""

    script: AsyncScript
    arguments: Sequence[bytes]
    answer: asyncio.Future[Any]


class Grouped:
    """Calls scripts, many at once, each with an answer or an error of its own.

    Where the connection is lost, a whole group is repeated, as the client's retries
    have it: the scripts must answer a repeated call the same way. A caller that is
    cancelled takes nothing from the others. Belongs to one event loop.

    Args:
        client: with a pool of at least `MOST_AT_ONCE` connections.
        on_disk: the prefix of the ledger whose answers count only when the store's
            disk has what was written; empty: they count at once. A group waits once.
    """

    def __init__(self, client: redis.asyncio.Redis, *, on_disk: str = "") -> None:
        self._redis = client
        self._touch = scripts.load("touch")
        self._encode = client.get_encoder().encode  # type: ignore[no-untyped-call]
        self._on_disk = on_disk
        self._loaded: set[AsyncScript] = set()
        """Scripts that the store was given; it may have lost them since."""
        self._waiting: list[_Call] = []
        self._under_way: set[asyncio.Task[None]] = set()

    async def call(self, script: AsyncScript, arguments: Sequence[Any]) -> Any:
        """Call a script that names no keys.

        Raises:
            RedisError: the store's answer to this call, or what befell its group.
        """
        loop = asyncio.get_running_loop()
        # Encoded here, where what cannot be encoded is its caller's trouble alone.
        encoded = [self._encode(argument) for argument in arguments]
        call = _Call(script, encoded, loop.create_future())
        self._waiting.append(call)
        if len(self._waiting) == 1:
            loop.call_soon(self._begin)
        return await call.answer

    async def ended(self) -> None:
        """Wait until nothing is under way, whether or not somebody waits for it."""
        self._begin()
        while self._under_way:
            await asyncio.wait(self._under_way)

    def _begin(self) -> None:
        """Send what waits, as far as it may leave now."""
        while self._waiting and len(self._under_way) < MOST_AT_ONCE:
            wanted = [call for call in self._waiting if not call.answer.done()]
            group, self._waiting = wanted[:MOST_TOGETHER], wanted[MOST_TOGETHER:]
            if group:
                task = asyncio.create_task(self._send(group))
                self._under_way.add(task)
                task.add_done_callback(partial(self._end, group))

    def _end(self, group: Sequence[_Call], task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        for call in group:  # without an answer only if the task itself was cancelled
            call.answer.cancel()
        self._begin()

    async def _send(self, group: Sequence[_Call]) -> None:
        """Let each of a group have its answer."""
        try:
            await self._tell_all(group)
        except Exception as error:  # noqa: BLE001  raised where it was waited for
            befallen = [*group]
            if isinstance(error, exceptions.TimeoutError):
                # A store that hangs would let those behind wait as long once more.
                befallen += self._waiting
                self._waiting = []
            for call in befallen:
                if not call.answer.done():
                    call.answer.set_exception(error)

    async def _tell_all(self, group: Sequence[_Call]) -> None:
        unknown = _tell(group, await self._answers(group))
        if unknown:  # a store that was started anew
            self._loaded.difference_update(call.script for call in unknown)
            if _tell(unknown, await self._answers(unknown)):
                raise exceptions.NoScriptError("the store does not keep its scripts")

    async def _answers(self, calls: Sequence[_Call]) -> list[Any]:
        """Return what the store says to each, errors included."""
        new = list({call.script for call in calls} - self._loaded)
        pipe = self._redis.pipeline(transaction=False)
        for script in new:
            pipe.script_load(script.script)
        for script, arguments, _ in calls:
            pipe.execute_command("EVALSHA", script.sha, 0, *arguments)
        if self._on_disk:
            # A repeated call may have written nothing on this connection.
            pipe.eval(self._touch, 0, self._on_disk)
            pipe.execute_command(*WAIT)
        answers = await pipe.execute(raise_on_error=False)
        if self._on_disk:
            _ensure_on_disk(answers.pop())
            answers.pop()
        self._loaded.update(new)
        loads, answers = answers[: len(new)], answers[len(new) :]
        why = {
            script: load
            for script, load in zip(new, loads, strict=True)
            if isinstance(load, Exception)
        }
        return [
            why.get(call.script, answer)
            if isinstance(answer, exceptions.NoScriptError)
            else answer
            for call, answer in zip(calls, answers, strict=True)
        ]


def _ensure_on_disk(reply: Any) -> None:
    """Raise what a wait for the disk came to, unless it came to what was wanted."""
    if isinstance(reply, Exception):
        raise reply
    if not is_on_disk(reply):
        raise exceptions.TimeoutError("what was written is not on the store's disk")


def _tell(calls: Sequence[_Call], answers: Sequence[Any]) -> list[_Call]:
    """Hand answers out; return the calls whose script the store does not know."""
    unknown = []
    for call, answer in zip(calls, answers, strict=True):
        if isinstance(answer, exceptions.NoScriptError):
            unknown.append(call)
        elif call.answer.done():
            pass  # its caller was cancelled
        elif isinstance(answer, Exception):
            call.answer.set_exception(answer)
        else:
            call.answer.set_result(answer)
    return unknown
