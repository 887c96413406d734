"""The list of guards is not older than the code: each can still be taken away."""

from __future__ import annotations

import pytest

from tools.guards import REPORT, ROOT, Guard, guards, removed


@pytest.mark.parametrize("guard", guards(), ids=lambda guard: guard.name)
def test_a_guard_stands_where_the_list_says(guard: Guard) -> None:
    assert removed(guard, ROOT) != (ROOT / guard.file).read_text(encoding="utf-8")
    assert guard.tests
    for test in guard.tests:
        assert (ROOT / test).exists(), test


def test_the_report_has_a_line_for_each_guard_and_none_was_missed() -> None:
    report = REPORT.read_text(encoding="utf-8")
    assert "**nothing**" not in report
    for guard in guards():
        assert f"| {guard.name} |" in report
