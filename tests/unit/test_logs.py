"""Log lines: one shape for everybody, to standard error, and no less than was asked."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from config import logs


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    quiet = {name: logging.getLogger(name).level for name in logs._QUIET}
    yield
    root.handlers = handlers
    root.setLevel(level)
    for name, before in quiet.items():
        logging.getLogger(name).setLevel(before)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Lines:
    return Lines(capsys)


class Lines:
    """What was logged since the last look."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def text(self) -> str:
        out, err = self._capsys.readouterr()
        assert out == ""  # standard output belongs to what a command prints
        return str(err)

    def read(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text().splitlines()]


def divide(logger: Any) -> None:
    """Log an exception, as code does that went on after one."""
    try:
        _ = 1 // 0
    except ZeroDivisionError:
        logger.exception("run_broke")


def test_a_line_of_ours_is_one_json_object_of_facts(lines: Lines) -> None:
    logs.configure(form="json", level="INFO")
    structlog.get_logger("worker").info("run", job_id="job_1", tries=2)

    (line,) = lines.read()
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "run", "level": "info", "job_id": "job_1", "tries": 2}


def test_a_line_of_somebody_else_has_the_same_shape(lines: Lines) -> None:
    logs.configure(form="json", level="INFO")
    logging.getLogger("celery.apps").warning("%s is %d", "x", 7)

    (line,) = lines.read()
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "x is 7", "level": "warning", "logger": "celery.apps"}


@pytest.mark.parametrize("ours", [True, False])
def test_an_exception_stays_on_its_line(lines: Lines, *, ours: bool) -> None:
    logs.configure(form="json", level="INFO")
    logger = structlog.get_logger("worker") if ours else logging.getLogger("other")
    divide(logger)

    (line,) = lines.read()
    assert line["event"] == "run_broke"
    assert line["level"] == "error"
    assert "ZeroDivisionError: " in line["exception"]


def test_what_is_bound_to_the_context_is_on_every_line(lines: Lines) -> None:
    logs.configure(form="json", level="INFO")
    with structlog.contextvars.bound_contextvars(worker="boot-1"):
        structlog.get_logger("worker").info("ours")
        logging.getLogger("other").info("theirs")

    assert [line["worker"] for line in lines.read()] == ["boot-1", "boot-1"]


def test_what_json_does_not_know_is_still_logged(lines: Lines) -> None:
    logs.configure(form="json", level="INFO")
    structlog.get_logger("worker").info("odd", thing={1, 2}, raw=b"\xff", text="\ud800")

    (line,) = lines.read()
    assert line["event"] == "odd"


def test_a_line_break_in_a_fact_makes_no_second_line(lines: Lines) -> None:
    logs.configure(form="json", level="INFO")
    structlog.get_logger("worker").info("odd", text='a\n{"event": "forged"}')

    assert [line["event"] for line in lines.read()] == ["odd"]


def test_a_person_reads_words_instead_of_json(lines: Lines) -> None:
    logs.configure(form="console", level="INFO")
    structlog.get_logger("worker").info("run", job_id="job_1")
    logging.getLogger("other").warning("careful")

    ours, theirs = lines.text().splitlines()
    assert "job_id=job_1" in ours
    assert "careful" in theirs
    assert "\x1b" not in ours + theirs  # not a terminal: no colours


def test_an_exception_for_a_person_is_a_traceback(lines: Lines) -> None:
    logs.configure(form="console", level="INFO")
    divide(structlog.get_logger("worker"))

    assert "ZeroDivisionError: " in lines.text()


@pytest.mark.parametrize(
    ("level", "logged"),
    [
        ("DEBUG", ["debug", "info", "warning", "error"]),
        ("INFO", ["info", "warning", "error"]),
        ("WARNING", ["warning", "error"]),
        ("ERROR", ["error"]),
    ],
)
@pytest.mark.parametrize("name", ["worker", "celery.apps.worker"])
def test_nothing_below_the_level_is_logged(
    lines: Lines, level: str, logged: list[str], name: str
) -> None:
    logs.configure(form="json", level=level)
    for word in ("debug", "info", "warning", "error"):
        getattr(structlog.get_logger(name), word)(word)
        getattr(logging.getLogger(name), word)(word)

    expected = [word for word in logged for _ in range(2)]
    assert [line["event"] for line in lines.read()] == expected


@pytest.mark.parametrize("name", logs._QUIET)
def test_what_only_repeats_our_lines_is_quiet_below_a_warning(
    lines: Lines, name: str
) -> None:
    logs.configure(form="json", level="INFO")
    logging.getLogger(name).info("HTTP Request: GET https://api.stripe.com/v1/…")
    logging.getLogger(name).warning("careful")

    assert [line["event"] for line in lines.read()] == ["careful"]


@pytest.mark.parametrize("name", logs._QUIET)
def test_quiet_ones_are_not_louder_than_the_level(lines: Lines, name: str) -> None:
    logs.configure(form="json", level="ERROR")
    logging.getLogger(name).warning("careful")

    assert lines.read() == []


def test_configuring_again_replaces_and_does_not_double(lines: Lines) -> None:
    logs.configure(form="console", level="DEBUG")
    logs.configure(form="json", level="INFO")
    structlog.get_logger("worker").info("once")

    assert len(lines.read()) == 1
