"""What is quick about building a command says what the thorough way says."""

from __future__ import annotations

import json
import re
import unicodedata
import uuid
from collections import UserDict
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from customer_sources.contract import card_data, ids, masking, validation
from customer_sources.contract.encoding import encode_form, path_segment
from customer_sources.contract.envelope import envelope
from customer_sources.contract.fitting import Fitter, Kind
from customer_sources.contract.operations import OPERATIONS

SCRIPTS = ["0123456789", "٠١٢٣٤٥٦٧٨٩", "０１２３４５６７８９"]  # noqa: RUF001  on purpose
CARDS = ["4242424242424242", "378282246310005", "36227206271667", "676770000006"]


@st.composite
def numbers(draw: st.DrawFn) -> str:
    """Write a number near a card's, of some script, with something in and around it."""
    digits = draw(st.sampled_from(CARDS) | st.text("0123456789", max_size=20))
    script = draw(st.sampled_from(SCRIPTS))
    between = draw(st.sampled_from(["", " ", "-", "_", "\N{NO-BREAK SPACE}", "a"]))
    before, after = (draw(st.sampled_from(["", "+", "(", "²", "tok_"])) for _ in "ab")
    return before + between.join(script[int(one)] for one in digits) + after


whole = st.text(max_size=24)
texts = whole | st.text("019 -._aZ+", max_size=24) | numbers()


def bare(text: str) -> str:
    """Keep letters and digits, one by one, without a word on what is usual."""
    kept = (c for c in unicodedata.normalize("NFKC", text) if c.isalnum())
    return "".join(str(unicodedata.decimal(c, c)) for c in kept)


@settings(deadline=None, max_examples=400)
@given(texts)
@example("½" * 12)
@example("⑫" * 6)
@example("㊷" * 8)
@example("4242 4242 4242 4242")
@example("4" * 201)
def test_a_first_look_never_misses_a_card_number(text: str) -> None:
    digits = bare(text)
    is_number = card_data._ISSUERS.fullmatch(digits) and card_data._luhn(digits)
    is_phone = text.lstrip().startswith("+") and len(digits) <= 13

    assert card_data.looks_like_card_number(text) is bool(
        is_number and not is_phone and len(text) <= 200
    )
    assert card_data.is_only_digits(text) is digits.isdecimal()


def test_no_issuer_has_shorter_numbers_than_the_first_look_takes_for_short() -> None:
    lengths = range(card_data._SHORTEST)
    starts = [f"{number:04}" for number in range(10_000)]

    assert not any(
        card_data._ISSUERS.fullmatch(f"{start:0<{length}}"[:length])
        for length in lengths
        for start in starts
    )


@given(st.lists(st.sampled_from(["card", "CVC", "-", "last4", ".", "iban"])))
def test_a_name_once_judged_is_judged_the_same_again(parts: list[str]) -> None:
    field = "metadata." + "".join(parts)
    first, again = (card_data.names_a_secret(field, "12345") for _ in "ab")

    card_data._most_digits.cache_clear()
    assert first is again is card_data.names_a_secret(field, "12345")


@settings(deadline=None)
@given(whole, st.text("aZ09_.~-[] &=%", max_size=12))
def test_a_field_is_written_as_percent_encoding_has_it(name: str, value: str) -> None:
    for one, other in ((name, value), (value, name), (value, value)):
        written = f"{quote(one, safe='[]')}={quote(other, safe='[]')}"
        assert encode_form({one: other}) == written
        assert path_segment(one) == quote(one, safe="")


signs = st.sampled_from(
    ["sk_", "k", "_", "tok", "pii_", "whsec_", "_secret_", "a", "-"]
)


@given(st.lists(signs, max_size=6).map("".join) | whole)
def test_what_is_left_unmasked_has_nothing_to_mask(text: str) -> None:
    assert masking.mask_secrets(text) == masking._SECRET.sub(r"\1***", text)


@given(st.integers(0, 2**128 - 1))
def test_an_id_is_its_number_five_bits_a_character(number: int) -> None:
    written = ids._encode(number)
    digits = [ids._ALPHABET.index(character) for character in written]

    assert len(written) == 26
    assert sum(digit << 5 * place for place, digit in enumerate(digits[::-1])) == number


@given(st.text("aZ0_.-/ ", max_size=6) | texts, st.sampled_from([1, 6, 5000]))
@example("4242424242424242", 5000)
def test_a_usual_id_has_nothing_wrong_with_it(text: str, longest: int) -> None:
    told = validation.segment_problems("id", text, longest=longest)

    assert [one.message for one in told] == [
        wrong for wrong in [validation._wrong_with_id(text, longest)] if wrong
    ]


FIELDS = [
    (field.name, Kind(msgspec.inspect.type_info(field.type)))
    for operation in OPERATIONS.values()
    for field in msgspec.structs.fields(operation.params)
]
leaves = texts | st.integers() | st.booleans() | st.none() | st.floats()
names = st.sampled_from(["email", "address", "city", "order_id", "cvc"]) | whole
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.lists(inner, max_size=2).map(tuple)
        | st.dictionaries(names, inner, max_size=3)
        | st.dictionaries(names, inner, max_size=2).map(UserDict)
    ),
    max_leaves=5,
)


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(FIELDS), values)
def test_what_is_fitted_at_once_fits_as_it_does_by_trying(
    field: tuple[str, Kind], value: Any
) -> None:
    name, kind = field
    at_once, by_trying = Fitter(), Fitter()

    assert at_once.fit(name, value, kind) == by_trying._fit_by_trying(name, value, kind)
    assert at_once.problems == by_trying.problems


@pytest.mark.parametrize("text", ['"', "\\", "%s", "%(body)s", "ä\n", "it's"])
def test_a_message_quotes_whatever_it_carries(text: str) -> None:
    message = json.loads(envelope(text, [text]))

    assert message["properties"]["delivery_info"]["routing_key"] == text
    assert message["headers"]["argsrepr"] == f"({[text]!r},)"


def test_a_message_is_known_by_random_uuids() -> None:
    text = envelope("q", ["job_1"])
    found = set(re.findall(r"[0-9a-f]{8}-[0-9a-f-]{27}", text))

    assert len(found) == 2
    for one in found:
        assert uuid.UUID(one).version == 4
        assert uuid.UUID(one).variant == uuid.RFC_4122
