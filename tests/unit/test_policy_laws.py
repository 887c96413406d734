"""Laws that hold for every answer, however odd: tried with generated ones.

`proves` says anew, from the rules alone, which refusals tell what became of earlier
sends; the policy must never fail a job in doubt on anything else.
"""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from customer_sources.contract.operations import Effect
from tests.answers import CHANGES, CREATE, DELETE, GET, facts, no, ok
from worker.answers import Answered, MaybeSent, NotSent, TryResult
from worker.outcomes import Decision, Fail, Later, Reconcile, Review, Succeed
from worker.policy import Facts, decide

quick = settings(deadline=None, max_examples=200)
SECRET = "s3cr3t"

CODES = (
    "resource_missing",
    "token_already_used",
    "token_in_use",
    "bank_account_exists",
    "lock_timeout",
    "parameter_missing",
    "parameters_exclusive",
    "card_declined",
    "idempotency_key_in_use",
)
OUR_DOING = ("token_already_used", "bank_account_exists", "resource_missing")
"""Refusals that an earlier send of the same job may have brought about."""

NAMES = (
    "error",
    "code",
    "message",
    "param",
    "type",
    "id",
    "object",
    "status",
    "deleted",
    "customer",
)
names = st.sampled_from(NAMES) | st.text(max_size=5)
leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(("card_1", "source", "consumed", "idempotency_error", *CODES))
    | st.text(max_size=10)
)
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4)
    ),
    max_leaves=8,
)
errors = st.fixed_dictionaries(
    {},
    optional={
        "code": st.sampled_from(CODES) | values,
        "message": values,
        "type": st.just("idempotency_error") | values,
        "param": values,
    },
)
bodies = (
    st.fixed_dictionaries({"error": errors})
    | st.fixed_dictionaries({"error": values})
    | st.dictionaries(names, values, max_size=5)
)


def answers(bodies: st.SearchStrategy[Any] = bodies) -> st.SearchStrategy[Answered]:
    statuses = st.integers(200, 599) | st.sampled_from((200, 400, 402, 404, 409, 500))
    return st.builds(
        Answered,
        status=statuses,
        body=bodies,
        request_id=st.just("req_1"),
        replayed=st.booleans(),
        should_retry=st.none() | st.booleans(),
        retry_after=st.none() | st.floats(0, 1e9),
    )


results = (
    answers()
    | st.builds(NotSent, st.just("no"))
    | st.builds(MaybeSent, st.just("lost"))
)
quiets = st.sampled_from((0.0, 0.5, 60.0))


def known(operations: tuple[str, ...], *, unknown: bool) -> st.SearchStrategy[Facts]:
    return st.builds(
        lambda operation, quiet: facts(operation, unknown=unknown, quiet_for=quiet),
        st.sampled_from(operations),
        quiets,
    )


def proves(known_facts: Facts, result: TryResult) -> bool:
    """Whether a refusal tells what became of every earlier send of the job."""
    if not isinstance(result, Answered) or not 400 <= result.status < 500:
        return False
    keyed = known_facts.operation.effect is Effect.KEYED
    saved = keyed and result.replayed
    executed = keyed and result.status == 402 and result.code not in OUR_DOING
    return saved or executed or result.code.startswith("parameter")


def text_of(outcome: Decision) -> str:
    return msgspec.json.encode(outcome).decode()


@quick
@given(known(CHANGES, unknown=True), results)
@example(facts(DELETE, unknown=True), no(402, "card_declined"))
@example(facts(CREATE, unknown=True), no(404, "resource_missing"))
def test_a_job_in_doubt_fails_only_on_proof(job: Facts, result: TryResult) -> None:
    if isinstance(decide(job, result), Fail):
        assert proves(job, result)


@quick
@given(known(CHANGES, unknown=True), results)
def test_doubt_ends_by_proof_alone(job: Facts, result: TryResult) -> None:
    outcome = decide(job, result)

    if isinstance(outcome, Later):
        assert outcome.unknown
    if isinstance(outcome, Reconcile) and not outcome.certain:
        assert isinstance(outcome.otherwise, Fail) is not outcome.unknown


@quick
@given(known(CHANGES, unknown=True), results)
def test_a_doubt_that_is_looked_into_fails_without_a_look_only_on_proof(
    job: Facts, result: TryResult
) -> None:
    outcome = decide(job, result)

    if isinstance(outcome, Reconcile) and isinstance(outcome.otherwise, Fail):
        assert proves(job, result)


@quick
@given(known(CHANGES, unknown=True), st.sampled_from((401, 403, 409, 429)), bodies)
def test_what_answers_before_the_saved_result_never_ends_doubt(
    job: Facts, status: int, body: dict[str, Any]
) -> None:
    outcome = decide(job, Answered(status=status, body=body))

    assert isinstance(outcome, Later)
    assert outcome.unknown


@quick
@given(known(CHANGES, unknown=True), results)
def test_no_verdict_of_doubt_is_given_early(job: Facts, result: TryResult) -> None:
    outcome = decide(job, result)

    if isinstance(outcome, Review):
        assert job.quiet_for == 0
    if isinstance(outcome, Reconcile):
        assert job.quiet_for == 0 or outcome.certain


@quick
@given(known((GET,), unknown=False), results)
def test_a_read_is_never_in_doubt(job: Facts, result: TryResult) -> None:
    outcome = decide(job, result)

    assert not (isinstance(outcome, Later) and outcome.unknown)


@quick
@given(known(CHANGES, unknown=False), results)
def test_doubt_begins_only_where_an_answer_is_missing(
    job: Facts, result: TryResult
) -> None:
    outcome = decide(job, result)

    if isinstance(outcome, Later) and outcome.unknown:
        read = isinstance(result, Answered) and 400 <= result.status < 500
        in_progress = isinstance(result, Answered) and result.status in {408, 409, 424}
        assert not isinstance(result, NotSent)
        assert in_progress or not read


@quick
@given(known(CHANGES, unknown=False), results)
def test_an_unanswered_change_is_always_in_doubt(job: Facts, result: TryResult) -> None:
    lost = isinstance(result, MaybeSent)
    broken = isinstance(result, Answered) and result.status >= 500
    if lost or broken:
        outcome = decide(job, result)
        assert isinstance(outcome, Later | Reconcile)
        assert outcome.unknown


@quick
@given(known((CREATE, GET, DELETE), unknown=False), results)
@example(facts(CREATE), Answered(status=400, body={"error": [1, 2]}))
@example(facts(CREATE), Answered(status=400, body={"error": {"code": 7}}))
@example(facts(CREATE), Answered(status=402, body={"error": {"message": ["x"]}}))
@example(facts(GET), Answered(status=200, body={"id": 7, "customer": {"a": 1}}))
def test_every_answer_has_an_outcome_that_can_be_written(
    job: Facts, result: TryResult
) -> None:
    outcome = decide(job, result)

    assert isinstance(outcome, Succeed | Fail | Review | Later | Reconcile)
    assert outcome.code
    assert text_of(outcome)


def secretive(value: Any) -> Any:
    """Put a secret into a value's strings and into a field that is one."""
    if isinstance(value, dict):
        inside = {name: secretive(item) for name, item in value.items()}
        return {**inside, "client_secret": SECRET}
    if isinstance(value, list):
        return [secretive(item) for item in value]
    return value


@quick
@given(known((CREATE, GET, DELETE), unknown=False), answers(bodies.map(secretive)))
@example(facts(CREATE), ok({"id": "src_1", "client_secret": SECRET}))
@example(facts(GET), ok({"id": "src_1", "type": {"client_secret": SECRET}}))
@example(
    facts(CREATE),
    Answered(status=402, body={"error": {"source": {"client_secret": SECRET}}}),
)
@example(
    facts(CREATE),
    Answered(status=402, body={"error": {"message": {"client_secret": SECRET}}}),
)
def test_no_outcome_carries_a_client_secret(job: Facts, answer: Answered) -> None:
    assert SECRET not in text_of(decide(job, answer))


@quick
@given(
    st.sampled_from(("tok_", "btok_")),
    st.sampled_from(("No such token: '{}'", "{}", "({})", "token={}.", "a {}, b")),
    st.sampled_from((400, 402, 404)),
    st.sampled_from(("message", "param")),
)
def test_no_outcome_carries_a_token(
    kind: str, sentence: str, status: int, field: str
) -> None:
    error = {"code": "x", field: sentence.format(kind + SECRET)}
    for unknown in (False, True):
        job = facts(CREATE, unknown=unknown)
        outcome = decide(job, Answered(status=status, body={"error": error}))
        assert SECRET not in text_of(outcome)
