"""What is done at Stripe, however the requests get there.

It remembers keys for a day, as Stripe does, and forgets nothing that it did: a store
that is rolled back does not roll Stripe back.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

KEY_LIFE_MS = 24 * 3_600_000
REQUEST_MS = 30_000
"""The longest life of a request: it arrives within that time of leaving, or never."""


class Answer(StrEnum):
    """What Stripe says to a request."""

    OK = "ok"
    REFUSED = "refused"
    """A 4xx of our parameters: nothing was done, and of a key never will be."""
    GONE = "gone"
    BUSY = "busy"
    """A 429: nothing was done."""
    BROKEN = "broken"
    """A 500: a delete may have been done or not."""


@dataclass
class Request:
    """One request, from the moment in which its bytes leave."""

    job_id: str
    effect: str
    subject: str
    """The key, for what is keyed; the source, for a delete."""
    wanted: Answer
    """What Stripe says, if it has not said something else under this key before."""
    left_at: int
    arrives: bool = True
    answer: Answer | None = None

    @property
    def in_flight(self) -> bool:
        return self.answer is None and self.arrives


@dataclass
class Stripe:
    """The account."""

    effects: Counter[str] = field(default_factory=Counter)
    """By key, or by source: how often something was done."""
    done_by: dict[str, str] = field(default_factory=dict)
    """The job whose request did it, by the same."""
    requests: list[Request] = field(default_factory=list)
    _refused: set[str] = field(default_factory=set)
    _saved: dict[str, tuple[Answer, int]] = field(default_factory=dict)

    def arrive(self, request: Request, now: int) -> None:
        """Execute a request."""
        if request.effect == "none":
            request.answer = request.wanted
        elif request.effect == "keyed":
            request.answer = self._keyed(request, now)
        else:
            request.answer = self._delete(request)

    def arrive_until(self, moment: int) -> None:
        """Execute what is in flight and cannot be for longer."""
        for request in self.requests:
            if request.in_flight and request.left_at + REQUEST_MS <= moment:
                self.arrive(request, request.left_at + REQUEST_MS)

    def _keyed(self, request: Request, now: int) -> Answer:
        answer, since = self._saved.get(request.subject, (None, 0))
        if answer is not None and now - since < KEY_LIFE_MS:
            return answer
        wanted = request.wanted
        if wanted in {Answer.OK, Answer.REFUSED}:
            self._saved[request.subject] = (wanted, now)
        if wanted is Answer.OK:
            self._do(request)
        return wanted

    def _delete(self, request: Request) -> Answer:
        if self.effects[request.subject]:
            return Answer.GONE
        # A source that may not be deleted may not be deleted later either.
        if request.wanted is Answer.REFUSED or request.subject in self._refused:
            self._refused.add(request.subject)
            return Answer.REFUSED
        if request.wanted in {Answer.OK, Answer.BROKEN}:
            self._do(request)
        return request.wanted

    def _do(self, request: Request) -> None:
        self.effects[request.subject] += 1
        self.done_by[request.subject] = request.job_id
