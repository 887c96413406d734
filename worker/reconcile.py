"""Reading Stripe instead of guessing: what became of a request nobody knows about.

Pure: a look yields the reads that it wants and returns an outcome; the engine carries
them. Which evidence counts as proof, and which does not, is reasoned in
docs/decisions/0005-look-before-you-judge.md.
"""

from __future__ import annotations

from customer_sources.contract.encoding import path_segment
from customer_sources.verifications.status import MOST_ATTEMPTS
from worker.attempts import ACCOUNT_FAILED, EXHAUSTED
from worker.created import look_for_created
from worker.evidence import differences, named
from worker.looking import Case, Look, Read, done, is_object
from worker.outcomes import Fail, Later, Succeed
from worker.policy import DEADLINE_PASSED, NOT_VERIFIED
from worker.refusals import says_absent, says_verified

OVER = frozenset({"verification_failed", "errored"})
"""States of a bank account that nobody can verify any more."""
CONSUMED = "consumed"


def look(case: Case) -> Look:
    """Find out what Stripe did, by reads alone.

    Yields:
        The reads that are wanted, one after another.

    Returns:
        What is proved; where nothing is, what the doubt says stands otherwise.
    """
    found = yield from _STORIES[case.command.operation](case)
    if isinstance(case.doubt.otherwise, Later) and not isinstance(found, Succeed):
        return case.doubt.otherwise  # its request may be in progress still
    return found


def _look_at_update(case: Case) -> Look:
    """A source that has every field as asked is updated, whoever did it last."""
    answer = yield Read(case.source_path)
    if not is_object(answer):
        return case.open("the source cannot be read any more")
    names = differences(case.command.body, answer.body)
    if not names:
        return done(answer.body)
    return case.open(f"the source differs in {named(names)}")


def _look_at_delete(case: Case) -> Look:
    """What is gone is deleted; what is there was not, and ids never come back."""
    code = "already_absent_after_unknown" if case.unknown else "already_absent"
    source_id = case.command.id
    if source_id.startswith("src_"):
        answer = yield Read(f"/v1/sources/{path_segment(source_id)}")
        whose = answer.body.get("customer")
        ours = not whose or whose == case.command.customer
        if answer.body.get("status") == CONSUMED and ours and is_object(answer):
            return done(answer.body, code)
    if not case.unknown:
        return case.doubt.otherwise
    answer = yield Read(case.source_path)
    if says_absent(answer):
        return Succeed({"id": source_id, "deleted": True}, code)
    if not is_object(answer):
        return case.open("the source cannot be read")
    if answer.body.get("status") == CONSUMED:
        return done(answer.body, code)
    late = case.doubt.code == DEADLINE_PASSED
    return Fail(case.doubt.code, case.error, retryable=late)


def _look_at_verify(case: Case) -> Look:
    """An account that is verified is, whoever's amounts were right."""
    answer = yield Read(case.source_path)
    status = answer.body.get("status") if is_object(answer) else "unreadable"
    there_already = says_verified(case.error)
    if status == "verified" and not case.doubt.certain:
        return done(answer.body, *(["already_verified"] if there_already else []))
    over = str(status) in OVER and not there_already
    if over and case.doubt.code != NOT_VERIFIED:
        return _locked(case, str(status))
    if case.doubt.certain:
        return case.doubt.otherwise
    return case.open(f"its status is {status}")


def _locked(case: Case, status: str) -> Fail:
    """Tell that nobody can verify an account any more, and whether guesses did that.

    Its status does not tell a bounced deposit from the third guess: counting does.
    """
    code = EXHAUSTED if case.guesses >= MOST_ATTEMPTS else ACCOUNT_FAILED
    error = case.error | {"code": code}
    if not case.doubt.certain:  # its message is about a doubt that is settled now
        error["message"] = f"no answer was read; the account's status is {status}"
    return Fail(code, error)


_STORIES = {
    "create": look_for_created,
    "update": _look_at_update,
    "delete": _look_at_delete,
    "verify": _look_at_verify,
}
"""The operations that change Stripe; of no other one can anything be in doubt."""
