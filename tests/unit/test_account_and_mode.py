"""Whose sources a command changes: the account it names, and the mode it states."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from customer_sources import CommandInvalid, JobFailed, requests, submission
from customer_sources.contract.commands import (
    MODE_MISMATCH,
    Command,
    Switches,
    mode_refusal,
    prepare,
)
from customer_sources.contract.errors import Problem
from customer_sources.contract.events import rejected_event
from customer_sources.contract.ids import job_id_for_key
from customer_sources.contract.names import ACCOUNT_RULE, Keys
from customer_sources.contract.operations import OPERATIONS
from customer_sources.submission import Options, Submission
from customer_sources.testing import InMemorySources
from worker.facts import Facts
from worker.outcomes import Fail
from worker.policy import wrong_mode

KEYS = Keys("p:")
JOB = "job_" + "0" * 26
DEFAULT = {"account": "default"}
NAMES = ("default", "a", "0", "shop-eu_2", "a" * 40, "9-", "7_7", "live", "acct_1")
NO_NAMES: tuple[object, ...] = (
    *("", "Acme", "a" * 41, "-a", "_a", "a.b", "a:b", "a b", "a\n", "\na", "é", "٣"),
    *("a\x00", "\ud800", "a|b", "acct_1AbC", None, 7, True, 1.5, b"acme", ["acme"]),
)
SECRETS = ("4242424242424242", "4000-0566-5566-5556", "sk_live_1", "tok_visa")
NO_MODES: tuple[object, ...] = (1, 0, "true", "", "live", [], {}, 1.0)


def by_call(**options: Any) -> Submission:
    """As a method of the SDK builds it."""
    params = {"source": "tok_visa"}
    said = Options(**options)
    return submission.build(KEYS, "create", params, said, customer="cus_1")


def by_json(**options: Any) -> Submission:
    """As the inbox, a Celery message and `submit_many` build it."""
    command = {"operation": "create", "customer": "cus_1", "source": "tok_visa"}
    return requests.build(KEYS, command | options, may_repeat=True)


Way = Callable[..., Submission]
either_way = pytest.mark.parametrize("build", [by_call, by_json])


def command_of(one: Submission) -> Command:
    """Read the command that would be stored."""
    return msgspec.json.decode(str(one.arguments[11]), type=Command)


def refused(build: Way, **options: Any) -> dict[str, str]:
    with pytest.raises(CommandInvalid) as caught:
        build(**options)
    return {problem.field: problem.message for problem in caught.value.problems}


# --- the account


@either_way
@pytest.mark.parametrize("name", NAMES)
def test_an_account_is_in_the_command_the_lane_the_id_and_the_arguments(
    build: Way, name: str
) -> None:
    one = build(account=name, idempotency_key="order-1")

    assert command_of(one).account == name
    assert one.arguments[6] == f"{name}:cus_1"
    assert one.job_id == job_id_for_key(name, "order-1")
    assert len(one.arguments) == 19
    assert one.arguments[17] == name


@either_way
def test_without_a_word_it_is_the_default_account(build: Way) -> None:
    one, named = (build(idempotency_key="k", **said) for said in ({}, DEFAULT))

    assert one.job_id == named.job_id
    assert one.arguments[:13] == named.arguments[:13]
    assert one.arguments[17] == named.arguments[17] == "default"
    assert "account" not in str(one.arguments[11])


@either_way
@pytest.mark.parametrize("name", NO_NAMES, ids=ascii)
def test_what_is_no_name_of_an_account_is_refused_with_the_rule(
    build: Way, name: object
) -> None:
    if name is None and build is by_json:  # null is "not given", as for every field
        assert command_of(build(account=name)).account == "default"
        return
    said = refused(build, account=name, idempotency_key="k")

    assert list(said) == ["account"]
    assert ACCOUNT_RULE in said["account"]


@either_way
@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_put_for_an_account_is_refused_and_not_repeated(
    build: Way, secret: str
) -> None:
    said = refused(build, account=secret)

    assert list(said) == ["account"]
    assert secret not in str(said)


@either_way
@pytest.mark.parametrize("name", NO_NAMES, ids=ascii)
def test_beside_a_wrong_account_a_key_and_an_id_bring_no_trouble_of_their_own(
    build: Way, name: object
) -> None:
    wrong = "" if name is None else name
    said = refused(build, account=wrong, idempotency_key="k", job_id=JOB)

    assert list(said) == ["account"]


@either_way
def test_the_id_beside_a_key_has_to_be_that_of_the_same_account(build: Way) -> None:
    job_id = job_id_for_key("acme", "k")

    assert build(account="acme", idempotency_key="k", job_id=job_id).job_id == job_id
    for other in ({}, {"account": "other"}):
        said = refused(build, **other, idempotency_key="k", job_id=job_id)
        assert said == {
            "job_id": "not the job of this idempotency_key on this account; give one"
        }


# --- the mode


@either_way
@pytest.mark.parametrize("stated", [True, False, None])
def test_a_mode_is_stored_where_it_is_stated(build: Way, stated: Any) -> None:
    one = build(livemode=stated)

    assert command_of(one).livemode is stated
    assert ("livemode" in str(one.arguments[11])) == (stated is not None)


@either_way
@pytest.mark.parametrize("mode", NO_MODES, ids=repr)
def test_what_is_no_mode_is_refused(build: Way, mode: object) -> None:
    said = refused(build, livemode=mode)

    assert said == {
        "livemode": "expected true (real customers) or false (test mode)",
    }


@either_way
def test_both_are_told_with_all_else_that_is_wrong(build: Way) -> None:
    said = refused(build, account="A", livemode=1, priority="first", reference=7)

    assert sorted(said) == ["account", "livemode", "priority", "reference"]


def test_a_stated_mode_is_part_of_what_was_asked() -> None:
    """Else a guarded command were the same as one accepted before without a guard."""
    prints = {
        str(by_call(livemode=stated, idempotency_key="k").arguments[2])
        for stated in (None, True, False)
    }

    assert len(prints) == 3


@pytest.mark.parametrize(
    ("account", "fingerprint"),
    [
        ("default", "d075bb931bef075008aed6655009043f"),
        ("acme", "8153fe29440052b8bcec0d83e4bdcc56"),
    ],
)
def test_what_states_no_mode_is_recognised_as_it_always_was(
    account: str, fingerprint: str
) -> None:
    """A changed print would make a key that is repeated after an update a conflict."""
    one = by_call(account=account)

    assert one.arguments[2] == fingerprint


def test_a_command_stored_before_there_were_modes_states_none() -> None:
    stored = b'{"operation":"list","customer":"cus_1","path":"/v1/x"}'

    assert msgspec.json.decode(stored, type=Command).livemode is None


def asked(stated: Any) -> Command:
    switches = Switches(livemode=stated)
    return prepare(
        "list", {}, job_id=JOB, customer="cus_1", account="acme", switches=switches
    ).command


@pytest.mark.parametrize(
    ("stated", "is_live"), [(None, True), (None, False), (True, True), (False, False)]
)
def test_a_command_for_the_keys_mode_or_for_any_is_not_refused(
    stated: Any, is_live: Any
) -> None:
    assert mode_refusal(asked(stated), is_live=is_live) == {}


@pytest.mark.parametrize(
    ("stated", "words"),
    [
        (True, "livemode=true, and the account acme has a test key"),
        (False, "livemode=false, and the account acme has a live key"),
    ],
)
def test_a_command_for_the_other_mode_is_refused_in_the_workers_words(
    stated: Any, words: str
) -> None:
    error = mode_refusal(asked(stated), is_live=not stated)
    message = f"the command states {words}"
    assert error == {"code": MODE_MISMATCH, "message": message, "param": "livemode"}

    facts = Facts(operation=OPERATIONS["list"], unknown=False)
    end = wrong_mode(facts, error)
    assert end == Fail(MODE_MISMATCH, error, retryable=True)


# --- the stand-in in memory


def test_the_stand_in_has_test_keys_whatever_the_script_says() -> None:
    sources = InMemorySources()
    sources.succeed("get", {"id": "card_x"}, once=True)
    get = sources.customer.source.get
    live = get(customer="cus_1", id="card_1", account="acme", livemode=True)
    with pytest.raises(JobFailed) as caught:
        live.result()

    assert caught.value.code == MODE_MISMATCH
    assert caught.value.error == mode_refusal(asked(stated=True), is_live=False)
    (event,) = sources.told
    assert event.data["account"] == "acme"
    assert event.source == "/customer-sources/acme"
    assert [item.id for item in sources.review.list(account="acme")] == [live.id]
    fine = get(customer="cus_1", id="card_1", account="acme", livemode=False)
    assert fine.result() == {"id": "card_x"}  # which the one before did not use up


# --- rejections


@pytest.mark.parametrize("name", ["acme", "default"])
def test_a_rejection_tells_the_account_that_was_named(name: str) -> None:
    told = rejected({"account": name})

    assert told["account"] == name
    assert list(told) == ["state", "operation", "account", "problems"]


@pytest.mark.parametrize("name", [*NO_NAMES, *SECRETS], ids=ascii)
def test_a_rejection_tells_nothing_that_is_no_account(name: object) -> None:
    assert "account" not in rejected({"account": name})
    assert "account" not in rejected({})


def rejected(asked: dict[str, Any]) -> dict[str, Any]:
    problems = [Problem("x", "wrong")]
    return rejected_event("inbox:1-0:rejected", problems, now_ms=0, asked=asked).data
