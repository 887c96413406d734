"""What the sync and the async review share: arguments in, answers out. Pure."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from customer_sources import review
from customer_sources.calls import EVENTS_HARD_CAP
from customer_sources.contract.card_data import holds_card_number
from customer_sources.contract.envelope import envelope
from customer_sources.contract.errors import (
    CommandInvalid,
    JobNotFound,
    NotInReview,
    Problem,
)
from customer_sources.contract.ids import replay_id
from customer_sources.contract.masking import mask_sentence
from customer_sources.contract.names import (
    ACCOUNT_RULE,
    Class,
    Keys,
    is_account_name,
)
from customer_sources.contract.notices import settled_event
from customer_sources.contract.operations import OPERATIONS
from customer_sources.contract.states import State
from customer_sources.contract.texts import text_problems
from customer_sources.review import Found, ReviewItem

PAGE = 100
"""Jobs that are read at once."""
LONGEST_REASON = 500
LONGEST_ACTOR = 100
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class Wanted(NamedTuple):
    """Which jobs in review are wanted; what is empty wants all."""

    code: str = ""
    operation: str = ""
    customer: str = ""
    since: datetime | None = None
    until: datetime | None = None
    limit: int | None = None
    account: str = ""

    def checked(self) -> Wanted:
        """Return it as it is, if it can match anything.

        Raises:
            CommandInvalid: it cannot; a slip, most likely.
        """
        problems = [
            Problem(name, "has no time zone; use datetime.now(UTC), for example")
            for name in ("since", "until")
            if (moment := getattr(self, name)) is not None and moment.tzinfo is None
        ]
        if self.operation and self.operation not in OPERATIONS:
            known = ", ".join(OPERATIONS)
            problems.append(Problem("operation", f"unknown; one of: {known}"))
        if self.account and not is_account_name(self.account):
            problems.append(Problem("account", f"not a name: {ACCOUNT_RULE}"))
        if self.limit is not None and self.limit < 0:
            problems.append(Problem("limit", "must not be negative"))
        if problems:
            raise CommandInvalid(problems)
        return self

    def takes(self, item: ReviewItem) -> bool:
        """Whether a job is wanted, and still in review."""
        return (
            item.plan is not None
            and self.code in {"", item.code}
            and self.operation in {"", item.operation}
            and self.customer in {"", item.customer}
            and self.account in {"", item.account}
        )


class Cursor:
    """Where a listing is: newest first, and nobody twice, whoever leaves meanwhile.

    Positions would shift under a caller who replays what it is given. So the next page
    begins at the moment at which this one ended, without those that were given.
    """

    def __init__(self, wanted: Wanted) -> None:
        self.newest = "+inf" if wanted.until is None else f"({_ms(wanted.until)}"
        self.oldest = "-inf" if wanted.since is None else str(_ms(wanted.since))
        self._given: set[str] = set()

    @property
    def most(self) -> int:
        """How many to ask for, so that a page of new ones is among them."""
        return PAGE + len(self._given)

    def take(self, page: Sequence[tuple[str, float]]) -> list[str]:
        """Take in (id, moment) pairs; return the ids not yet given."""
        fresh = [job_id for job_id, _ in page if job_id not in self._given]
        if page:
            last = page[-1][1]
            self.newest = f"{last:.0f}"
            self._given = {job_id for job_id, moment in page if moment == last}
        return fresh


class Said(NamedTuple):
    """Who settles a job, and why; checked."""

    reason: str
    actor: str


def said(reason: object, actor: object) -> Said:
    """Check what a person says; it is told to everybody who reads events.

    Raises:
        CommandInvalid: there is no reason, or it must not be stored.
    """
    problems = [
        *_text_problems("reason", reason, shortest=1, longest=LONGEST_REASON),
        *_text_problems("actor", actor, shortest=0, longest=LONGEST_ACTOR),
    ]
    if problems:
        raise CommandInvalid(problems)
    return Said(mask_sentence(str(reason).strip()), mask_sentence(str(actor).strip()))


def ask(pipe: Any, keys: Keys, ids: Sequence[str]) -> None:
    """Put the questions on a pipeline whose replies `found` reads."""
    pipe.time()
    pipe.hget(keys.meta, "horizon")
    for job_id in ids:
        pipe.hgetall(keys.job(job_id))
        pipe.get(keys.command(job_id))
        pipe.get(keys.result(job_id))


def found(ids: Sequence[str], replies: Sequence[Any]) -> list[Found]:
    """Read the replies to `ask`, one for each id."""
    (seconds, microseconds), horizon, *held = replies
    return [
        Found(
            job_id=job_id,
            record=record,
            command=command,
            result=result,
            now_ms=seconds * 1000 + microseconds // 1000,
            horizon_ms=int(horizon or review.HORIZON_MS),
        )
        for job_id, record, command, result in zip(
            ids, held[::3], held[1::3], held[2::3], strict=True
        )
    ]


def wanted_items(wanted: Wanted, jobs: Sequence[Found]) -> list[ReviewItem]:
    """Compose those that are wanted. One that has gone since is left out."""
    items = [review.item(one) for one in jobs if one.record.get("review")]
    return [one for one in items if wanted.takes(one)]


def replay_arguments(keys: Keys, job: Found, words: Said) -> list[Any]:
    """Write the arguments of replay.lua, events and stories among them."""
    new_id = replay_id(job.job_id)
    queue = Class(job.record.get("class", Class.INTERACTIVE)).queue
    return [
        keys.prefix,
        job.job_id,
        new_id,
        keys.queue(queue),
        envelope(queue, [new_id]),
        _event(job, words, "replayed", replay=new_id),
        _line("replayed", words, replay=new_id),
        _line("replay_of", words, job=job.job_id),
        EVENTS_HARD_CAP,
    ]


def discard_arguments(keys: Keys, job: Found, words: Said) -> list[Any]:
    """Write the arguments of discard.lua."""
    return [
        keys.prefix,
        job.job_id,
        _event(job, words, "discarded"),
        _line("discarded", words),
        EVENTS_HARD_CAP,
    ]


def replayed(job_id: str, reply: Sequence[str]) -> tuple[str, State]:
    """Read replay.lua's answer: the new job's id and state.

    Raises:
        JobNotFound: there is no such job; or it was replayed, and that job is gone.
        NotInReview: it cannot be replayed.
    """
    _raise_where_refused(job_id, reply)
    _, new_id, state = reply
    if not state:
        raise JobNotFound(new_id)
    return new_id, State(state)


def discarded(job_id: str, reply: Sequence[str]) -> None:
    """Read discard.lua's answer.

    Raises:
        JobNotFound, NotInReview: as for `replayed`.
    """
    _raise_where_refused(job_id, reply)


def _raise_where_refused(job_id: str, reply: Sequence[str]) -> None:
    if reply[0] == "MISSING":
        raise JobNotFound(job_id)
    if reply[0] == "NOT_IN_REVIEW":
        raise NotInReview(job_id, reply[1])


def _event(job: Found, words: Said, settled: str, **more: str) -> bytes:
    facts = {**words._asdict(), "code": job.record.get("code", ""), **more}
    return settled_event(
        job.job_id,
        job.read_command(),
        now_ms=time.time_ns() // 1_000_000,
        settled=settled,
        facts=facts,
    ).encode()


def _line(what: str, words: Said, **more: str) -> bytes:
    """Write a line of a job's story."""
    told = {"what": what, **more, **words._asdict()}
    return msgspec.json.encode({name: text for name, text in told.items() if text})


def _text_problems(
    field: str, text: object, *, shortest: int, longest: int
) -> list[Problem]:
    if not isinstance(text, str) or not shortest <= len(text.strip()) <= longest:
        expected = f"expected a text of {shortest} to {longest} characters"
        return [Problem(field, expected)]
    if holds_card_number(text):
        return [Problem(field, "has what looks like a card number in it")]
    return text_problems(field, text)


def _ms(moment: datetime) -> int:
    return (moment - _EPOCH) // _MILLISECOND
