"""`prepare` with whatever a producer may give it: generated, odd, hostile."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl, unquote

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec import structs

from customer_sources.calls import prepare_many
from customer_sources.contract.commands import Command, Switches, prepare
from customer_sources.contract.errors import CommandInvalid, Problem
from customer_sources.contract.events import Event, rejected_event
from customer_sources.contract.names import MARKER, Keys
from customer_sources.contract.operations import OPERATIONS, Address, Owner
from customer_sources.contract.validation import amounts_problems, check_params
from customer_sources.submission import Options, Submission

JOB = "job_" + "0" * 26


@given(st.text(min_size=1, max_size=20))
@settings(deadline=None)
@example("..")
@example("%2e%2e")
@example("a%2Fb")
@example("ä?#/\\")
@example("\N{NO-BREAK SPACE}")
def test_an_id_is_one_segment_of_the_path_or_is_refused(text: str) -> None:
    try:
        path = prepare(
            "get", {}, job_id=JOB, customer="cus_1", source_id=text
        ).command.path
    except CommandInvalid:
        return
    *_, sources, last = path.split("/")
    assert sources == "sources"
    assert unquote(last) == text
    assert last not in {".", ".."}
    assert path.isascii()
    assert not {"?", "#", " ", "\\"} & set(path)


def _hashable(value: object) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


texts = st.text(st.characters(codec=None), max_size=8)  # lone surrogates included
numbers = st.integers() | st.just(10**4000) | st.just(4242424242424242)
names = sorted(
    {
        *(f.name for op in OPERATIONS.values() for f in structs.fields(op.params)),
        *(f.name for kind in (Owner, Address) for f in structs.fields(kind)),
    }
)
keys = st.sampled_from(names) | texts
values = st.recursive(
    st.none() | st.booleans() | numbers | st.floats() | texts | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner),
    max_leaves=6,
)
params = st.dictionaries(keys, values, max_size=4)
OURS = {field.name for field in structs.fields(Options)}


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(list(OPERATIONS)) | texts, params, values, values, values)
@example("create", {"source": "tok_\ud800"}, "cus_1", "", "")
@example("create", {"metadata": {"\ud800": "x"}}, "cus_1", "", "")
@example("update", {"owner": {"\ud800": 1}}, "cus_1", "card_1", "")
@example("update", {"account_holder_type": "\ud800"}, "cus_1", "card_1", "")
@example("verify", {"\ud800": "x"}, "cus_1", "card_1", "")
@example("verify", {}, "cus_1", "ba_1", "")
@example("verify", {"amounts_": 1, "amounts": {}}, "cus_1", "ba_1", "")
@example("get", {}, "cus_\ud800", "card_1", "")
@example("get", {}, "cus_1", "card_\ud800", "")
@example("get", {}, "cus_1", "card_1", "\ud800")
def test_whatever_is_given_is_prepared_or_refused_with_a_field(
    operation: str, params: dict[str, Any], customer: Any, source_id: Any, note: Any
) -> None:
    problems: Sequence[Problem] = ()
    command = None
    try:
        command = prepare(
            operation,
            params,
            job_id=JOB,
            customer=customer,
            source_id=source_id,
            switches=Switches(reference=note),
        ).command
    except CommandInvalid as error:
        problems = error.problems
    assert (command is None) == bool(problems)
    fixed = {"operation", "customer", "id", "reference", "params"}
    for problem in problems:
        whole, part = problem.field, re.split(r"[.\[]", problem.field)[0]
        assert {whole, part} & (fixed | set(params))
        assert problem.field.isprintable()
    assert all(problem.message for problem in problems)
    if command is not None:
        assert (
            msgspec.json.decode(msgspec.json.encode(command), type=Command) == command
        )
        assert command.body.isascii()


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(list(OPERATIONS)), params)
@example("verify", {"amounts": [32]})
@example("verify", {})
def test_what_fits_our_account_of_the_types_fits_the_types(
    operation: str, given_params: dict[str, Any]
) -> None:
    """Two readings of one declaration: ours, which finds all, and msgspec's."""
    declared = OPERATIONS[operation].params
    checked = check_params(OPERATIONS[operation], given_params)
    problems = [
        *checked.problems,
        *amounts_problems(operation, checked.params, checked.problems),
    ]
    if not problems:
        msgspec.convert(checked.params, declared)
    wanted = {name: v for name, v in given_params.items() if v is not None}
    try:
        msgspec.convert(wanted, declared)
    except (msgspec.ValidationError, UnicodeEncodeError):
        assert problems
        return
    beyond = ("both", "card", "token", "Unicode", "CVC", "set by this", "one is ours")
    for problem in problems:
        assert any(word in problem.message for word in beyond)


@settings(deadline=None, max_examples=300)
@given(
    st.sampled_from(list(OPERATIONS)) | values,
    params,
    st.dictionaries(st.sampled_from(sorted(OURS | {"customer", "id"})), values),
    texts,
)
@example("create", {"\ud800": "x"}, {}, "")
@example("get", {}, {"ordered": []}, "")
@example("get", {}, {"priority": [], "harmless": 5, "not_before": 1e300}, "\ud800")
@example("get", {}, {"deadline": "9999-12-31T23:59:59-14:00"}, "")
def test_whatever_a_producer_writes_is_a_job_or_an_event(
    operation: Any, params: dict[str, Any], options: dict[str, Any], name: str
) -> None:
    command = {"operation": operation, **params, **options}
    (one,) = prepare_many(Keys(), [command])
    if isinstance(one, Submission):
        assert msgspec.json.decode(str(one.arguments[11]), type=Command)
        return
    event = rejected_event(
        f"celery:{name}:rejected", one.problems, now_ms=0, asked=command
    )
    assert msgspec.json.decode(event.encode(), type=Event).data["problems"]


@given(st.lists(values | st.dictionaries(values.filter(_hashable), values), max_size=4))
@settings(deadline=None)
def test_one_bad_command_of_many_harms_no_other(odd: list[Any]) -> None:
    fine = {"operation": "get", "customer": "cus_1", "id": "card_1"}
    first, *others, last = prepare_many(Keys(), [fine, *odd, fine])

    assert isinstance(first, Submission)
    assert isinstance(last, Submission)
    assert all(isinstance(one, CommandInvalid) for one in others)


SECRETS = (
    st.text("ZQXJ", min_size=4, max_size=9)
    | st.sampled_from(["4242424242424242", "sk_live_secret", "tok_1AbC", "\ud800"])
).filter(bool)
PLACES = [
    (operation.name, field.name)
    for operation in OPERATIONS.values()
    for field in structs.fields(operation.params)
]


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(PLACES), SECRETS)
def test_no_problem_and_no_event_ever_quotes_what_was_given(
    place: tuple[str, str], secret: str
) -> None:
    operation, field = place
    given_values: list[Any] = [
        secret,
        secret * 2000,
        [secret, 7],
        {"a": {secret * 9: secret}},
        {f"[{secret}]": secret},
        {secret * 20: secret},
        {"number": secret},
        {"a": [secret]},
        {"email": [secret], "address": {"city": {"a": secret}}},
        int("42" * 8),
        int("42" * 2000),
    ]
    for value in given_values:
        command = {
            "operation": operation,
            field: value,
            "customer": f"{secret}/{secret}",
            "id": f"{secret} {secret}",
            "harmless": secret,
            "priority": secret,
            "ordered": secret,
            "not_before": secret,
            "deadline": [secret],
        }
        (refusal,) = prepare_many(Keys(), [command])
        assert isinstance(refusal, CommandInvalid)
        assert secret not in str(refusal)
        assert "4242" not in str(refusal)


CARDLIKE = ["4242424242424242", "4242-4242-4242-4242", "sk_live_1AbC", "tok_1AbC"]


@pytest.mark.parametrize("secret", CARDLIKE)
@pytest.mark.parametrize(
    "command",
    [
        {"SECRET": "x"},
        {"metadata": {"SECRET": "SECRET", "a": 1}},
        {"metadata": {"SECRET": 1}},
        {"operation": "update", "id": "c", "owner": {"SECRET": 1}},
        {"operation": "SECRET"},
        {"customer": "SECRET/1"},
        {"customer": "SECRET", "source": 7},
        {"reference": "SECRET", "source": 7},
        {"idempotency_key": ["SECRET"]},
    ],
    ids=str,
)
def test_a_secret_is_not_told_from_where_it_does_not_belong(
    command: dict[str, Any], secret: str
) -> None:
    whole = {"operation": "create", "customer": "cus_1", **command}
    asked = json.loads(json.dumps(whole).replace("SECRET", secret))
    (refusal,) = prepare_many(Keys(), [asked])
    assert isinstance(refusal, CommandInvalid)

    name = f"celery:{secret}:rejected"
    event = rejected_event(name, refusal.problems, now_ms=0, asked=asked)
    assert secret not in str(refusal)
    assert secret not in event.encode().decode()
    assert re.fullmatch(r"celery:#[0-9a-f]{32}:rejected", event.id)


@settings(deadline=None, max_examples=200)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "source": st.text(max_size=20).map("tok_{}".format),
            "metadata": st.dictionaries(
                st.text(min_size=1, max_size=8).filter(lambda k: not {*k} & {*"[]"}),
                st.text(max_size=8),
                max_size=4,
            ),
            "expand": st.lists(st.text(max_size=8), max_size=3),
            "validate": st.booleans(),
        },
    )
)
def test_what_is_sent_is_what_was_given(params: dict[str, Any]) -> None:
    prepared = prepare("create", params, job_id=JOB, customer="cus_1")
    body = prepared.command.body
    sent = parse_qsl(body, keep_blank_values=True, strict_parsing=True)

    expected: list[tuple[str, str]] = []
    if "source" in params:
        expected.append(("source", params["source"]))
    metadata = {**params.get("metadata", {}), MARKER: JOB}
    expected += [(f"metadata[{key}]", value) for key, value in metadata.items()]
    expected += [("expand[]", value) for value in params.get("expand", ())]
    if "validate" in params:
        expected.append(("validate", str(params["validate"]).lower()))
    assert sorted(sent) == sorted(expected)
    assert [v for k, v in sent if k == "expand[]"] == params.get("expand", [])
