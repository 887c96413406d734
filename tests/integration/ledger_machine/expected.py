"""What each call must answer, and what it may change, by what was there before."""

from __future__ import annotations

from typing import Any

from customer_sources import JobNotFound, State
from customer_sources.contract.errors import NotInReview
from customer_sources.contract.ids import replay_id
from customer_sources.contract.states import TERMINAL
from tests.integration.ledger_machine import permits
from tests.integration.ledger_machine.picture import Picture
from tests.integration.ledger_machine.promise import Book
from tests.integration.ledger_machine.runs import Job, Run
from tests.integration.ledger_machine.world import World
from worker.replies import Claimed, Taken, Word

SUSPECT = 2
OUTAGE_MS = 4_000
QUIET_MS = 60_000
HORIZON_MS = 23 * 3_600_000
TIE_MS = 100
"""Moments that lie so close together may be taken for one another."""


def is_running(picture: Picture, run: Run) -> bool:
    record = picture.record(run.job.id)
    return (record.get("state"), record.get("token")) == ("running", run.token)


def is_mine(picture: Picture, run: Run) -> bool:
    """Whether a run may write: nobody has claimed the job after it."""
    record = picture.record(run.job.id)
    held = record.get("state") in {"running", "queued"}
    return held and record.get("token") == run.token


def is_written(picture: Picture, run: Run, *, ends: bool | None = None) -> bool:
    """Whether this run has written already, so that it is answered the same."""
    record = picture.record(run.job.id)
    state, token = record.get("state"), run.token
    ended = state in TERMINAL and record.get("token") == token
    deferred = state == "waiting" and record.get("was") == token
    if ends is None:
        ends = type(run.decision).__name__ == "Commit"
    return ended if ends else deferred


def claim(
    picture: Picture, book: Book, job: Job, now: int, *, alone: bool, shaken: bool
) -> set[str]:
    """Name what a claim with a new token may answer."""
    record = picture.record(job.id)
    if not record or record["state"] in TERMINAL:
        return {"FINISHED"} if record else {"MISSING", "FINISHED"}
    if record["state"] == "running":
        return {"BUSY"}
    due = int(record.get("due", 0))
    if record["state"] == "waiting" and due > now + TIE_MS:
        return {"NOT_DUE"}
    wanted = {"NOT_DUE"} if due > now - TIE_MS else set()
    line = [*book.line(job.lane), job.id] if job.lane else [job.id]
    if line[0] != job.id:
        return {"BEHIND", *wanted}
    if int(record.get("crashes", 0)) >= SUSPECT and not alone:
        return {"ALONE", *wanted}
    if permits.may_be_put_in_line(picture, record, now, shaken=shaken):
        wanted.add("QUEUED")
    return {"CLAIMED", *wanted}


def doubt_begins(claimed: Claimed, now: int) -> None:
    """Nothing is said of what the store may have lost before it cannot arrive."""
    assert int(claimed.record["quiet_until"]) >= now + QUIET_MS - TIE_MS


def horizon(was: dict[str, str], claimed: Claimed, now: int) -> None:
    """What is in doubt is sent under its key as long as Stripe knows the key."""
    if was.get("unknown") != "1" or was["effect"] != "keyed":
        return
    first_sent = int(was.get("first_sent", 0))
    assert claimed.leave is not Word.GO or now < first_sent + HORIZON_MS + TIE_MS
    assert not first_sent or int(claimed.record["first_sent"]) == first_sent


def cancel(world: World, before: Picture, job: Job, shaken: set[str]) -> None:
    """Cancel a job; what is gone cannot be."""
    record = before.record(job.id)
    world.tick()
    try:
        state = world.client.cancel(job.id).state
    except JobNotFound:
        assert not record
        return
    if record and record["state"] not in TERMINAL and state in TERMINAL:
        assert state is State.CANCELLED
        assert record["state"] != "running"
        assert "unknown" not in record
        assert job.id not in shaken or job.effect == "none" or "outside" in record


def replay(world: World, before: Picture, job: Job, lost: set[str]) -> Job | None:
    """Replay a job; return the new one, where there is one."""
    record, again = before.record(job.id), replay_id(job.id)
    if again in lost:
        return None
    world.tick()
    try:
        replayed = world.client.review.replay(job.id, reason="asked")
    except (JobNotFound, NotInReview):
        assert "review" not in record or "discarded" in record or "replayed" in record
        assert world.look().lasting() == before.lasting()
        return None
    assert replayed.id == again
    assert "review" in record
    if "replayed" in record:
        assert world.look().lasting() == before.lasting(), "it was replayed twice"
    doubted = record.get("unknown") == "1"
    if "replayed" not in record:
        born = world.look().record(again)
        for name in ("unknown", "first_sent", "quiet_until") if doubted else ():
            assert born.get(name) == record.get(name), f"a replay without {name}"
    return Job(
        id=again,
        kind=job.kind,
        customer=job.customer,
        lane=job.lane,
        key=(job.key or job.id) if doubted else "",
        source=job.source,
        replay_of=job.ids,
    )


def discard(world: World, before: Picture, job: Job) -> None:
    """Discard a job; nothing but its own settling changes."""
    record = before.record(job.id)
    world.tick()
    try:
        world.client.review.discard(job.id, reason="asked")
    except (JobNotFound, NotInReview):
        assert "review" not in record or "replayed" in record
        assert world.look().lasting() == before.lasting()
        return
    assert "review" in record
    after = world.look().record(job.id)
    assert after["state"] == record["state"]


def upkeep(before: Picture, after: Picture, book: Book, taken: Taken, now: int) -> None:
    """Hold a pass of upkeep against what was due."""
    assert taken.poisoned == []
    pulse = int(before.content.get(before.keys.pulse, 0))
    for job in book.live():
        was, now_is = before.record(job.id), after.record(job.id)
        if (was["state"], now_is["state"]) == ("running", "queued"):
            assert not pulse or now - pulse <= OUTAGE_MS + TIE_MS, "after an outage"
            _taken_over(was, now_is, before.alive_until(was["holder"]), now)
        elif (was["state"], now_is["state"]) == ("waiting", "queued"):
            assert int(was["due"]) <= now + TIE_MS, "before it is due"
    for job_id in (one for ids in taken.ids.values() for one in ids):
        lane = after.record(job_id)["lane"]
        assert after.record(job_id)["state"] == "queued"
        assert not lane or book.line(lane)[0] == job_id, "rung for behind another"


def _taken_over(
    was: dict[str, str], now_is: dict[str, str], alive_until: float, now: int
) -> None:
    """What becomes of a job whose holder was silent for too long."""
    assert int(was["lease_until"]) <= now + TIE_MS, "before its lease was over"
    deaths = int(now_is.get("crashes", 0)) - int(was.get("crashes", 0))
    if abs(alive_until - now) > TIE_MS:
        assert deaths == (alive_until <= now), f"counted {deaths} deaths"
    if was.get("sent") == "1" and was["effect"] != "none":
        assert now_is.get("unknown") == "1"
        assert int(now_is["quiet_until"]) >= int(was["last_sent"]) + QUIET_MS


def without_workers(picture: Picture) -> dict[str, Any]:
    """Everything but who is alive."""
    told = picture.lasting()
    told.pop(picture.keys.workers, None)
    return told


def without_wakes(picture: Picture) -> dict[str, Any]:
    """Everything but when somebody will look."""
    start = f"{picture.keys.prefix}wake:"
    return {k: v for k, v in picture.lasting().items() if not k.startswith(start)}
