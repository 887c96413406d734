"""What is known at the end of a chaos run, from whom. Plain values, kept as JSON.

Five witnesses who do not talk to each other: the producers (what was accepted), a
reader along the stream (what was told while it happened), the stream at the end (what
is left of it), the sandbox's journal (what Stripe did), and whoever did the killing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

TERMINAL_SUFFIX = ":terminal"
REJECTED_SUFFIX = ":rejected"


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One order, as its producer knows it."""

    name: str
    way: str
    account: str
    operation: str
    job_id: str
    accepted: bool
    """The ledger has it: by the answer that the producer got, or by a look at the end
    where no answer could prove it (a Celery message, a call given up)."""
    source_id: str = ""
    fails: str = ""
    """The code with which Stripe refuses it."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One event."""

    id: str
    job_id: str = ""
    account: str = ""
    """The account that it names."""
    name: str = ""
    """The order that it names as its cause."""
    state: str = ""
    code: str = ""

    @property
    def terminal(self) -> bool:
        """Whether it tells the end of a job."""
        return self.id.endswith(TERMINAL_SUFFIX)


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """One change at Stripe."""

    account: str
    """Whose world was changed, by the name that commands have for it."""
    change: str
    object: str
    name: str = ""
    """The order in its metadata, where the object carries one."""
    marker: str = ""
    """The job in its metadata."""


class Recovery(msgspec.Struct, frozen=True, kw_only=True):
    """One job in the hands of a worker that was killed."""

    job_id: str
    at: float
    """Seconds from the start of the run until the kill."""
    seconds: float | None
    """From the kill until it was claimed again, or had ended; None: never seen."""
    outage: bool
    """Whether the store was away or hung at some moment in between."""


class Weather(msgspec.Struct, frozen=True, kw_only=True):
    """What was done to everybody, and what came of it."""

    acts: Mapping[str, int]
    """How often each act of the plan was done."""
    requests: int
    struck: int
    """Requests on which a fault struck."""
    faults: Mapping[str, int]
    deserters: Sequence[str] = ()
    """Workers that ended without being told to, or not in good order."""
    logged: Mapping[str, int] = {}
    """Lines of the workers' logs worth knowing of, by their event."""
    seconds: float = 0.0
    settled_seconds: float = 0.0
    """From the last act until the last job had ended."""


class Witnesses(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that an account is made of."""

    asked: Sequence[Asked]
    seen: Sequence[Told]
    """As a reader along got them."""
    kept: Sequence[Told]
    """As they stand on the stream at the end."""
    effects: Sequence[Effect]
    recoveries: Sequence[Recovery]
    weather: Weather
