"""Rows that are compared by files, when there are too many to be held."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customer_sources.batches.rows import Row
from worker.batches import duplicates, spilling
from worker.batches.duplicates import Duplicates, Finding
from worker.batches.spilling import Spill

ASKED = msgspec.Raw(b"{}")


def found(folder: Path, rows: Sequence[tuple[str, str, str]]) -> list[Finding]:
    """Find what is the matter with rows: operation, id and body of each."""
    compared = Duplicates(folder)
    for number, (operation, source, body) in enumerate(rows, 1):
        row = Row(number, operation, "cus_1", source, body, ASKED)
        compared.add(row, number * 10)
    return list(compared.findings())


fields = st.lists(
    st.sampled_from(["name=A", "name=B", "metadata=", "expand[0]=x"])
    | st.builds("metadata[{}]={}".format, st.sampled_from("ab"), st.sampled_from("12")),
    unique_by=lambda field: field.partition("=")[0],
    max_size=3,
).map("&".join)
rows_of = st.tuples(
    st.sampled_from(["update", "delete", "verify", "get"]),
    st.sampled_from(["card_1", "card_1", "card_2", ""]),
    fields,
)


@settings(deadline=None, max_examples=60)
@given(st.lists(rows_of, max_size=16))
def test_a_file_that_is_taken_apart_tells_what_one_that_is_not_does(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str]]
) -> None:
    folder = tmp_path_factory.mktemp("compared")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duplicates, "LARGE", 2**30)
        whole = found(folder / "whole", rows)
        patch.setattr(duplicates, "LARGE", 0)
        apart = found(folder / "apart", rows)

    assert apart == whole


def test_a_large_file_about_one_source_is_taken_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(duplicates, "LARGE", 10_000)
    rows = [("update", "card_1", f"metadata[k{n}]=1") for n in range(500)]

    told = found(tmp_path / "compared", [*rows, ("update", "card_1", "metadata[k7]=2")])

    message = "sets metadata[k7] to another value than row 8 (line 80)"
    assert [(one.row, one.message) for one in told] == [(501, message)]
    assert len(list((tmp_path / "compared").glob("apart-*"))) == 1


def test_what_is_spilled_comes_back_by_file_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spilling, "MOST_HELD", 50)
    spill = Spill(tmp_path / "spill")
    for number in range(100):
        spill.add(number % 3, b"%d\n" % number)

    files = [(size, [*map(int, lines)]) for size, lines in spill.files()]

    assert [numbers for _, numbers in files] == [
        list(range(start, 100, 3)) for start in range(3)
    ]
    paths = sorted((tmp_path / "spill").iterdir())
    assert [size for size, _ in files] == [path.stat().st_size for path in paths]
