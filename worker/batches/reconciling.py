"""Does Stripe have it as a batch says? Which rows are compared, and with what. Pure."""

from __future__ import annotations

import random
from collections.abc import Iterable
from hashlib import blake2b

import msgspec

from customer_sources.batches.commands import mark_of
from customer_sources.batches.outcomes import Outcome
from customer_sources.batches.rows import Row
from customer_sources.contract.encoding import path_segment
from customer_sources.contract.operations import OPERATIONS, Effect
from worker.answers import Answered
from worker.batches.ends import End
from worker.evidence import differences, given_in, mark_on, named
from worker.looking import Read, is_object
from worker.reconcile import CONSUMED
from worker.refusals import says_absent

ATTACHED = "src_"
"""How ids of sources begin that were made before, and keep their id and metadata."""
UNREAD = "Stripe could not be read"
"""How it is told that nothing was found out."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What was found out about one row."""

    row: int
    operation: str
    customer: str
    source: str
    says: str

    def __str__(self) -> str:
        where = " ".join(filter(None, (self.operation, self.customer, self.source)))
        return f"row {self.row}: {where}: {self.says}"


class Report(msgspec.Struct, kw_only=True):
    """What a comparison has come to."""

    reads: int = 0
    """GETs that were sent."""
    matches: int = 0
    mismatches: list[Found] = msgspec.field(default_factory=list)
    unread: list[Found] = msgspec.field(default_factory=list)
    """Rows that could not be compared: Stripe did not answer."""
    in_review: list[Found] = msgspec.field(default_factory=list)

    @property
    def rows(self) -> int:
        """How many were to be compared."""
        return self.matches + len(self.mismatches) + len(self.unread)

    def add(self, row: Row, outcome: Outcome, says: str) -> Found | None:
        """Take the verdict on a row; "" is a match, of which nothing else is told."""
        if not says:
            self.matches += 1
            return None
        source = source_of(row, outcome)
        found = Found(
            row=row.number,
            operation=row.operation,
            customer=row.customer,
            source=source,
            says=says,
        )
        if outcome.state == "needs_review":
            self.in_review.append(found)
        elif says.startswith(UNREAD):
            self.unread.append(found)
        else:
            self.mismatches.append(found)
        return found


class Survey:
    """Finds, before anything is read, which rows there are to compare.

    What a later row has changed again is no more as an earlier row left it, so of the
    rows on one source only the last is compared.

    Args:
        ends: the rows of the batch, in file order.
    """

    def __init__(self, ends: Iterable[End]) -> None:
        self.to_compare = 0
        self.changed_again = 0
        self.in_review = 0
        self._last: dict[int, int] = {}
        """Of a source the last row that may have changed it; below 0 where that row is
        not one to compare."""
        for row, outcome in ends:
            if _changes(row):
                self._add(row, outcome)

    def _add(self, row: Row, outcome: Outcome | None) -> None:
        succeeded = outcome is not None and outcome.state == "succeeded"
        self.to_compare += succeeded
        self.in_review += outcome is not None and outcome.state == "needs_review"
        source = _source(row, outcome)
        if not source or not (outcome is None or succeeded or outcome.unknown):
            return
        if self._last.get(source, 0) > 0:
            self.changed_again += 1
            self.to_compare -= 1
        self._last[source] = row.number if succeeded else -row.number

    def compared(self, end: End) -> bool:
        """Whether this row is one to compare."""
        row, outcome = end
        if not _changes(row) or outcome is None or outcome.state != "succeeded":
            return False
        source = _source(row, outcome)
        return not source or self._last.get(source, row.number) == row.number

    def in_doubt(self, end: End) -> bool:
        """Whether nobody knows what became of this row, and Stripe may show it."""
        row, outcome = end
        doubted = outcome is not None and outcome.state == "needs_review"
        return doubted and _changes(row)


class Sample:
    """Picks so many of so many, evenly by chance, and the same ones another time.

    Args:
        wanted: how many are picked.
        whole: of how many.
        seed: decides which.
    """

    def __init__(self, wanted: int, whole: int, seed: str) -> None:
        self._wanted = wanted
        self._whole = whole
        self._rng = random.Random(seed)  # noqa: S311  nobody has to be kept from guessing

    def take(self) -> bool:
        """Whether the next one is picked."""
        picked = self._rng.random() * self._whole < self._wanted
        self._whole -= 1
        self._wanted -= picked
        return picked


def sample_size(text: str, whole: int) -> int | None:
    """Read how many to sample: `500`, or a share, `0.05` or `5%`. None: it is neither.

    A share of something is at least one.
    """
    try:
        if text.isdecimal():
            return min(int(text), whole) if int(text) else None
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        return None
    return max(min(1, whole), round(share * whole)) if 0 < share <= 1 else None


def source_of(row: Row, outcome: Outcome) -> str:
    """Return the id of the source that a row has made or changed."""
    return outcome.source or row.id


def read_of(row: Row, outcome: Outcome) -> Read:
    """Return the one GET that it takes to compare a row."""
    customer, source = map(path_segment, (row.customer, source_of(row, outcome)))
    return Read(f"/v1/customers/{customer}/sources/{source}")


def fault(batch_id: str, row: Row, answer: Answered) -> str:
    """Say what at Stripe is not as a row left it; "" where all is.

    Never a value, only names of fields.
    """
    source = answer.body
    if row.operation == "delete":
        gone = says_absent(answer) or source.get("status") == CONSUMED
        return "" if gone else _seen(answer, "it is there still")
    if not is_object(answer):
        return "it is not there" if says_absent(answer) else _seen(answer, "")
    match row.operation:
        case "create":
            mark = mark_of(batch_id, row)
            if mark_on(source) == mark or given_in(row.body).startswith(ATTACHED):
                return ""
            return (
                "it bears no mark" if not mark_on(source) else "it bears another mark"
            )
        case "update":
            names = differences(row.body, source)
            return f"it differs in {named(names)}" if names else ""
        case _:
            status = source.get("status")
            return "" if status == "verified" else f"the account is {status}"


def share(part: int, whole: int) -> str:
    """Write a share in per cent. Only all of it is 100 %."""
    hundredths = part * 10_000 // whole if whole else 0
    text = f"{hundredths / 100:.2f}".rstrip("0").rstrip(".")
    return f"{text} %"


def _changes(row: Row) -> bool:
    return OPERATIONS[row.operation].effect is not Effect.NONE


def _seen(answer: Answered, otherwise: str) -> str:
    if is_object(answer):
        return otherwise
    return f"{UNREAD}: {answer.code or answer.status}"


def _source(row: Row, outcome: Outcome | None) -> int:
    """Return the hash of a source that rows of one batch can have in common, or 0.

    What a create has made got an id that no row of its file can have known.
    """
    known = row.id
    if row.operation == "create" and outcome and outcome.source.startswith(ATTACHED):
        known = outcome.source
    if not known:
        return 0
    text = f"{row.customer}\0{known}"
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest())
