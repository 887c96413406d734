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
from customer_sources.contract.states import State
from customer_sources.review import HORIZON_MS, Found
from customer_sources.testing.answers import Answers, Ending
from customer_sources.testing.records import (
    MemoryJob,
    kept_for_review,
    named,
    new_record,
    not_in_review,
    replay_of,
    settled,
)
from customer_sources.testing.stream import Stream
from customer_sources.testing.watches import MemoryWatches

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


class MemoryLedger:
    """Jobs and events in memory. Threads may share it; it starts none."""

    def __init__(self, runs: Runs) -> None:
        self.answers = Answers()
        self.stream = Stream(self.somebody_waits)
        self.watches = MemoryWatches(self.stream)
        self.commands: list[Command] = []
        """What was accepted, in order."""
        self._runs = runs
        self._jobs: dict[str, MemoryJob] = {}
        self._lock = RLock()

    def submit(self, arguments: Sequence[str | int]) -> list[Any]:
        """Accept a job, as submit.lua does."""
        told = named(arguments)
        command = msgspec.json.decode(told["command"], type=Command)
        with self._lock:
            now = self.now_ms()
            known = self._jobs.get(told["id"])
            if known is not None:
                word = "SAME" if known.record["fp"] == told["fp"] else "CONFLICT"
                return [word, known.state.value, now, 0]
            record = new_record(told, command, now)
            self._jobs[told["id"]] = job = MemoryJob(record, told["command"])
            self.commands.append(command)
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
            if "review" in job.record and not settled(job)
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
            now_ms=self.now_ms(),
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
            if refused := not_in_review(job):
                return refused
            now = self.now_ms()
            self._jobs[new_id] = again = replay_of(job_id, job, now)
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
            if refused := not_in_review(job):
                return refused
            now = self.now_ms()
            job.record["discarded"] = str(now)
            self.stream.add(event.decode(), now)
            return ["DISCARDED"]

    def run(self) -> int:
        """Run what is due, in the order in which it became due; return how many."""
        with self._lock:
            now = self.now_ms()
            live = [job for job in self._jobs.items() if not job[1].state.is_terminal]
            due = [item for item in live if item[1].starts <= now]
            for job_id, job in sorted(due, key=lambda item: item[1].starts):
                self._run(job_id, job, now)
            self.watches.attend(now)
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

    def _run(self, job_id: str, job: MemoryJob, now: int) -> None:
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
            job_id,
            command,
            ending.state,
            now_ms=now,
            details=ending.details,
            outcome=ending.code,
        )
        result = msgspec.json.encode(ending.details).decode()
        self._finish(job, ending.state, ending.code, result, event.encode().decode())
        self.watches.heed(job_id, command, ending, now)

    def _finish(
        self, job: MemoryJob, state: State, code: str, result: str, event: str
    ) -> None:
        """Write the end and the event together; keep of the record what stays."""
        now = self.now_ms()
        kept = {name: job.record[name] for name in ("fp", "op", "at")}
        runs = "0" if state is State.CANCELLED else "1"
        ended = {"state": state.value, "ended": str(now), "runs": runs, "code": code}
        if state is State.NEEDS_REVIEW or code in _RETRYABLE:
            kept |= kept_for_review(job.record, state, now)
        else:
            job.command = None
        job.record, job.result = kept | ended, result
        self.stream.add(event, now)

    def now_ms(self) -> int:
        """Say what time it is here, which a test can let pass."""
        return time.time_ns() // 1_000_000 + round(self.stream.passed * 1000)
