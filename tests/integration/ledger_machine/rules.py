"""All rules together, and the end: whatever was left behind, every job ends."""

from __future__ import annotations

from collections.abc import Sequence

from tests.integration.ledger_machine.clock import HOUR_MS, Clock
from tests.integration.ledger_machine.lines import Lines
from tests.integration.ledger_machine.permits import PROBE_MS
from tests.integration.ledger_machine.producers import Producers
from tests.integration.ledger_machine.stripe import Answer
from tests.integration.ledger_machine.workers import Fate

MOST_ROUNDS = 40
"""For each job and some to begin with; a dozen do."""
STAYS = {"account:default", "accounts", "events", "meta", "pulse", "review"}


class LedgerMachine(Producers, Clock, Lines):
    """One ledger, and everything that can happen to it."""

    def teardown(self) -> None:
        try:
            if self.book.jobs and self.saves:
                self.every_job_ends()
                self.nothing_is_left()
        finally:
            self.world.close()

    def every_job_ends(self) -> None:
        """7: one worker that is well, and rings that are heard, are enough."""
        self.runs.clear()
        self.look()
        self.resumed()
        rounds = MOST_ROUNDS * (1 + len(self.book.jobs))
        while self.book.live() and (rounds := rounds - 1):
            self.work_for_a_moment()
        assert [job.id for job in self.book.live()] == [], "they never end"

    def work_for_a_moment(self) -> None:
        """Wait until something is due; ring; run what was rung for to its end."""
        looks = [*self.before.wakes().values(), *self.before.gates().values()]
        first = int(min(looks, default=0))
        self.pass_time(max(2_000, first - self.world.now))
        # Upkeep went on all the while, and found nothing due.
        self.world.db.set(self.world.keys.pulse, self.world.now)
        self.beat(0)
        self.upkeep(0, rings=True)
        while ids := self.world.next_message():
            self.run_to_the_end(ids)
        while ids := self.let_go(most=4, lower=4):
            self.run_to_the_end(ids)
        self.the_promise_holds()

    def run_to_the_end(self, ids: Sequence[str]) -> None:
        """Run jobs, and be told what is hoped for."""
        for job_id in [one for one in ids if one in self.book.jobs]:
            job = self.book.jobs[job_id]
            self.look()
            self.try_claim(0, job, alone=True, fate=Fate.RECORDED, answer=Answer.OK)
            self.the_promise_holds()

    def nothing_is_left(self) -> None:
        """6: nothing outlives its retention."""
        while self.world.next_message():
            pass
        self.pass_time(PROBE_MS)
        assert self.let_go(most=1, lower=1) == []
        self.pass_time(31 * 24 * HOUR_MS)
        keys = self.world.look().content
        names = {key.removeprefix(self.world.keys.prefix) for key in keys}
        assert names <= STAYS
