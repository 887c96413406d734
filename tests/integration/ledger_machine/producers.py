"""What producers and operators do."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from config.rates import Rates
from tests.integration.ledger_machine import expected
from tests.integration.ledger_machine.machine import PICK, Machine
from tests.integration.ledger_machine.permits import LIMITS
from tests.integration.ledger_machine.runs import Job
from tests.integration.ledger_machine.world import later

KEY_WINDOW_MS = 7 * 86_400_000
MOST_LIVE = 6
KINDS = st.sampled_from(["create", "delete", "create", "delete", "get"])
Order = dict[str, Any]
ORDERS = st.fixed_dictionaries(
    {
        "kind": KINDS,
        "customer": st.integers(0, 2),
        "keyed": st.booleans(),
        "ordered": st.booleans(),
        "ahead": st.sampled_from([0, 0, 0, 2_000, 40_000]),
        "ends": st.sampled_from([0, 0, 0, 0, 50_000]),
        "bulk": st.booleans(),
    }
)


class Producers(Machine):
    """Submit, submit again, cancel; and settle what is in review."""

    @initialize(
        orders=st.lists(ORDERS, min_size=1, max_size=4),
        limits=st.sampled_from(LIMITS),
    )
    def start(self, orders: list[Order], limits: Rates | None) -> None:
        if limits is not None:
            self.world.announce(limits)
        self.submit(orders)

    @precondition(lambda self: len(self.book.live()) < MOST_LIVE)
    @rule(orders=st.lists(ORDERS, min_size=1, max_size=3))
    def submit(self, orders: list[Order]) -> None:
        for order in orders:
            self.submit_one(**order)

    def submit_one(
        self,
        kind: str,
        customer: int,
        *,
        keyed: bool,
        ordered: bool,
        ahead: int,
        ends: int,
        bulk: bool,
    ) -> None:
        number, ordered = self.world.number(), ordered or kind != "get"
        job = Job(
            id="",
            kind=kind,
            customer=f"cus_{customer}",
            lane=f"default:cus_{customer}" if ordered else "",
            keyed=f"key-{number}" if keyed else "",
            source="" if kind == "create" else f"card_{number}",
            later=ahead > 0,
        )
        job_id = self.world.submit(
            job,
            not_before=later(ahead),
            deadline=later(ends),
            priority="bulk" if bulk else "interactive",
        )
        self.accept(job.named(job_id))

    @rule(pick=PICK)
    def submit_again(self, pick: int) -> None:
        """Repeat a key, inside its window; best where only its tombstone is left."""
        known = [job for job in self.book.jobs.values() if self.is_remembered(job)]
        known.sort(key=lambda job: bool(self.before.record(job.id)))
        if not known:
            return
        job = known[pick % len(known)]
        assert self.world.submit(job) == job.id
        assert self.world.is_conflict(job)
        assert self.unchanged(), "a repeated key changed something"

    def is_remembered(self, job: Job) -> bool:
        """Whether the job was given a key, and the window of that is open."""
        _, ended_at = self.book.ended.get(job.id, ("", self.world.now))
        return bool(job.keyed) and self.world.now < ended_at + KEY_WINDOW_MS

    @rule(pick=PICK)
    def cancel(self, pick: int) -> None:
        expected.cancel(self.world, self.before, self.job(pick), self.shaken)

    @rule(pick=PICK, again=st.sampled_from([True, True, False]))
    def settle(self, pick: int, *, again: bool) -> None:
        """Replay or discard what is in review; or try to, where nothing is."""
        reviewed = [
            job for job in self.book.jobs.values() if self.before.is_in_review(job.id)
        ]
        reviewed.sort(key=lambda job: "unknown" not in self.before.record(job.id))
        job = reviewed[pick % len(reviewed)] if reviewed else self.job(pick)
        if not again:
            expected.discard(self.world, self.before, job)
            return
        replayed = expected.replay(self.world, self.before, job, self.lost)
        if replayed is not None and replayed.id not in self.book.jobs:
            self.accept(replayed)
