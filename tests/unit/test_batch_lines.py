"""On which lines of a file the rows of its plan stand."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.planned import deletes, plan_bytes
from worker.batches.lines import LinesRead, LinesWritten
from worker.batches.plan_files import LINES


def read(path: Path, rows: list[int]) -> list[int]:
    with LinesRead(path) as lines:
        return [lines.of(row) for row in rows]


def test_each_row_of_a_plan_is_found_in_its_file(tmp_path: Path) -> None:
    table = (
        b"operation,customer,id,name\n"
        b"delete,cus_1,card_1,\n"
        b'update,cus_1,card_2,"Ada\nLovelace"\n'
        b"delete,,card_3,\n"
        b"\n\n"
        b"delete,cus_1,card_4,\n"
        b"delete,cus_1,card_5,\n"
    )

    planned = plan_bytes(table, tmp_path)

    lines = read(tmp_path / "plan" / LINES, [row.number for row in planned.rows])
    cards = [row.id.encode() for row in planned.rows]
    assert cards == [b"card_1", b"card_2", b"card_4", b"card_5"]
    text = table.splitlines()
    assert all(card in text[line - 1] for card, line in zip(cards, lines, strict=True))


def test_of_a_file_without_gaps_one_entry_says_it_all(tmp_path: Path) -> None:
    planned = plan_bytes(deletes(2000), tmp_path)

    path = tmp_path / "plan" / LINES
    assert len(path.read_bytes().splitlines()) == 1
    assert read(path, [planned.rows[-1].number]) == [2001]


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 5), st.booleans())))
def test_every_row_is_told_as_it_was_written_whichever_are_asked_for(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, int, bool]]
) -> None:
    path = tmp_path_factory.mktemp("lines") / LINES
    row = line = 0
    asked: dict[int, int] = {}
    with LinesWritten(path) as lines:
        for rows, more, is_asked in steps:
            row, line = row + rows, line + rows + more
            lines.add(row, line)
            if is_asked:
                asked[row] = line

    assert read(path, list(asked)) == list(asked.values())
