"""Adding up what became of jobs: did the promise hold? Pure.

Three independent witnesses are compared: what was accepted, what the events told, and
what the sandbox's journal says that Stripe did.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import msgspec

from customer_sources import Event, State
from customer_sources.contract.events import TYPE_PREFIX
from customer_sources.contract.names import MARKER

TERMINAL_SUFFIX = ":terminal"
_GUESS = "source.verification_attempt_failed"
"""A wrong guess changes Stripe, one attempt of three, and its job fails."""
_CHANGES = frozenset({"source.created", "source.updated", "source.verified", _GUESS})
_READS = frozenset({"get", "list"})


class Accepted(msgspec.Struct, frozen=True):
    """One accepted job, as its producer knows it."""

    job_id: str
    operation: str
    source_id: str = ""
    may_be_absent: bool = False
    """A delete that takes a source which is not there for deleted."""

    @property
    def changes(self) -> bool:
        """Whether its success must show in the journal."""
        return self.operation not in _READS and not self.may_be_absent


class Effect(msgspec.Struct, frozen=True):
    """One change at Stripe, as the journal tells it."""

    change: str
    object: str
    metadata: Mapping[str, str]
    key: str = ""
    """The Idempotency-Key that brought it about, where it had one: the job's id."""


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """The sum. The promise held where `broken` is empty."""

    jobs: int
    events: Mapping[str, int]
    """Terminal events by kind; a failure's kind has its code."""
    effects: Mapping[str, int]
    duplicates: int
    """Effects beyond the first of a job, and terminal events likewise."""
    lost: int
    """Accepted jobs without a terminal event, and successes without an effect."""
    broken: Sequence[str]
    """Every promise that did not hold, in words."""


def add_up(
    jobs: Sequence[Accepted], events: Sequence[Event], effects: Sequence[Effect]
) -> Account:
    """Compare the three witnesses."""
    terminal = [event for event in events if event.id.endswith(TERMINAL_SUFFIX)]
    told = {event.correlationid: event for event in terminal}
    times_told = Counter(event.correlationid for event in terminal)
    succeeded = {name for name, e in told.items() if e.data["state"] == "succeeded"}
    times_done = _done_by_job(jobs, effects, succeeded)
    duplicates, lost = Counter[tuple[str, str]](), []
    for job in jobs:
        duplicates[job.job_id, "events"] = times_told[job.job_id] - 1
        duplicates[job.job_id, "effects"] = times_done[job.job_id] - 1
        if job.job_id not in told:
            lost.append(f"{job.job_id}: no terminal event")
            continue
        state, done = told[job.job_id].data["state"], times_done[job.job_id]
        if job.job_id in succeeded and not done and job.changes:
            lost.append(f"{job.job_id}: succeeded without an effect")
        undone = state in {State.FAILED, State.CANCELLED}
        if undone and done and job.operation != "verify":
            lost.append(f"{job.job_id}: {state} although Stripe did it")
    known = {job.job_id for job in jobs}
    strangers = [name for name in times_done if name not in known]
    repeated = +duplicates  # only what happened more than once
    return Account(
        jobs=len(jobs),
        events=_sorted(Counter(map(_kind, told.values()))),
        effects=_sorted(Counter(effect.change for effect in effects)),
        duplicates=repeated.total(),
        lost=len(lost),
        broken=[
            *(f"{job}: {more + 1} {what}" for (job, what), more in repeated.items()),
            *lost,
            *(f"{name}: an effect that nobody asked for" for name in strangers),
        ],
    )


def _done_by_job(
    jobs: Sequence[Accepted], effects: Sequence[Effect], succeeded: Collection[str]
) -> Counter[str]:
    """Count effects by the job that did them: by key, by marker, or by the source.

    Of several deletes of one source it was the one that says that it succeeded.
    """
    deletes: dict[str, str] = {}
    for job in jobs:
        if (
            job.operation == "delete"
            and not job.may_be_absent
            and (job.source_id not in deletes or job.job_id in succeeded)
        ):
            deletes[job.source_id] = job.job_id
    done = Counter[str]()
    for effect in effects:
        if effect.change in {"source.deleted", "source.detached"}:
            done[deletes.get(effect.object, effect.object)] += 1
        elif effect.change in _CHANGES:
            done[effect.key or effect.metadata.get(MARKER, effect.object)] += 1
    return done


def _kind(event: Event) -> str:
    """Name a terminal event by its type, and by its code where it tells a failure."""
    kind = event.type.removeprefix(TYPE_PREFIX)
    code = event.data.get("error", {}).get("code")
    return f"{kind}: {code}" if code else kind


def _sorted(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items()))
