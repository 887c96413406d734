"""Jobs in review: what a person is told of them, and what a replay would do. Pure.

In review is what nobody can know, and what failed in a way that another job might not.
Such a job keeps its command, its Idempotency-Key and the moment from which Stripe's
memory of that key counts, so that replaying it never makes a second effect.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum

import msgspec

from customer_sources.contract.commands import Command
from customer_sources.contract.errors import JobNotFound, NotInReview
from customer_sources.contract.events import EVIDENCE_FIELDS, rfc3339
from customer_sources.contract.ids import replay_id
from customer_sources.contract.operations import Effect
from customer_sources.contract.states import State

HORIZON_MS = 23 * 3_600_000
"""Where no worker ever wrote down its own."""


class Does(StrEnum):
    """What a replay begins with."""

    SAME_KEY = "same_key"
    """Sends the same request under the key that Stripe has seen."""
    READS_FIRST = "reads_first"
    """Reads Stripe, and sends nothing."""
    NEW_KEY = "new_key"
    """Sends the request under a key of its own."""
    DELETES_AGAIN = "deletes_again"
    """Sends the DELETE, which has no key and needs none."""
    READS_AGAIN = "reads_again"
    """Sends the GET: nothing at Stripe changes."""
    NOTHING = "nothing"
    """Is refused: the job's record was damaged, and what it was is not known."""


class ReviewPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What replaying a job would do, were it done at this moment."""

    does: Does
    sentence: str
    """The same in words."""
    key: str = ""
    """The Idempotency-Key that would be sent; empty where none is."""
    until: datetime | None = None
    """When the same key stops being safe, and a replay would read instead."""


class ReviewItem(msgspec.Struct, frozen=True, kw_only=True):
    """A job that is in review, or was until somebody settled it."""

    id: str
    state: State
    """`needs_review`, or `failed` where another job might succeed."""
    operation: str
    account: str
    """Empty where the command cannot be read, as is what follows of it."""
    customer: str
    source_id: str
    """The source that the command names; empty on create and list."""
    code: str
    message: str
    evidence: Mapping[str, str]
    """What the worker knew beside Stripe's words: `body_sha256`, the beginning of the
    hash of our body where Stripe saw another one under the key; `existing`, the id of
    what was there already."""
    ended: datetime
    unknown: bool
    """Whether Stripe may have done it."""
    key_safe_until: datetime | None
    """Until when the same key makes no second effect; None: there is no doubt, or no
    key, or nobody knows since when Stripe has it."""
    plan: ReviewPlan | None
    """What a replay would do; None where it was settled."""
    replayed: str = ""
    """The id of the job that it was replayed as."""
    discarded: datetime | None = None
    """When it was taken out of review without a replay."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What the store holds of one job, and what is needed to judge it."""

    job_id: str
    record: Mapping[str, str]
    command: str | None
    result: str | None
    now_ms: int
    horizon_ms: int

    def read_command(self) -> Command | None:
        """Decode the command; None where it is gone, or of another version."""
        try:
            return msgspec.json.decode(self.command or "", type=Command)
        except msgspec.DecodeError:
            return None


def item(found: Found) -> ReviewItem:
    """Compose what a person is told of a job.

    Raises:
        JobNotFound: the store holds nothing of it.
        NotInReview: it is not in review, and never was.
    """
    record = found.record
    if not record:
        raise JobNotFound(found.job_id)
    if not record.get("review"):
        raise NotInReview(found.job_id, record["state"])
    command = found.read_command()
    details = msgspec.json.decode(found.result) if found.result else {}
    replayed, discarded = record.get("replayed", ""), record.get("discarded")
    safe_until = _safe_until(found)
    return ReviewItem(
        id=found.job_id,
        state=State(record["state"]),
        operation=record.get("op", ""),
        account=command.account if command else "",
        customer=command.customer if command else "",
        source_id=command.id if command else "",
        code=record.get("code", ""),
        message=str(details.get("message", "")),
        evidence={n: str(details[n]) for n in EVIDENCE_FIELDS if n in details},
        ended=_moment(record["ended"]),
        unknown=_is_unknown(record),
        key_safe_until=_moment(safe_until) if safe_until else None,
        plan=None if replayed or discarded else plan(found),
        replayed=replayed,
        discarded=_moment(discarded) if discarded else None,
    )


def unsettled(one: ReviewItem) -> ReviewPlan:
    """Return the plan of a job that nobody has settled yet.

    Raises:
        NotInReview: somebody has.
    """
    if one.plan is None:
        raise NotInReview(one.id, "replayed" if one.replayed else "discarded")
    return one.plan


def plan(found: Found) -> ReviewPlan:
    """Say what a replay would do; the new job's claim decides by the same rules."""
    effect, unknown = found.record.get("effect"), _is_unknown(found.record)
    if effect is None:
        words = "is refused: the job's record was damaged; submit it as a new one"
        return ReviewPlan(does=Does.NOTHING, sentence=words)
    if effect == Effect.NONE:
        words = "reads again: nothing at Stripe changes"
        return ReviewPlan(does=Does.READS_AGAIN, sentence=words)
    if effect == Effect.PLAIN:
        words = "sends the DELETE again"
        return ReviewPlan(does=Does.DELETES_AGAIN, sentence=words)
    if not unknown:
        words = "sends with a new key: Stripe is known to have done nothing"
        if found.record.get("code") == "idempotency_error":
            words = "sends with a new key; under the old one Stripe saw another command"
        if found.record.get("op") == "verify":
            words += "; the guess is one of the three that Stripe allows"
        key = replay_id(found.job_id)
        return ReviewPlan(does=Does.NEW_KEY, sentence=words, key=key)
    safe_until = _safe_until(found)
    if found.now_ms >= safe_until:
        past = f"the key is past its {_span(found.horizon_ms)}"
        words = f"reads Stripe and compares, sends nothing: {past}"
        return ReviewPlan(does=Does.READS_FIRST, sentence=words)
    words = f"sends again with the same key, which is safe until {rfc3339(safe_until)}"
    return ReviewPlan(
        does=Does.SAME_KEY,
        sentence=words,
        key=found.record.get("key", found.job_id),
        until=_moment(safe_until),
    )


def _is_unknown(record: Mapping[str, str]) -> bool:
    return record.get("unknown") == "1"


def _safe_until(found: Found) -> int:
    """When Stripe's memory of the key may end, in ms; 0 where that cannot be said."""
    keyed = found.record.get("effect") == Effect.KEYED
    first_sent = int(found.record.get("first_sent", 0))
    if not (keyed and first_sent and _is_unknown(found.record)):
        return 0
    return first_sent + found.horizon_ms


def _moment(milliseconds: str | int) -> datetime:
    return datetime.fromtimestamp(int(milliseconds) / 1000, tz=UTC)


def _span(milliseconds: int) -> str:
    hours = milliseconds / 3_600_000
    return f"{hours:g} h" if hours >= 1 else f"{milliseconds / 1000:g} s"
