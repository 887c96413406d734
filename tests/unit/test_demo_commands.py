"""Which commands the demo runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from worker.cli.demo import COMMANDS, read_commands


@pytest.mark.parametrize(
    ("count", "read"),
    [
        (None, [0, 1, 2, 3, 4, 5, 6]),
        (1, [0]),
        (3, [0, 2, 4]),
        (7, [0, 1, 2, 3, 4, 5, 6]),
        (99, [0, 1, 2, 3, 4, 5, 6]),
    ],
)
def test_a_few_commands_are_taken_from_all_over_the_file(
    tmp_path: Path, count: int | None, read: list[int]
) -> None:
    file = tmp_path / "commands.jsonl"
    file.write_text("".join(json.dumps({"row": row}) + "\n" for row in range(7)))

    assert [row["row"] for row in read_commands(file, count)] == read


def test_a_small_demo_has_all_six_operations() -> None:
    assert len({row["operation"] for row in read_commands(COMMANDS, 40)}) == 6
