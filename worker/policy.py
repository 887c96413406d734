"""Deciding what a try's result means. Pure: values in, one outcome out.

Order of evidence: was it sent at all, the status, the error's `code`, and then
`Stripe-Should-Retry`, which says whether to call again, never what happened. An
error's `type` is not looked at, with one exception that is named where it stands.

The rule above all others: `unknown` is sticky. Once a request that changes Stripe may
have been executed unanswered, only an answer that proves what became of it clears the
flag; until then the job cannot fail, it can only succeed or come to review.
"""

# ruff: noqa: PLR2004  HTTP's own numbers read best as numbers

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, assert_never

from customer_sources.contract.commands import MODE_MISMATCH
from customer_sources.contract.events import told, told_list
from customer_sources.contract.operations import OPERATIONS
from worker.answers import Answered, MaybeSent, NotSent, TryResult
from worker.attempts import refused_guess
from worker.facts import Facts
from worker.outcomes import (
    Cancel,
    Decision,
    Fail,
    Later,
    Outcome,
    Reconcile,
    Review,
    Succeed,
)
from worker.refusals import doubted, rejected, told_answer
from worker.replies import NO_GUESS_LEFT, Leave, Word

NOT_VERIFIED = "not_verified"
DEADLINE_PASSED = "deadline_passed"
RATE_LIMITED = "rate_limited"
KEY_REFUSED_SECONDS = 5.0
"""The account is suspended by then, and the job stands in line; or another worker, that
has a newer key, may have it."""
LONGEST_RETRY_AFTER = 60.0
"""Stripe does not document `Retry-After`; a proxy's may be nonsense, so it is capped
(as Stripe's own SDKs did while they honoured it)."""
LONGEST_IN_PROGRESS = 300.0
"""Seconds after which a key that is said to be in use is not only waited for: no
request takes that long. Stripe can be read, and may show that it is done."""
LONGEST_UNREAD = 7 * 86_400.0
"""Seconds of doubt after which a job ends without a look at Stripe, if Stripe cannot be
read: the key was taken away for good, say. Every job ends."""


def decide(facts: Facts, result: TryResult) -> Decision:
    """Decide what becomes of a job whose try came back with `result`."""
    match result:
        case NotSent(reason):
            return Later(code=reason, unknown=facts.unknown, soon=True)
        case MaybeSent(reason):
            return Later(code=reason, unknown=facts.changes, soon=True)
        case Answered():
            return _hushed(facts, _answered(facts, result))
        case _:
            assert_never(result)


def of_read(kind: Literal["get", "list"], result: TryResult) -> Answered | Later:
    """Decide whether a read of Stripe's state has an answer, or is to be repeated."""
    facts = Facts(operation=OPERATIONS[kind], unknown=False)
    decision = decide(facts, result)
    if isinstance(decision, Later):
        return decision
    assert isinstance(result, Answered)  # noqa: S101  no other result decides anything
    return result


def out_of_time(facts: Facts, code: str) -> Decision:
    """Decide what becomes of a job that may not send any more (deadline, horizon)."""
    error = {"code": code, "message": _OUT_OF_TIME[code]}
    if facts.unknown:
        return _hushed(facts, doubted(Review(code, error)))
    return Fail(code, error, retryable=True)


def held_back(facts: Facts, leave: Leave, *, tried: bool) -> Decision:
    """Decide what becomes of a job whose next request may not leave.

    Args:
        facts: what is known of the job.
        leave: why not; neither GO nor SUPERSEDED.
        tried: whether the run has sent any before.
    """
    match leave.word:
        case Word.CANCEL:
            return Cancel()
        case Word.DEADLINE:
            return out_of_time(facts, DEADLINE_PASSED)
        case Word.HORIZON:
            return out_of_time(facts, "key_expired")
        case word if word in NO_GUESS_LEFT:
            return _hushed(facts, refused_guess(leave.word, unknown=facts.unknown))
        case _:
            return no_permit(facts, leave, tried=tried)


def no_permit(facts: Facts, leave: Leave, *, tried: bool) -> Later:
    """Wait for a permit, which burns nothing; but a run that has tried was a run."""
    return Later(
        code="rate_wait",
        unknown=facts.unknown,
        counts=tried,
        delay=leave.wait_ms / 1000,
        exact=not tried,
    )


def no_account(facts: Facts) -> Later:
    """Wait for a worker that knows the account; its jobs stand in line until then."""
    return Later(
        code="account_unknown",
        unknown=facts.unknown,
        counts=False,
        delay=KEY_REFUSED_SECONDS,
        exact=True,
        spent=False,
    )


def wrong_mode(facts: Facts, refusal: Mapping[str, str]) -> Outcome:
    """Decide what becomes of a command that was meant for the other mode's customers.

    Args:
        facts: what is known of the job.
        refusal: what is wrong (`commands.mode_refusal`).
    """
    if not facts.unknown:
        return Fail(MODE_MISMATCH, refusal, retryable=True)
    if facts.quiet_for > 0:
        return _hush(MODE_MISMATCH, facts.quiet_for)
    return Review(MODE_MISMATCH, refusal)


def unread(facts: Facts, doubt: Reconcile, why: Later) -> Outcome:
    """Decide what becomes of a doubt that could not be looked into, for now.

    Args:
        facts: what is known of the job.
        doubt: what the reads were to settle.
        why: what became of the read that failed.
    """
    given_up = doubt.unknown and facts.doubt_age >= LONGEST_UNREAD
    if doubt.certain or (given_up and not isinstance(doubt.otherwise, Later)):
        return doubt.otherwise
    return Later(
        code=why.code, unknown=doubt.unknown, counts=why.counts, delay=why.delay
    )


def unrunnable(code: str, quiet_for: float) -> Outcome:
    """Decide what becomes of a job that must not, or cannot, be run any more.

    Args:
        code: why.
        quiet_for: seconds in which an unanswered request of it can still arrive.
    """
    if quiet_for > 0:
        return _hush(code, quiet_for)
    return Review(code, {"code": code, "message": _UNRUNNABLE[code]})


_UNRUNNABLE = {
    "worker_died": "workers died while they ran this job",
    "command_unreadable": "the stored command cannot be read",
}
_OUT_OF_TIME = {
    DEADLINE_PASSED: "the deadline passed before an answer decided the job",
    "key_expired": "no answer was read within the time for which Stripe keeps a key",
}


def _answered(facts: Facts, answer: Answered) -> Decision:
    """Classify a complete answer by its status."""
    status = answer.status
    if status < 400:
        return _done(facts, answer)
    if status in {401, 403}:
        return Later(
            code="key_refused",
            unknown=facts.unknown,
            counts=False,
            delay=KEY_REFUSED_SECONDS,
            exact=True,
            spent=False,
        )
    if status == 409:
        return _conflict(facts, answer)
    if status == 429:
        return _limited(facts, answer)
    if status >= 500 or status in {408, 424}:  # 408: a proxy that lost patience
        return _broken(facts, answer)
    return rejected(facts, answer)


def _conflict(facts: Facts, answer: Answered) -> Decision:
    """A 409: a request with our key is being executed this moment, so one was sent."""
    waiting = Later(
        code="in_progress",
        unknown=facts.unknown or facts.keyed,
        soon=answer.should_retry is not False,
    )
    if facts.keyed and facts.unknown and facts.doubt_age > LONGEST_IN_PROGRESS:
        return Reconcile(otherwise=waiting, unknown=True)
    return waiting


def _done(facts: Facts, answer: Answered) -> Decision:
    """A 200, if it shows what the operation promises."""
    body, name = answer.body, facts.operation.name
    if answer.status >= 300 or not _as_promised(name, body):
        return Later(code="odd_success", unknown=facts.changes, soon=True)
    if name == "verify" and body.get("status") != "verified":
        # It was executed, and the account is not verified: nobody said what it is.
        message = f"Stripe answered 200 and the account is {body.get('status')}"
        error = {"code": NOT_VERIFIED, "message": message}
        return doubted(Review(NOT_VERIFIED, error))
    content = told_list(body) if name == "list" else told(body)
    return Succeed(content, code="replayed" if answer.replayed else "succeeded")


def _as_promised(name: str, body: Mapping[str, Any]) -> bool:
    if name == "list":
        return body.get("object") == "list" and isinstance(body.get("data"), list)
    detached = body.get("object") == "source" and body.get("status") == "consumed"
    gone = name != "delete" or body.get("deleted") is True or detached
    return isinstance(body.get("id"), str) and gone


def _limited(facts: Facts, answer: Answered) -> Outcome:
    """A 429: limiters and locks both answer before anything is executed."""
    wait = answer.retry_after
    return Later(
        code="lock_timeout" if answer.code == "lock_timeout" else RATE_LIMITED,
        unknown=facts.unknown,
        soon=answer.should_retry is not False,
        counts=False,
        delay=None if wait is None else min(wait, LONGEST_RETRY_AFTER),
    )


def _broken(facts: Facts, answer: Answered) -> Decision:
    """A 5xx: Stripe calls its result indeterminate."""
    if not facts.changes:
        return Later(code=f"http_{answer.status}", unknown=False, soon=True)
    if answer.replayed and facts.keyed:
        # The saved result of our key. Asking again gives it again.
        return doubted(Review("stripe_error_saved", told_answer(answer)))
    return Later(
        code=f"http_{answer.status}",
        unknown=True,
        soon=answer.should_retry is not False,
    )


def _hushed(facts: Facts, decision: Decision) -> Decision:
    """Give no verdict of doubt while an unanswered request can still arrive."""
    can_arrive = facts.unknown and facts.quiet_for > 0
    if not can_arrive:
        return decision
    if isinstance(decision, Reconcile) and isinstance(decision.otherwise, Later):
        return decision.otherwise
    if isinstance(decision, Review) or (
        isinstance(decision, Reconcile) and not decision.certain
    ):
        return _hush(decision.code, facts.quiet_for)
    return decision


def _hush(code: str, quiet_for: float) -> Later:
    """Wait until nothing can arrive any more, and no longer."""
    return Later(code=code, unknown=True, counts=False, delay=quiet_for, exact=True)
