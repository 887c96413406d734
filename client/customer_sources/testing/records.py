"""Records of the ledger in memory, as those of the store are written."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from customer_sources.contract.commands import Command
from customer_sources.contract.moments import span_ms
from customer_sources.contract.names import DEFAULT_ACCOUNT
from customer_sources.contract.states import State

_SUBMITTED = (
    *("prefix", "id", "fp", "op", "effect", "class", "lane", "not_before"),
    *("deadline", "v", "keyed", "command", "queue", "message"),
    *("inbox", "group", "entry", "account", "when"),
)
"""The arguments of submit.lua, in the order of its header."""
DEPOSITS_TAKE = timedelta(days=4)
"""Until deposits have arrived, in memory: two banking days with a weekend between. The
days on which banks work are known to workers alone."""


class MemoryJob:
    """A record, its command and its result, as the store has them."""

    def __init__(self, record: dict[str, str], command: str) -> None:
        self.record = record
        self.command: str | None = command
        self.result: str | None = None

    @property
    def state(self) -> State:
        """What its record says."""
        return State(self.record["state"])

    @property
    def starts(self) -> int:
        """The first moment (ms) at which it may run, by which jobs take turns."""
        return int(self.record.get("due", self.record["at"]))


def named(arguments: Sequence[str | int]) -> dict[str, str]:
    """Give the arguments of submit.lua by their names."""
    return {n: str(v) for n, v in zip(_SUBMITTED, arguments, strict=True)}


def settled(job: MemoryJob) -> str:
    """Say how a job was settled, if it was."""
    return next((one for one in ("replayed", "discarded") if one in job.record), "")


def not_in_review(job: MemoryJob) -> list[str]:
    """Answer for a job that cannot be settled; empty where it can."""
    how = settled(job)
    if "review" in job.record and not how:
        return []
    return ["NOT_IN_REVIEW", how or job.state.value]


def replay_of(job_id: str, job: MemoryJob, now: int) -> MemoryJob:
    """Make the new job of a replay."""
    carried = ["fp", "op", "effect", "class", "lane", "v"]
    carried += ["acct"] if "acct" in job.record else []
    record = {"state": State.QUEUED.value, "at": str(now)}
    if job.record.get("unknown") == "1":
        record["key"] = job.record.get("key", job_id)
        carried += ["unknown", "first_sent"]
    record |= {name: job.record[name] for name in carried}
    assert job.command is not None  # noqa: S101  kept in review
    return MemoryJob(record, job.command)


def kept_for_review(record: dict[str, str], state: State, now: int) -> dict[str, str]:
    """Keep what a replay needs, as `finish` of prelude.lua does."""
    names = ("class", "lane", "v", "effect", "key", "first_sent", "acct")
    kept = {"review": "1"} | {n: record[n] for n in names if n in record}
    if state is State.NEEDS_REVIEW:
        kept = {"first_sent": str(now), "unknown": "1"} | kept
    return kept


def new_record(told: dict[str, str], command: Command, now: int) -> dict[str, str]:
    """Write the record of a new job."""
    names = ("fp", "op", "effect", "class", "lane", "v")
    record = {"state": State.QUEUED.value, "at": str(now)}
    record |= {name: told[name] for name in names}
    not_before = _moment(told["not_before"], now)
    if command.when:
        not_before = max(not_before, command.added_at + span_ms(DEPOSITS_TAKE))
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
