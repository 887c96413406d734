"""What becomes of jobs in line for a permit, and of the account that they wait for."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from customer_sources.contract.names import DEFAULT_ACCOUNT
from tests.integration.ledger_machine import permits
from tests.integration.ledger_machine.machine import WORKER
from tests.integration.ledger_machine.stripe import Answer
from tests.integration.ledger_machine.workers import ANSWERS, FATES, Fate, Workers
from worker.feedback import Slow

ROOM = st.sampled_from([0, 1, 2, 8, 8])
LATE_MS = permits.GOOD_FOR_MS + permits.TIE_MS + 1
WHEN = st.sampled_from(["at once", "at once", "late", "never"])
USES = st.lists(st.tuples(WHEN, FATES, ANSWERS), min_size=1, max_size=3)
Use = tuple[str, Fate, Answer]
OPERATION = st.sampled_from(["create", "delete"])


class Lines(Workers):
    """Permits are granted, used, or left unused; and an account's key is refused."""

    @precondition(lambda self: self.before.gates())
    @rule(worker=WORKER, most=ROOM, lower=ROOM, uses=USES)
    def grant(self, worker: int, most: int, lower: int, uses: list[Use]) -> None:
        """Let some of those in line go. A worker may be slow to claim them, or die."""
        ids = self.let_go(most, lower)
        for job_id, (when, fate, answer) in zip(ids, uses, strict=False):
            if when == "late":
                self.pass_time(LATE_MS)
            if when != "never":
                job = self.book.jobs[job_id]
                self.try_claim(worker, job, alone=True, fate=fate, answer=answer)
                self.look()

    def let_go(self, most: int, lower: int) -> list[str]:
        """Let a worker's gate look once; name who was granted a permit."""
        rates = self.world.rates
        given = self.world.call(lambda: rates.grant(most, min(most, lower)))
        before = self.before
        self.look()
        room = most, min(most, lower)
        permits.granted(before, self.before, given, room, self.world.now)
        return list(given.ids)

    @rule(operation=OPERATION)
    def suspend(self, operation: str) -> None:
        """An account's key is refused; by many answers at once, perhaps."""
        key = self.before.account().get("key", "")
        word = self.world.call(
            lambda: self.world.rates.suspend(DEFAULT_ACCOUNT, key, "401", operation)
        )
        was_suspended = "suspended" in self.before.account()
        assert word == ("ALREADY" if was_suspended else "SUSPENDED")
        self.told("suspended", times=int(not was_suspended))

    @precondition(lambda self: "suspended" in self.before.account())
    @rule()
    def resume(self) -> None:
        """An operator, or a probe that was answered, lets its jobs go on."""
        assert self.resumed() == "RESUMED"
        self.told("resumed", times=1)
        assert self.resumed() == "NOT_SUSPENDED"

    def resumed(self) -> str:
        rates = self.world.rates
        return self.world.call(lambda: rates.resume(DEFAULT_ACCOUNT, "asked"))

    @rule(operation=st.sampled_from(["", "create"]), age=st.sampled_from([0.0, 2.0]))
    def slow_down(self, operation: str, age: float) -> None:
        """A limiter of Stripe's says that we are too fast."""
        slow = Slow("rate", operation, "endpoint-rate")
        self.world.call(lambda: self.world.rates.slow(DEFAULT_ACCOUNT, slow, age))

    def told(self, what: str, *, times: int) -> None:
        """Hold that this was told so often of the account in the present step."""
        new = self.world.look().events()[len(self.before.events()) :]
        types = [event["type"].rpartition(".")[2] for event in new]
        assert types == [what] * times
