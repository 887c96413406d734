"""Deciding what it means that Stripe said no to a request of ours. Pure.

Without a doubt it is a failure. In doubt, because an earlier request of the job has no
answer, most refusals prove nothing: the token may be used because we used it. Then
Stripe is read before any verdict (`worker.reconcile`).
"""

# ruff: noqa: PLR2004  HTTP's own numbers read best as numbers

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from customer_sources.contract.events import told_error
from worker.answers import Answered
from worker.facts import Facts
from worker.outcomes import Decision, Fail, Later, Reconcile, Review, Succeed

MISSING = "resource_missing"
EXISTS = "bank_account_exists"
MISMATCH = "bank_account_verification_failed"
ALREADY_VERIFIED = "payment_method_bank_account_already_verified"

MISSES = frozenset(
    {
        MISMATCH,
        "http_402",  # bodies from before 2019 had no code
        "payment_method_microdeposit_verification_amounts_mismatch",
    }
)
"""Refusals of a verify that say its amounts are wrong, or may say so."""
LOCKED = frozenset(
    {
        "payment_method_bank_account_blocked",
        "payment_method_microdeposit_failed",
        "payment_method_microdeposit_verification_attempts_exceeded",
        "payment_method_microdeposit_verification_timeout",
    }
)
"""Refusals of a verify after which no amounts will do."""

_MAYBE_OUR_DOING = frozenset({MISSING, "token_already_used", EXISTS})
"""Refusals that an unanswered request of ours may have brought about."""


def rejected(facts: Facts, answer: Answered) -> Decision:
    """Decide what a 4xx means that is about the request itself."""
    # Stripe's idempotency error has no code, so here alone its type must do.
    if answer.error.get("type") == "idempotency_error":
        return Review("idempotency_error", told_answer(answer) | _evidence(facts))
    passes = answer.should_retry and not _costs(facts, answer)
    if answer.code == "token_in_use" or passes:
        return Later(code=_code(answer), unknown=facts.unknown, soon=True)
    if answer.code == MISSING and _is_gone(facts, answer):
        gone = {"id": facts.source_id, "deleted": True}
        if facts.unknown:
            return Succeed(gone, code="already_absent_after_unknown")
        if facts.missing_ok and answer.error.get("param") != "customer":
            return Succeed(gone, code="already_absent")
    return _refused(facts, answer)


def doubted(verdict: Review | Fail) -> Reconcile:
    """Read Stripe before this verdict; a review leaves open what Stripe did."""
    return Reconcile(otherwise=verdict, unknown=isinstance(verdict, Review))


def told_answer(answer: Answered) -> dict[str, Any]:
    """Write an error down as it may leave the worker."""
    return told_error({**answer.error, "request_id": answer.request_id})


def says_absent(answer: Answered) -> bool:
    """Whether an answer says that there is no such object.

    Not where it exists under the other mode's key: that is a configuration error, and
    says nothing about what an earlier request did.
    """
    wrong_mode = "similar object exists in" in str(answer.error.get("message"))
    return answer.code == MISSING and not wrong_mode


def says_verified(error: Mapping[str, Any]) -> bool:
    """Whether a verify was refused because there is nothing left to verify.

    Which code the endpoint gives is not documented, so the message must do, too.
    """
    said = "already been verified" in str(error.get("message"))
    return said or error.get("code") == ALREADY_VERIFIED


def _refused(facts: Facts, answer: Answered) -> Decision:
    code, error = _code(answer), told_answer(answer)
    failed = Fail(
        code,
        error,
        retryable=code == "processing_error",
        executed=_costs(facts, answer),
    )
    proved = not facts.unknown or _proves_nothing_happened(facts, answer)
    if facts.operation.name == "verify" and says_verified(answer.error):
        return doubted(failed if proved else Review(code, error))
    if not proved:
        return doubted(Review(code, error))
    if _may_be_detached(facts, answer):
        return doubted(failed)
    return _worded(facts, failed)


def _worded(facts: Facts, failed: Fail) -> Fail | Reconcile:
    """Let reads say more of a failure where they can: it stands, whatever they say."""
    missed = failed.executed or failed.code in MISSES
    guess = facts.operation.name == "verify" and missed
    if guess or failed.code == EXISTS:
        return Reconcile(otherwise=failed, unknown=False, certain=True)
    return failed


def _costs(facts: Facts, answer: Answered) -> bool:
    """Whether a refusal has cost one of few attempts, whatever its code: a guess's.

    So it is not repeated, though Stripe should ask for that.
    """
    return facts.operation.name == "verify" and answer.status == 402


def _is_gone(facts: Facts, answer: Answered) -> bool:
    """Whether this refusal shows that a delete's goal is reached."""
    return facts.operation.name == "delete" and says_absent(answer)


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


def _may_be_detached(facts: Facts, answer: Answered) -> bool:
    """Whether the source of this delete may be detached already instead of missing."""
    is_source = facts.operation.name == "delete" and facts.source_id.startswith("src_")
    about_customer = answer.error.get("param") == "customer"
    wrong_mode = answer.code == MISSING and not says_absent(answer)
    about_it = answer.status in {400, 404} and not about_customer and not wrong_mode
    return is_source and about_it


def _evidence(facts: Facts) -> dict[str, str]:
    return {"body_sha256": facts.body_digest} if facts.body_digest else {}


def _code(answer: Answered) -> str:
    return answer.code or f"http_{answer.status}"
