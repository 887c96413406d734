"""The machine without its rules: what it remembers, and when it looks."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant

from tests.integration.ledger_machine.permits import Tally
from tests.integration.ledger_machine.picture import Picture
from tests.integration.ledger_machine.promise import Book, broken, doubt_lost
from tests.integration.ledger_machine.runs import TIE_MS, Job, Run
from tests.integration.ledger_machine.stripe import Stripe
from tests.integration.ledger_machine.world import WORKERS, Bench, World

MOST_SAVES = 6
PICK = st.integers(0, 11)
ANY = 10
"""A pick from which on anything is chosen, whether it makes sense or not."""
WORKER = st.integers(0, WORKERS - 1)


class Machine(RuleBasedStateMachine):
    """One ledger, all that was done to it, and a look at it after each step."""

    bench: Bench

    def __init__(self) -> None:
        super().__init__()
        self.world = World(self.bench)
        self.stripe = Stripe()
        self.book = Book()
        self.runs: list[Run] = []
        """What workers are at."""
        self.past: list[Run] = []
        """What they have been at, and may repeat."""
        self.lost: set[str] = set()
        """Jobs that the store has lost, and that nobody submits again."""
        self.shaken: set[str] = set()
        """Jobs of which the store may have lost a send, as far as it can know."""
        self.proved: set[str] = set()
        """Jobs of which the present step has learned what became of them."""
        self.tally = Tally()
        self.before = self.world.look()
        self.looked_at = self.world.now
        self.saves: deque[tuple[int, Picture, Book]] = deque(maxlen=MOST_SAVES)
        """What the disk had after each of the last steps, and when."""

    def job(self, pick: int) -> Job:
        """Choose a job: the first of lanes and those that stand in none come first."""
        heads = {line[0] for lane in self.book.lanes if (line := self.book.line(lane))}
        ended = self.book.ended

        def place(job: Job) -> int:
            return 2 if job.id in ended else int(bool(job.lane) and job.id not in heads)

        jobs = sorted(self.book.jobs.values(), key=place)
        return jobs[pick % len(jobs)]

    def claimable(self, pick: int) -> Job:
        """Choose a job that looks as if it can be claimed; sometimes any."""
        jobs = [
            job
            for job in self.book.live()
            if self.before.record(job.id)["state"] != "running"
            and int(self.before.record(job.id).get("due", 0)) < self.world.now + TIE_MS
            and (not job.lane or self.book.line(job.lane)[:1] in ([], [job.id]))
        ]
        jobs.sort(key=lambda job: "line" in self.before.record(job.id))
        return jobs[pick % len(jobs)] if jobs and pick < ANY else self.job(pick)

    def run(self, pick: int) -> Run:
        """Choose a run that a worker is at."""
        return self.runs[pick % len(self.runs)]

    def stop(self, run: Run) -> None:
        """Let a worker be done with a run."""
        self.runs.remove(run)
        self.past.append(run)

    def unchanged(self) -> bool:
        """Whether this step has changed nothing yet, but for marks of the clock."""
        return self.world.look().lasting() == self.before.lasting()

    def look(self) -> None:
        """Look at the ledger in the middle of a step."""
        wrong = list(self.see(self.world.look()))
        assert not wrong, "; ".join(wrong)

    def see(self, after: Picture) -> Iterator[str]:
        """Take in what the ledger is like now; name what cannot have come to be."""
        yield from self.book.follow(after, self.world.now)
        yield from self.tally.note(self.before, after, self.looked_at, self.world.now)
        self.before, self.looked_at = after, self.world.now

    def go_back(self, steps: int) -> None:
        """Let the store lose its last writes. Workers and Stripe go on as they are."""
        for _ in range(min(steps, len(self.saves) - 1)):
            self.saves.pop()
        at, picture, book = self.saves[-1]
        self.lost |= self.book.jobs.keys() - book.jobs.keys()
        self.world.go_back(picture, self.world.now - at)
        self.book, self.tally, self.before = book.copy(), Tally(), picture
        self.shaken |= book.jobs.keys()
        self.look()

    def accept(self, job: Job) -> None:
        """Write an accepted job down."""
        self.book.add(job)
        if not self.world.look().is_noticed:
            self.shaken.add(job.id)

    @invariant()
    def the_promise_holds(self) -> None:
        before, after = self.before, self.world.look()
        wrong = list(self.see(after))
        wrong += broken(after, self.book, self.stripe, self.world.now)
        forgot = doubt_lost(before, after, self.book) - self.proved
        wrong += [f"{job_id} is not in doubt any more" for job_id in sorted(forgot)]
        assert not wrong, "; ".join(wrong)
        self.proved.clear()
        self.saves.append((self.world.now, after, self.book.copy()))

    def teardown(self) -> None:
        self.world.close()
