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
from typing import Any, assert_never

import msgspec

from customer_sources.contract.events import told, told_error, told_list
from customer_sources.contract.operations import Effect, Operation
from worker.answers import Answered, MaybeSent, NotSent, TryResult
from worker.outcomes import Fail, Later, Outcome, Review, Succeed

MISSING = "resource_missing"
KEY_REFUSED_SECONDS = 60.0
"""401 and 403 are mended by people; a look a minute finds that out and costs little."""
LONGEST_RETRY_AFTER = 60.0
"""Stripe does not document `Retry-After`; a proxy's may be nonsense, so it is capped
(as Stripe's own SDKs did while they honoured it)."""


_MAYBE_OUR_DOING = frozenset({MISSING, "token_already_used", "bank_account_exists"})
"""Refusals that an unanswered request of ours may have brought about."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a job when a try has come back."""

    operation: Operation
    source_id: str = ""
    """The source that the command names; empty on create."""
    missing_ok: bool = False
    """On delete: a source that is not there is as good as deleted."""
    unknown: bool
    """An earlier request may have been executed unanswered."""
    quiet_for: float = 0.0
    """Seconds in which that request can still arrive; 0 once it cannot."""

    @property
    def keyed(self) -> bool:
        """Whether Stripe saves the results of this job's requests under its key."""
        return self.operation.effect is Effect.KEYED

    @property
    def changes(self) -> bool:
        """Whether the operation changes Stripe."""
        return self.operation.effect is not Effect.NONE


def decide(facts: Facts, result: TryResult) -> Outcome:
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


def out_of_time(facts: Facts, code: str) -> Outcome:
    """Decide what becomes of a job that may not send any more (deadline, horizon)."""
    error = {"code": code, "message": _OUT_OF_TIME[code]}
    return _hushed(facts, _refused(facts, code, error))


def unrunnable(code: str, quiet_for: float) -> Outcome:
    """Decide what becomes of a job that must not, or cannot, be run any more.

    Args:
        code: why.
        quiet_for: seconds in which an unanswered request of it can still arrive.
    """
    if quiet_for > 0:
        return Later(code=code, unknown=True, counts=False, delay=quiet_for)
    return Review(code, {"code": code, "message": _UNRUNNABLE[code]})


_UNRUNNABLE = {
    "worker_died": "workers died while they ran this job",
    "command_unreadable": "the stored command cannot be read",
}
_OUT_OF_TIME = {
    "deadline_passed": "the deadline passed before an answer decided the job",
    "key_expired": "no answer was read within the time for which Stripe keeps a key",
}


def _answered(facts: Facts, answer: Answered) -> Outcome:
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
        )
    if status == 409:
        # A request with our key is being executed this moment, so one was sent.
        return Later(
            code="in_progress",
            unknown=facts.unknown or facts.keyed,
            soon=answer.should_retry is not False,
        )
    if status == 429:
        return _limited(facts, answer)
    if status >= 500 or status in {408, 424}:  # 408: a proxy that lost patience
        return _broken(facts, answer)
    return _rejected(facts, answer)


def _done(facts: Facts, answer: Answered) -> Outcome:
    """A 200, if it shows what the operation promises."""
    body, name = answer.body, facts.operation.name
    if answer.status >= 300 or not _as_promised(name, body):
        return Later(code="odd_success", unknown=facts.changes, soon=True)
    if name == "verify" and body.get("status") != "verified":
        # It was executed, and the account is not verified: nobody said what it is.
        message = f"Stripe answered 200 and the account is {body.get('status')}"
        return Review("not_verified", {"code": "not_verified", "message": message})
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
        code="lock_timeout" if answer.code == "lock_timeout" else "rate_limited",
        unknown=facts.unknown,
        soon=answer.should_retry is not False,
        counts=False,
        delay=None if wait is None else min(wait, LONGEST_RETRY_AFTER),
    )


def _broken(facts: Facts, answer: Answered) -> Outcome:
    """A 5xx: Stripe calls its result indeterminate."""
    if not facts.changes:
        return Later(code=f"http_{answer.status}", unknown=False, soon=True)
    if answer.replayed and facts.keyed:
        # The saved result of our key. Asking again gives it again.
        return Review("stripe_error_saved", _told(answer))
    return Later(
        code=f"http_{answer.status}",
        unknown=True,
        soon=answer.should_retry is not False,
    )


def _rejected(facts: Facts, answer: Answered) -> Outcome:
    """A 4xx that is about this request."""
    code = answer.code or f"http_{answer.status}"
    # Stripe's idempotency error has no code, so here alone its type must do.
    if answer.error.get("type") == "idempotency_error":
        return Review("idempotency_error", _told(answer))
    if code == "token_in_use" or answer.should_retry:
        return Later(code=code, unknown=facts.unknown, soon=True)
    if code == MISSING and _is_gone(facts, answer):
        gone = {"id": facts.source_id, "deleted": True}
        if facts.unknown:
            return Succeed(gone, code="already_absent_after_unknown")
        if facts.missing_ok and answer.error.get("param") != "customer":
            return Succeed(gone, code="already_absent")
    if _proves_nothing_happened(facts, answer):
        return Fail(code, _told(answer))
    return _refused(facts, code, _told(answer))


def _is_gone(facts: Facts, answer: Answered) -> bool:
    """Whether a 404 shows that a delete's goal is reached.

    Not where the object exists under the other mode's key: that is a configuration
    error, and says nothing about what an earlier request did.
    """
    wrong_mode = "similar object exists in" in str(answer.error.get("message"))
    return facts.operation.name == "delete" and not wrong_mode


def _proves_nothing_happened(facts: Facts, answer: Answered) -> bool:
    """Whether this rejection also says what became of earlier sends of the key.

    An executed error is saved under the key and comes back for it; a parameter error
    of the same body means that the first send failed validation too. Nothing else
    proves anything: a 404 may be newer than the effect, a used token may be our doing.
    """
    executed = answer.replayed
    if answer.code not in _MAYBE_OUR_DOING:
        executed = executed or answer.status == 402
    return (facts.keyed and executed) or answer.code.startswith("parameter")


def _refused(facts: Facts, code: str, error: Mapping[str, Any]) -> Outcome:
    """No: a failure where it is known that nothing happened, else a review."""
    return Review(code, error) if facts.unknown else Fail(code, error)


def _hushed(facts: Facts, outcome: Outcome) -> Outcome:
    """Give no verdict of doubt while an unanswered request can still arrive."""
    if isinstance(outcome, Review) and facts.unknown and facts.quiet_for > 0:
        return Later(
            code=outcome.code, unknown=True, counts=False, delay=facts.quiet_for
        )
    return outcome


def _told(answer: Answered) -> dict[str, Any]:
    return told_error({**answer.error, "request_id": answer.request_id})
