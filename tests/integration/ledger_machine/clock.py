"""What time, death and the store itself do."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.integration.ledger_machine import expected
from tests.integration.ledger_machine.machine import MOST_SAVES, PICK, WORKER
from tests.integration.ledger_machine.workers import CLAIMS, Claim, Workers
from tests.integration.ledger_machine.world import WORKERS

HOUR_MS = 3_600_000
MOMENTS = st.sampled_from([1_000, 3_000, 6_000, 12_000, 31_000, 70_000, 25 * HOUR_MS])
AGES = st.sampled_from([70_000, 23 * HOUR_MS, 25 * HOUR_MS, 8 * 24 * HOUR_MS])
PASS_MS = 3_000
"""Between two passes of upkeep, where there is no outage."""
LEASE_PASSES = 4
"""Passes after which leases are over that an outage has moved on."""
HANGING = st.sets(st.integers(0, WORKERS - 1))


class Clock(Workers):
    """Time passes, workers hang or die, and the store loses its last writes."""

    @rule(worker=WORKER)
    def beat(self, worker: int) -> None:
        """A worker's heartbeat, with all its runs."""
        boot = self.world.boots[worker]
        runs = [run for run in self.runs if run.boot == boot]
        mine = {run.token for run in runs if expected.is_mine(self.before, run)}
        asked_at = self.world.now
        ledger = self.world.ledger(worker)
        beats = [(run.job.id, run.token) for run in runs]
        lost = self.world.call(lambda: ledger.heartbeat(beats))
        assert set(lost) == {run.token for run in runs} - mine
        for run in runs:
            if run.token in lost:
                self.stop(run)
            else:
                run.lease_until = asked_at + self.bench.settings.lease_ms

    @rule(worker=WORKER)
    def die(self, worker: int) -> None:
        """SIGKILL: what it knew is gone; what it sent may still arrive."""
        boot = self.world.boots[worker]
        self.runs = [run for run in self.runs if run.boot != boot]
        self.world.die(worker)

    @rule(worker=WORKER, rings=st.booleans())
    def upkeep(self, worker: int, *, rings: bool) -> None:
        before = self.world.look()
        taken = self.world.upkeep(worker)
        after = self.world.look()
        assert list(self.book.follow(after, self.world.now)) == []
        expected.upkeep(before, after, self.book, taken, self.world.now)
        if rings:
            self.world.ring(taken)

    @rule(ms=MOMENTS)
    def wait(self, ms: int) -> None:
        self.pass_time(ms)

    @rule(hanging=HANGING, passes=st.lists(st.lists(CLAIMS, max_size=3), max_size=3))
    def work_on(self, hanging: set[int], passes: list[list[Claim]]) -> None:
        """Some seconds with all the upkeep there should be, and some of the work."""
        for claims in passes:
            self.pass_time(PASS_MS)
            for worker in set(range(WORKERS)) - hanging:
                self.look()
                self.beat(worker)
            self.upkeep(0, rings=True)
            self.look()
            self.claim_all(claims)

    @rule(ms=AGES, claims=st.lists(CLAIMS, min_size=1, max_size=3))
    def come_back(self, ms: int, claims: list[Claim]) -> None:
        """Every worker dies, and after some time others take over."""
        self.runs.clear()
        for worker in range(WORKERS):
            self.world.die(worker)
        self.pass_time(ms)
        for _ in range(LEASE_PASSES):
            self.upkeep(0, rings=False)
            self.pass_time(PASS_MS)
        self.upkeep(0, rings=True)
        self.look()
        self.claim_all(claims)

    @rule(picks=st.lists(PICK, min_size=1, max_size=2))
    def hand_back(self, picks: list[int]) -> None:
        ids = [self.job(pick).id for pick in picks]
        self.world.call(lambda: self.world.ledger(0).hand_back(ids))
        after = self.world.look()
        assert expected.without_wakes(after) == expected.without_wakes(self.before)
        assert after.wakes().keys() == self.before.wakes().keys()

    @precondition(lambda self: self.saves)
    @rule(
        before=st.sampled_from([0, 3_000]),
        claims=st.lists(CLAIMS, min_size=1, max_size=3),
        away=st.sampled_from([0, 0, 3_000, 25 * HOUR_MS]),
        first=st.sampled_from(["claim", "cancel", "beat", "upkeep"]),
        again=st.lists(CLAIMS, min_size=1, max_size=3),
    )
    def lose_some_work(
        self,
        before: int,
        claims: list[Claim],
        away: int,
        first: str,
        again: list[Claim],
    ) -> None:
        """Workers get some way; the store comes back and knows nothing of it."""
        self.pass_time(before)
        self.claim_all(claims)
        self.go_back(0)
        self.pass_time(away)
        self.look()
        if first == "cancel":
            job = self.claimable(claims[0][1])
            expected.cancel(self.world, self.before, job, self.shaken)
        elif first == "beat":
            self.beat(0)
        elif first == "upkeep":
            self.upkeep(0, rings=False)
        self.look()
        self.claim_all(again)

    @precondition(lambda self: len(self.saves) > 1)
    @rule(steps=st.integers(1, MOST_SAVES - 1), noticed=st.booleans())
    def lose_the_last_writes(self, steps: int, *, noticed: bool) -> None:
        """A power cut, or a failover. Accepted jobs may be gone with the writes."""
        self.go_back(steps)
        if noticed:
            self.world.upkeep(0)
            self.look()
