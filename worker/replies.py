"""What the ledger's scripts answer, and what they are given: words as types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Literal, NamedTuple

import msgspec

from customer_sources.contract.names import Class
from customer_sources.contract.states import State
from worker.guesses import NO_GUESS, Became, Guess


class Refused(StrEnum):
    """Why a claim was not granted. None of them is an error."""

    FINISHED = "FINISHED"
    BUSY = "BUSY"
    BEHIND = "BEHIND"
    NOT_DUE = "NOT_DUE"
    NEWER = "NEWER"
    MISSING = "MISSING"
    UNREADABLE = "UNREADABLE"
    """Its record is damaged: nothing was written, and it is to be laid aside."""
    QUEUED = "QUEUED"
    """It stands in line for a permit, and is granted one when it is its turn."""
    ALONE = "ALONE"
    """Two holders died of it, perhaps: claim it again with nothing beside it."""


class Unreadable(Exception):
    """The job's record was damaged while it ran: nothing was written."""


class Word(StrEnum):
    """What the ledger says to a run that wants to send a request."""

    GO = "GO"
    WAIT = "WAIT"
    """No permit within the time that a run waits for one."""
    CANCEL = "CANCEL"
    HORIZON = "HORIZON"
    DEADLINE = "DEADLINE"
    SUPERSEDED = "SUPERSEDED"
    PLAN = "PLAN"
    """It says what it waits for; until when that is, is to be found out."""
    PAIR_MISSED = "PAIR_MISSED"
    """Of a guess: these amounts were wrong before."""
    PAIR_TURNED = "PAIR_TURNED"
    """Of a guess: these amounts were wrong before, in the other order."""
    PAIR_HELD = "PAIR_HELD"
    """Of a guess: nobody knows whether another, of these amounts, was looked at."""
    RESERVED = "RESERVED"
    """Of a guess: the last that is left is kept for a person."""
    EXHAUSTED = "EXHAUSTED"
    """Of a guess: none is left."""
    LOCKED = "LOCKED"
    """Of a guess: Stripe lets nobody guess any more, and not for guesses of ours."""


class Leave(NamedTuple):
    """What the ledger says to a further request of a run."""

    word: Word
    wait_ms: int = 0
    """GO: after which it may leave. WAIT: after which it is worth asking again."""
    probes: bool = False
    """GO: its account is suspended, and the answer tells whether it still has to be."""
    used: int | None = None
    """Of a guess: how many others have used. None: it was not looked up."""


NO_GUESS_LEFT = frozenset(
    {
        Word.PAIR_MISSED,
        Word.PAIR_TURNED,
        Word.PAIR_HELD,
        Word.RESERVED,
        Word.EXHAUSTED,
        Word.LOCKED,
    }
)
"""Why a guess may not leave."""


def leave_of(reply: Sequence[Any]) -> Leave:
    """Read what send.lua answers."""
    word = Word(reply[0])
    if word in NO_GUESS_LEFT:
        return Leave(word, used=int(reply[1]))
    _, wait_ms, probes, used = (*reply, None, None, None)[:4]
    counted = None if used is None else int(used)
    return Leave(word, int(wait_ms or 0), bool(probes), counted)


class Claimed(msgspec.Struct, frozen=True, kw_only=True):
    """A job taken for one run."""

    leave: Word | None
    """Whether the first request may leave; None: ask `send`, as for any other."""
    now_ms: int
    record: Mapping[str, str]
    command: str
    """As stored. Decoded by the engine, after the poison rule has been applied."""


class Taken(msgspec.Struct, frozen=True):
    """What one pass of upkeep found due."""

    ids: Mapping[Class, Sequence[str]]
    poisoned: Sequence[str]
    """Members whose job cannot be looked at. `j:` and an id: to be laid aside, or it
    is named again; any other is gone already."""
    more: bool = False
    """Whether a class had as much due as one pass looks at: look again at once."""

    def __len__(self) -> int:
        return sum(map(len, self.ids.values()))


class Trimmed(msgspec.Struct, frozen=True):
    """What became of the event stream."""

    word: Literal["FINE", "HELD", "LOST"]
    dropped: int
    left: int
    last: str
    """The group that is furthest behind; "" where there is none."""


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """All that commit writes."""

    state: State
    code: str
    result: bytes
    event: bytes
    unknown: bool = False
    review: bool = False
    """A person may want to look at it, or to run it again."""
    story: bytes = b""
    """The run's line in the job's story; empty where the record tells it all."""
    request_id: str = ""
    """Of the answer that decided the job."""
    guess: Guess = NO_GUESS
    """What it guessed at, and what became of that."""
    became: Became = Became.OPEN
    watch: tuple[str, ...] = ()
    """What it means to a watch, as watches.lua takes it."""
