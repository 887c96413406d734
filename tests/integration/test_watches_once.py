"""Whatever happens to a watch, in whichever order and how often: it ends once."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import groupby

import pytest

from customer_sources import VerificationEnded
from customer_sources.contract.states import State
from tests.integration.watched import Watched, watched
from worker.replies import Claimed
from worker.watch_ledger import AGAIN_MS, DueWatch

__all__ = ["watched"]  # a fixture, borrowed

STEPS = 150
STATUSES = ("new", "new", "new", "", "verified", "verification_failed")
DECIDED = (("verify", "verified"), ("verify", "failed"), ("delete", "deleted"))


class Walk:
    """Does what can happen to a watch, at random, every call more than once.

    Args:
        watched: whose watch.
        rng: the chance.
    """

    def __init__(self, watched: Watched, rng: random.Random) -> None:
        self.watched = watched
        self.rng = rng
        self.known: list[DueWatch] = []
        """What workers were named and may act upon, however late."""
        self.looks: list[str] = []
        self.ids: list[str] = []

    async def go(self) -> None:
        often: list[Callable[[], Awaitable[None]]] = [self.turn, self.pass_time]
        seldom = [self.decide, self.cancel, self.open]
        await self.open()
        for _ in range(STEPS):
            await self.rng.choice([*3 * [*often, self.late, self.answer], *seldom])()

    async def open(self) -> None:
        opened = self.watched.open()
        if opened.id not in self.ids:
            self.ids.append(opened.id)

    async def turn(self) -> None:
        self.watched.stopped.stop()
        self.known += await self.watched.ledger.due()
        await self.late()

    async def late(self) -> None:
        """Let workers act upon what they were named, now or long ago, twice."""
        for due in self.rng.sample(self.known, min(2, len(self.known))):
            turn = self.watched.would(due)
            self.watched.stopped.stop()
            taken = [await self.watched.ledger.take(due, turn) for _ in range(2)]
            assert taken in ([True, False], [False, False])

    async def answer(self) -> None:
        """Let a look end, be it one whose watch has gone on without."""
        if self.watched.look:
            self.looks.append(self.watched.look)
        if not self.looks:
            return
        job_id, status = self.rng.choice(self.looks), self.rng.choice(STATUSES)
        if isinstance(await self.watched.stopped.claim(job_id), Claimed):
            found = {"status": status} if status else []
            for _ in range(2):
                await self.watched.end(job_id, State.SUCCEEDED, "succeeded", found)

    async def decide(self) -> None:
        await self.watched.decided(*self.rng.choice(DECIDED), "why")

    async def cancel(self) -> None:
        for _ in range(2):
            with suppress(VerificationEnded):
                self.watched.cancel()

    async def pass_time(self) -> None:
        watch = self.watched.now
        if watch.next is not None and self.rng.random() < 0.5:
            self.watched.come(watch.next)
        self.watched.stopped.forward(AGAIN_MS)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_every_watch_ends_once_and_tells_nothing_afterwards(
    watched: Watched, seed: int
) -> None:
    walk = Walk(watched, random.Random(seed))  # noqa: S311  no secret

    await walk.go()
    if not watched.now.state.is_ended:
        watched.cancel()
    walk.known.clear()
    await walk.turn()

    told = {
        watch_id: [*events]
        for watch_id, events in groupby(watched.events(), lambda one: one.correlationid)
    }
    assert [*told] == walk.ids, "one after another, none left out"
    assert len(walk.ids) > 3, "or the walk proves little"
    for watch_id, events in told.items():
        expected = [f"{watch_id}:due:{number}" for number in range(len(events) - 1)]
        assert [event.id for event in events] == [*expected, f"{watch_id}:terminal"]
