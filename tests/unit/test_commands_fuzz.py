"""`prepare` with whatever a producer may give it: generated, odd, hostile."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl, unquote

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from customer_sources.contract.commands import Command, Switches, prepare
from customer_sources.contract.errors import CommandInvalid, Problem
from customer_sources.contract.names import MARKER
from customer_sources.contract.operations import OPERATIONS

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


texts = st.text(st.characters(codec=None), max_size=8)  # lone surrogates included
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner),
    max_leaves=6,
)
fields = [f.name for f in msgspec.structs.fields(OPERATIONS["create"].params)]
params = st.dictionaries(st.sampled_from(fields) | texts, values, max_size=4)


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(list(OPERATIONS)) | texts, params, values, values, values)
@example("create", {"source": "tok_\ud800"}, "cus_1", "", "")
@example("create", {"metadata": {"\ud800": "x"}}, "cus_1", "", "")
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
    for problem in problems:
        whole, part = problem.field, re.split(r"[.\[]", problem.field)[0]
        assert {whole, part} & _names(params)
    assert all(problem.message for problem in problems)
    if command is not None:
        assert (
            msgspec.json.decode(msgspec.json.encode(command), type=Command) == command
        )
        assert command.body.isascii()


def _names(params: dict[str, Any]) -> set[str]:
    return {"operation", "customer", "id", "reference", *params}


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(fields), st.text("ZQXJ", min_size=4, max_size=9))
def test_no_problem_ever_quotes_what_was_given(field: str, secret: str) -> None:
    given_values: list[Any] = [
        secret * 2000,
        [secret, 7],
        {"a": {secret: secret}},
        {f"[{secret}]": secret},
        {secret * 20: secret},
        {"number": secret},
        {"a": [secret]},
    ]
    for value in given_values:
        customer = f"{secret}/{secret}"
        with pytest.raises(CommandInvalid) as caught:
            prepare("create", {field: value}, job_id=JOB, customer=customer)
        assert secret not in str(caught.value)


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
