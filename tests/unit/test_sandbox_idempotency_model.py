"""The keys of the sandbox against a second, much simpler account of Stripe's rules.

The model knows nothing of the sandbox's code. Hypothesis makes up stories: requests
with few keys, customers and sources, so that they collide, faults, leaps of the clock,
and requests that are begun and finished while others come between. Each answer must be
the one that the model gives, and so must the number of cards that were made.
"""

from dataclasses import dataclass, field
from typing import TypeAlias

from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.core import Sandbox
from sandbox.execution import Options
from sandbox.faults import Fault, FaultRule
from sandbox.journal import Change
from sandbox.wire import Answer, Flow, Request

HOUR = 60 * 60
EXECUTED = {"tok_visa": 200, "tok_amex": 200, "tok_chargeDeclined": 402, "tok_no": 400}
NEVER_EXECUTED = ""
"""A source that fails validation."""
TURNED_AWAY = {
    Fault.UNAUTHORIZED: 401,
    Fault.RATE_LIMITED: 429,
    Fault.ERROR_500_UNSAVED: 500,
    Fault.ERROR_503_UNSAVED: 503,
}
CUT, GARBAGE = "the connection was cut", "garbage was answered"
Told: TypeAlias = int | str


@dataclass(frozen=True)
class Post:
    """Create a source; `slow` leaves the request in progress until it is finished."""

    key: str
    customer: str
    source: str
    fault: Fault | None = None
    slow: bool = False


@dataclass(frozen=True)
class Finish:
    """Finish the request that was begun first, if any is in progress."""


@dataclass(frozen=True)
class Advance:
    hours: int


Step: TypeAlias = Post | Finish | Advance
keys = st.sampled_from(["a", "b", "c"])
customers = st.sampled_from(["cus_1", "cus_2", "nobody"])
tokens = st.sampled_from([*EXECUTED, NEVER_EXECUTED])
faults = st.sampled_from([*TURNED_AWAY, *Fault, None, None, None, None])
harmless = faults.map(lambda one: None if one in {Fault.LATENCY, "slow_body"} else one)
steps = st.one_of(
    st.builds(Post, keys, customers, tokens, harmless),
    st.builds(Post, keys, customers, tokens),
    st.builds(Post, keys, customers, tokens, slow=st.booleans()),
    st.builds(Finish),
    st.builds(Advance, st.sampled_from([1, 12, 23, 24])),
)


@dataclass
class Entry:
    post: Post
    since: int
    status: int | None = None


@dataclass
class Model:
    """What is known of each key, and who is being changed."""

    now: int = 0
    cards: int = 0
    entries: dict[str, Entry] = field(default_factory=dict)
    begun: list[Entry] = field(default_factory=list)

    def post(self, post: Post) -> tuple[Told | None, bool]:
        """Return what is told, None while it is in progress; and whether again."""
        if post.fault is Fault.DROP_BEFORE_COMMIT:
            return CUT, False
        if post.fault in TURNED_AWAY:
            return TURNED_AWAY[post.fault], False
        status, again = self._look_up(post)
        if status is not None and post.fault is Fault.DROP_AFTER_COMMIT:
            return CUT, again
        if status is not None and post.fault is Fault.GARBAGE:
            return GARBAGE, again
        return status, again

    def finish(self) -> int:
        entry = self.begun.pop(0)
        return self._execute(entry)

    def _look_up(self, post: Post) -> tuple[int | None, bool]:
        known = self.entries.get(post.key)
        if known and known.status and self.now - known.since >= 24:
            known = None
        if known and (known.post.customer, known.post.source) != (
            post.customer,
            post.source,
        ):
            return 400, False
        if known:
            return (known.status, True) if known.status else (409, False)
        locked = post.customer in [entry.post.customer for entry in self.begun]
        if locked or post.fault is Fault.LOCK_TIMEOUT:
            self.entries.pop(post.key, None)
            return 429, False
        entry = self.entries[post.key] = Entry(post, self.now)
        if post.slow:
            self.begun.append(entry)
            return None, False
        return self._execute(entry), False

    def _execute(self, entry: Entry) -> int:
        post = entry.post
        refused = 404 if post.customer == "nobody" else EXECUTED.get(post.source, 0)
        if refused in {404, 0}:
            del self.entries[post.key]
            return refused or 400
        entry.status = EXECUTED[post.source]
        self.cards += entry.status == 200
        if post.fault is Fault.ERROR_500_SAVED:
            entry.status = 500
        return entry.status


class Driven:
    """The sandbox, driven step by step."""

    def __init__(self) -> None:
        options = Options(auto_customers=True, seed=1)
        self.sandbox = Sandbox(options, clock=lambda: 1_900_000_000)
        self.begun: list[Flow] = []

    def post(self, post: Post) -> tuple[Told | None, bool]:
        fault = Fault.LATENCY if post.slow else post.fault
        rules = [FaultRule(fault=fault, count=1)] if fault else []
        self.sandbox.faults.replace(rules)
        flow = self.sandbox.flow(as_request(post))
        try:
            next(flow)
        except StopIteration as done:
            return told(done.value)
        self.begun.append(flow)
        return None, False

    def finish(self) -> Told:
        self.sandbox.faults.replace([])
        try:
            next(self.begun.pop(0))
        except StopIteration as done:
            return told(done.value)[0]
        raise AssertionError("it paused again")

    def cards(self) -> int:
        made = [effect.change for effect in self.sandbox.journal.effects]
        return made.count(Change.SOURCE_CREATED)


def as_request(post: Post) -> Request:
    return Request(
        method="POST",
        path=f"/v1/customers/{post.customer}/sources",
        headers={"authorization": "Bearer sk_test_1", "idempotency-key": post.key},
        body=f"source={post.source}".encode(),
    )


def told(answer: Answer | None) -> tuple[Told, bool]:
    if answer is None:
        return CUT, False
    again = ("Idempotent-Replayed", "true") in answer.headers
    return (GARBAGE if b"<html>" in answer.body else answer.status), again


@settings(max_examples=400, deadline=None)
@given(st.lists(steps, max_size=25))
def test_keys_behave_as_a_second_account_of_the_rules_says(story: list[Step]) -> None:
    model, driven = Model(), Driven()
    for step in story:
        match step:
            case Advance(hours):
                model.now += hours
                driven.sandbox.advance(hours * HOUR)
            case Finish() if model.begun:
                assert driven.finish() == model.finish()
            case Post():
                expected, again = model.post(step)
                assert driven.post(step) == (expected, again and expected != CUT)
        assert driven.cards() == model.cards
