"""The ledger in memory, and the worker on it: submit, cancel and run, in one process.

`submit` and `cancel` take the arguments of submit.lua and cancel.lua and answer in
their words, so the client's own code composes and reads them.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum
from threading import RLock
from typing import Any

import msgspec

from customer_sources.contract.commands import MODE_MISMATCH, Command, mode_refusal
from customer_sources.contract.events import terminal_event
from customer_sources.contract.names import DEFAULT_ACCOUNT
from customer_sources.contract.states import State
from customer_sources.review import HORIZON_MS, Found
from customer_sources.testing.answers import Answers, Ending
from customer_sources.testing.stream import Stream

_SUBMITTED = (
    *("prefix", "id", "fp", "op", "effect", "class", "lane", "not_before"),
    *("deadline", "v", "keyed", "command", "queue", "message"),
    *("inbox", "group", "entry", "account"),
)
"""The arguments of submit.lua, in the order of its header."""
_TOO_LATE = Ending(
    State.FAILED,
    "deadline_passed",
    {
        "code": "deadline_passed",
        "message": "the deadline passed before an answer decided the job",
    },
)

_RETRYABLE = ("processing_error", "deadline_passed", MODE_MISMATCH)
"""Codes of failures that come to review, because another job might succeed."""


class Runs(StrEnum):
    """When jobs are run."""

    ON_RESULT = "on_result"
    """When somebody waits: for a result, or for an event."""
    AT_ONCE = "at_once"
    """Before the call that submitted them returns."""
    BY_HAND = "by_hand"
    """When the test calls `run()`."""


class _Job:
    """A record, its command and its result, as the store has them."""

    def __init__(self, record: dict[str, str], command: str) -> None:
        self.record = record
        self.command: str | None = command
        self.result: str | None = None

    @property
    def state(self) -> State:
        return State(self.record["state"])

    @property
    def starts(self) -> int:
        """The first moment (ms) at which it may run, by which jobs take turns."""
        return int(self.record.get("due", self.record["at"]))


class MemoryLedger:
    """Jobs and events in memory. Threads may share it; it starts none."""

    def __init__(self, runs: Runs) -> None:
        self.answers = Answers()
        self.stream = Stream(self.somebody_waits)
        self.commands: list[Command] = []
        """What was accepted, in order."""
        self._runs = runs
        self._jobs: dict[str, _Job] = {}
        self._lock = RLock()

    def submit(self, arguments: Sequence[str | int]) -> list[Any]:
        """Accept a job, as submit.lua does."""
        told = {n: str(v) for n, v in zip(_SUBMITTED, arguments, strict=True)}
        with self._lock:
            now = self._now_ms()
            known = self._jobs.get(told["id"])
            if known is not None:
                word = "SAME" if known.record["fp"] == told["fp"] else "CONFLICT"
                return [word, known.state.value, now, 0]
            self._jobs[told["id"]] = job = _Job(_record(told, now), told["command"])
            self.commands.append(msgspec.json.decode(told["command"], type=Command))
            reply = ["ACCEPTED", job.state.value, now, 0]
            if self._runs is Runs.AT_ONCE:
                self.run()
            return reply

    def cancel(self, arguments: Sequence[Any]) -> list[str]:
        """End a job that has not run, as cancel.lua does."""
        _, job_id, result, event, *_ = arguments
        with self._lock:
            job = self._jobs.get(job_id)
            if job is None:
                return ["MISSING", ""]
            if job.state.is_terminal:
                return ["FINISHED", job.state.value]
            cancelled = State.CANCELLED
            self._finish(job, cancelled, cancelled, result.decode(), event.decode())
            return ["CANCELLED", cancelled]

    def read(self, job_id: str) -> tuple[dict[str, str], str | None]:
        """Return the record, empty where there is none, and the result."""
        job = self._jobs.get(job_id)
        return ({}, None) if job is None else (dict(job.record), job.result)

    def command(self, job_id: str) -> Command | None:
        """Return the command of a job that is live or in review."""
        job = self._jobs.get(job_id)
        if job is None or job.command is None:
            return None
        return msgspec.json.decode(job.command, type=Command)

    def in_review(self) -> list[tuple[str, float]]:
        """List jobs in review with the moment at which they ended, newest first."""
        ended = [
            (job_id, float(job.record["ended"]))
            for job_id, job in self._jobs.items()
            if "review" in job.record and not _settled(job)
        ]
        return sorted(ended, key=lambda entry: -entry[1])

    def found(self, job_id: str) -> Found:
        """Return all there is of a job, as the real client reads it."""
        job = self._jobs.get(job_id)
        return Found(
            job_id=job_id,
            record=dict(job.record) if job else {},
            command=job.command if job else None,
            result=job.result if job else None,
            now_ms=self._now_ms(),
            horizon_ms=HORIZON_MS,
        )

    def replay(self, arguments: Sequence[Any]) -> list[str]:
        """Run a job in review again, as replay.lua does."""
        _, job_id, new_id, _, _, event, *_ = arguments
        with self._lock:
            job = self._jobs.get(job_id)
            if job is None:
                return ["MISSING"]
            if "replayed" in job.record:
                return ["ALREADY", new_id, self._jobs[new_id].state.value]
            if refused := _not_in_review(job):
                return refused
            now = self._now_ms()
            self._jobs[new_id] = again = _again(job_id, job, now)
            self.commands.append(msgspec.json.decode(again.command or "", type=Command))
            job.record["replayed"] = new_id
            self.stream.add(event.decode(), now)
            if self._runs is Runs.AT_ONCE:
                self.run()
            return ["REPLAYED", new_id, again.state.value]

    def discard(self, arguments: Sequence[Any]) -> list[str]:
        """Take a job out of review, as discard.lua does."""
        _, job_id, event, *_ = arguments
        with self._lock:
            job = self._jobs.get(job_id)
            if job is None:
                return ["MISSING"]
            if "discarded" in job.record:
                return ["ALREADY"]
            if refused := _not_in_review(job):
                return refused
            now = self._now_ms()
            job.record["discarded"] = str(now)
            self.stream.add(event.decode(), now)
            return ["DISCARDED"]

    def run(self) -> int:
        """Run what is due, in the order in which it became due; return how many."""
        with self._lock:
            now = self._now_ms()
            live = [job for job in self._jobs.items() if not job[1].state.is_terminal]
            due = [item for item in live if item[1].starts <= now]
            for job_id, job in sorted(due, key=lambda item: item[1].starts):
                self._run(job_id, job, now)
            return len(due)

    def advance(self, span: timedelta) -> None:
        """Let time pass."""
        if span < timedelta(0):
            raise ValueError("time goes forward only")
        self.stream.passed += span.total_seconds()
        if self._runs is Runs.AT_ONCE:
            self.run()

    def somebody_waits(self) -> None:
        """Run what is due, if a wait is to make it run."""
        if self._runs is not Runs.BY_HAND:
            self.run()

    def _run(self, job_id: str, job: _Job, now: int) -> None:
        command = self.command(job_id)
        assert command is not None  # noqa: S101  it is live
        too_late = 0 < int(job.record.get("deadline", 0)) <= now
        wrong_mode = mode_refusal(command, is_live=False)
        if too_late:
            ending = _TOO_LATE
        elif wrong_mode:
            ending = Ending(State.FAILED, wrong_mode["code"], wrong_mode)
        else:
            ending = self.answers.take(command)
        event = terminal_event(
            job_id, command, ending.state, now_ms=now, details=ending.details
        )
        result = msgspec.json.encode(ending.details).decode()
        self._finish(job, ending.state, ending.code, result, event.encode().decode())

    def _finish(
        self, job: _Job, state: State, code: str, result: str, event: str
    ) -> None:
        """Write the end and the event together; keep of the record what stays."""
        now = self._now_ms()
        kept = {name: job.record[name] for name in ("fp", "op", "at")}
        runs = "0" if state is State.CANCELLED else "1"
        ended = {"state": state.value, "ended": str(now), "runs": runs, "code": code}
        if state is State.NEEDS_REVIEW or code in _RETRYABLE:
            kept |= _kept_for_review(job.record, state, now)
        else:
            job.command = None
        job.record, job.result = kept | ended, result
        self.stream.add(event, now)

    def _now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + round(self.stream.passed * 1000)


def _settled(job: _Job) -> str:
    """Say how a job was settled, if it was."""
    return next((one for one in ("replayed", "discarded") if one in job.record), "")


def _not_in_review(job: _Job) -> list[str]:
    """Answer for a job that cannot be settled; empty where it can."""
    settled = _settled(job)
    if "review" in job.record and not settled:
        return []
    return ["NOT_IN_REVIEW", settled or job.state.value]


def _again(job_id: str, job: _Job, now: int) -> _Job:
    """Make the new job of a replay."""
    carried = ["fp", "op", "effect", "class", "lane", "v"]
    carried += ["acct"] if "acct" in job.record else []
    record = {"state": State.QUEUED.value, "at": str(now)}
    if job.record.get("unknown") == "1":
        record["key"] = job.record.get("key", job_id)
        carried += ["unknown", "first_sent"]
    record |= {name: job.record[name] for name in carried}
    assert job.command is not None  # noqa: S101  kept in review
    return _Job(record, job.command)


def _kept_for_review(record: dict[str, str], state: State, now: int) -> dict[str, str]:
    """Keep what a replay needs, as `finish` of prelude.lua does."""
    names = ("class", "lane", "v", "effect", "key", "first_sent", "acct")
    kept = {"review": "1"} | {n: record[n] for n in names if n in record}
    if state is State.NEEDS_REVIEW:
        kept = {"first_sent": str(now), "unknown": "1"} | kept
    return kept


def _record(told: dict[str, str], now: int) -> dict[str, str]:
    """Write the record of a new job."""
    names = ("fp", "op", "effect", "class", "lane", "v")
    record = {"state": State.QUEUED.value, "at": str(now)}
    record |= {name: told[name] for name in names}
    not_before = _moment(told["not_before"], now)
    deadline = _moment(told["deadline"], now)
    if deadline:
        record["deadline"] = str(deadline)
    if told["keyed"] == "1":
        record["keyed"] = "1"
    if told["account"] != DEFAULT_ACCOUNT:
        record["acct"] = told["account"]
    if not_before > now:
        record |= {"state": State.WAITING.value, "due": str(not_before), "outside": "1"}
    return record


def _moment(text: str, now: int) -> int:
    """Read a moment as a producer gives it: absolute, or signed from now."""
    return max(1, now + int(text)) if text[0] in "+-" else int(text)
