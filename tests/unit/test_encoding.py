"""Form fields as Stripe reads them, checked by a decoder that is not ours."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customer_sources.contract.encoding import encode_form, path_segment


@pytest.mark.parametrize(
    ("params", "form"),
    [
        ({}, ""),
        ({"source": "tok_visa"}, "source=tok_visa"),
        ({"source": ""}, "source="),
        ({"metadata": {"order_id": "6735"}}, "metadata[order_id]=6735"),
        ({"metadata": {}}, ""),
        (
            {"owner": {"address": {"city": "X"}, "name": "Y"}},
            "owner[address][city]=X&owner[name]=Y",
        ),
        (
            {"expand": ["customer", "data.owner"]},
            "expand[]=customer&expand[]=data.owner",
        ),
        ({"expand": ("customer",)}, "expand[]=customer"),
        ({"expand": []}, ""),
        ({"amounts": [32, 45]}, "amounts[]=32&amounts[]=45"),
        ({"validate": True}, "validate=true"),
        ({"validate": False}, "validate=false"),
    ],
)
def test_parameters_are_written_as_stripes_documentation_writes_them(
    params: dict[str, Any], form: str
) -> None:
    assert encode_form(params) == form


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a b", "a%20b"),
        ("a+b", "a%2Bb"),
        ("a&b=c", "a%26b%3Dc"),
        ("100%", "100%25"),
        ("ü", "%C3%BC"),
        ("\U0001f4b3", "%F0%9F%92%B3"),
        ("a\r\nb\x00", "a%0D%0Ab%00"),
        ("[x]", "[x]"),
    ],
)
def test_what_has_a_meaning_in_a_form_is_escaped(text: str, written: str) -> None:
    assert encode_form({"source": text}) == f"source={written}"


def test_the_order_is_the_order_given() -> None:
    assert encode_form({"b": "1", "a": "2"}) == "b=1&a=2"
    assert encode_form({"a": "2", "b": "1"}) == "a=2&b=1"


keys = st.text(min_size=1, max_size=6).filter(lambda key: not {"[", "]"} & {*key})
scalars = st.text(max_size=8) | st.integers() | st.booleans()
nested = st.recursive(
    scalars,
    lambda inner: (
        st.lists(scalars, min_size=1, max_size=3)
        | st.dictionaries(keys, inner, min_size=1, max_size=3)
    ),
    max_leaves=6,
)


def decode(form: str) -> dict[str, Any]:
    """Read a form with brackets: names split, `[]` appended, the rest nested."""
    root: dict[str, Any] = {}
    for name, value in parse_qsl(form, keep_blank_values=True):
        first, *rest = [part.removesuffix("]") for part in name.split("[")]
        place, last = root, first
        for step in rest:
            if step == "":
                place.setdefault(last, []).append(value)
                break
            place = place.setdefault(last, {})
            last = step
        else:
            place[last] = value
    return root


def as_text(value: Any) -> Any:
    """Write a value's leaves as a form carries them."""
    if isinstance(value, dict):
        return {key: as_text(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_text(item) for item in value]
    return str(value).lower() if isinstance(value, bool) else str(value)


@settings(deadline=None, max_examples=200)
@given(st.dictionaries(keys, nested, max_size=4))
def test_another_decoder_reads_back_what_was_written(params: dict[str, Any]) -> None:
    form = encode_form(params)

    assert decode(form) == as_text(params)
    assert form.isascii()
    assert not set(" #\r\n") & set(form)


@settings(deadline=None)
@given(st.text(min_size=1, max_size=20))
def test_a_path_segment_cannot_become_two(text: str) -> None:
    segment = path_segment(text)

    assert unquote(segment) == text
    assert not set("/?#[] ") & set(segment)
