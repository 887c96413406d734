"""What must hold of a ledger at any moment, whatever happened to it before.

Numbers are those of docs/ledger.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

from customer_sources.contract.states import TERMINAL, State
from tests.audit import leaks
from tests.integration.ledger_machine.permits import PROBE_MS, line_of
from tests.integration.ledger_machine.picture import Picture
from tests.integration.ledger_machine.runs import Job
from tests.integration.ledger_machine.stripe import Stripe

SLOWEST_MS = 30_000
TIE_MS = 500
NOTHING_DONE = {State.FAILED.value, State.CANCELLED.value}


@dataclass
class Book:
    """What a careful observer has written down; goes back together with the store."""

    jobs: dict[str, Job] = field(default_factory=dict)
    lanes: dict[str, list[str]] = field(default_factory=dict)
    """Jobs of each lane in the order in which they joined it, ended ones too."""
    ended: dict[str, tuple[str, int]] = field(default_factory=dict)
    """How each job ended, and when."""

    def copy(self) -> Book:
        lanes = {lane: list(ids) for lane, ids in self.lanes.items()}
        return Book(dict(self.jobs), lanes, dict(self.ended))

    def add(self, job: Job) -> None:
        self.jobs[job.id] = job
        if job.lane and not job.later:
            self.join(job)

    def join(self, job: Job) -> None:
        self.lanes.setdefault(job.lane, []).append(job.id)

    def has_joined(self, job: Job) -> bool:
        return not job.lane or job.id in self.lanes.get(job.lane, [])

    def live(self) -> list[Job]:
        return [job for job in self.jobs.values() if job.id not in self.ended]

    def line(self, lane: str) -> list[str]:
        """The live jobs of a lane, in order."""
        return [one for one in self.lanes.get(lane, []) if one not in self.ended]

    def follow(self, picture: Picture, now: int) -> Iterator[str]:
        """Write down what has ended, and who has joined a lane on his date."""
        for job in self.live():
            record = picture.record(job.id)
            if not record:
                yield f"{job.id} was accepted, and is gone"
            elif record["state"] in TERMINAL:
                self.ended[job.id] = record["state"], now
        joined = [
            job
            for job in self.live()
            if not self.has_joined(job) and "outside" not in picture.record(job.id)
        ]
        lanes = picture.lanes()
        # Those of one pass in the order of their dates, which the pass alone knows.
        for job in sorted(joined, key=lambda job: _place(lanes, job)):
            self.join(job)


def _place(lanes: dict[str, list[str]], job: Job) -> int:
    line = lanes.get(job.lane, [])
    return line.index(job.id) if job.id in line else len(line)


def broken(picture: Picture, book: Book, stripe: Stripe, now: int) -> Iterator[str]:
    """Name everything that does not hold."""
    yield from _looked_at_too_late(picture, book, now)  # 1
    yield from leaks(cast("Any", picture), picture.keys)  # 1, 6
    yield from _told_wrongly(picture, book)
    yield from _out_of_order(picture, book)
    yield from _in_line_wrongly(picture, book, now)
    yield from _not_hurried(picture)
    yield from _untrue(book, stripe)


def _looked_at_too_late(picture: Picture, book: Book, now: int) -> Iterator[str]:
    """1: a wake-up is no promise if it is never; a ring again takes half a minute."""
    wakes = picture.wakes()
    for job in book.live():
        record = picture.record(job.id)
        names = ("deadline",) if "line" in record else ("due", "lease_until")
        moments = (int(record.get(name, 0)) for name in names)
        if wakes.get(job.id, 0) > max(now + SLOWEST_MS, *moments) + TIE_MS:
            yield f"{job.id} is {record['state']} and will be looked at too late"


def _told_wrongly(picture: Picture, book: Book) -> Iterator[str]:
    """2: an end is written once, and told once, with the state."""
    told = Counter(event["id"] for event in picture.events())
    for job_id in book.jobs:
        times = told[f"{job_id}:terminal"]
        if times != (job_id in book.ended):
            yield f"{job_id} was told {times} times"
    for job_id, (state, _) in book.ended.items():
        record = picture.record(job_id)
        if record and record["state"] != state:
            yield f"{job_id} ended as {state} and is {record['state']}"


def _out_of_order(picture: Picture, book: Book) -> Iterator[str]:
    """4: a lane holds its live jobs in order, and runs one at most."""
    lanes = picture.lanes()
    for lane in lanes.keys() | book.lanes.keys():
        stands, line = lanes.get(lane, []), book.line(lane)
        if stands != line:
            yield f"lane {lane} is {stands}, and was joined as {line}"
        running = [
            one for one in stands if picture.record(one).get("state") == "running"
        ]
        if len(running) > 1:
            yield f"lane {lane} runs {running}"


def _in_line_wrongly(picture: Picture, book: Book, now: int) -> Iterator[str]:
    """1: who waits for a permit stands in his line, and nobody else does."""
    lines, heads = picture.lines(), {line[0] for line in picture.lanes().values()}
    stands = {(name, one) for name, line in lines.items() for one in line}
    wanted = set()
    for job in book.live():
        record = picture.record(job.id)
        if "line" in record:
            wanted.add((line_of(record), job.id))
            if record["state"] != "queued":
                yield f"{job.id} stands in line and is {record['state']}"
            if job.lane and job.id not in heads:
                yield f"{job.id} stands in line, and behind others"
    if stands != wanted:
        yield f"in line are {stands}, and should be {wanted}"
    for gate, when in picture.gates().items():
        if when > now + PROBE_MS + TIE_MS:
            yield f"gate {gate} will be looked at too late"


def _not_hurried(picture: Picture) -> Iterator[str]:
    """Nobody keeps an interactive job waiting in its lane who is not in a hurry."""
    for lane, ids in picture.lanes().items():
        first, *others = [picture.record(one).get("class") for one in ids]
        if "interactive" in others and first != "interactive":
            yield f"lane {lane} has an interactive job behind a {first} one"


def _untrue(book: Book, stripe: Stripe) -> Iterator[str]:
    """5: what was done at Stripe is never told as not done. And it is done once."""
    for subject, times in stripe.effects.items():
        if times > 1:
            yield f"{subject} was done {times} times"
    for job_id, (state, _) in book.ended.items():
        job = book.jobs[job_id]
        # What a replay did is no lie of the job before it.
        if state in NOTHING_DONE and stripe.done_by.get(job.subject) in job.ids:
            yield f"{job_id} ended as {state}, and it was done"


def doubt_lost(before: Picture, after: Picture, book: Book) -> set[str]:
    """Name the jobs whose outcome was unknown before and is not now."""
    return {
        job_id
        for job_id in book.jobs
        if before.record(job_id).get("unknown") == "1"
        and after.record(job_id)
        and "unknown" not in after.record(job_id)
    }
