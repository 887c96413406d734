"""The report of a chaos run, as a section of a page."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import chaos, chaos_report
from bench.chaos_account import add_up
from tests.chaos import FINE, WEATHER, told_less


def test_a_report_goes_between_the_marks_of_a_page(tmp_path: Path) -> None:
    page, account = tmp_path / "page.md", add_up(told_less("a")(FINE))
    section = chaos_report.markdown(account, WEATHER, "the command")
    page.write_text(f"above\n{chaos_report.BEGIN}\nstale\n{chaos_report.END}\nbelow\n")
    chaos_report.write_section(page, section)

    text = page.read_text()
    assert text.startswith("above\n")
    assert text.endswith("below\n")
    assert "stale" not in text
    assert "**The promise was broken, 1 times:**" in text
    assert "lost: a (job_a)" in text
    assert "| &emsp;sdk | 4 |" in text
    assert "| accepted for the account second | 1 |" in text
    chaos_report.write_section(page, section)
    assert page.read_text() == text


def test_a_report_names_every_option_that_made_its_run_another_one(
    tmp_path: Path,
) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"{chaos_report.BEGIN}{chaos_report.END}")
    words = ["--seed", "9", "--rate", "40", "--haste", "--markdown", str(page)]
    chaos.conclude(FINE, chaos._parser().parse_args(words))

    played = "python -m bench.chaos --seed 9 --minutes 10 --rate 40 --haste"
    assert f"`{played}`" in page.read_text()


def test_a_page_without_marks_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("mine")

    with pytest.raises(ValueError, match="no place for a report"):
        chaos_report.write_section(page, "section")
    assert page.read_text() == "mine"
