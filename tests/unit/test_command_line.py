"""A wrong command line: every problem, an exit code, no traceback, nothing quoted."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from customer_sources.contract.names import ACCOUNT_RULE
from customer_sources.contract.operations import OPERATIONS
from worker.cli import say
from worker.cli.exits import Exit
from worker.cli.main import main

NOBODY = "redis://127.0.0.1:1/0"
CREATE = ("create", "--customer", "cus_1")
UPDATE = ("update", "--customer", "cus_1", "--id", "card_1")
BARE = ("verify", "--customer", "cus_1", "--id", "ba_1")
VERIFY = (*BARE, "--amounts", "32", "--amounts", "45")


class Done(NamedTuple):
    """How a command ended, and all that it said."""

    code: int
    said: str


Sources = Callable[..., Done]


@pytest.fixture
def sources(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Sources:
    """Run a command in this process, as `sources` does; the store is not there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOURCES_REDIS_URL", NOBODY)
    monkeypatch.delenv("SOURCES_PREFIX", raising=False)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["sources", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        assert isinstance(ended.value.code, int)
        return Done(ended.value.code, "".join(capsys.readouterr()))

    return run


@pytest.mark.parametrize(
    ("words", "fields"),
    [
        ((*CREATE, "--not-before", "nan"), ["not_before"]),
        ((*CREATE, "--account", "Acme"), ["account"]),
        ((*CREATE, "--account", ""), ["account"]),
        (
            (*CREATE, "--account", "sk_live_1", "--timeout", "-1"),
            ["timeout", "account"],
        ),
        ((*CREATE, "--not-before", "inf"), ["not_before"]),
        ((*CREATE, "--deadline", "1e30"), ["deadline"]),
        ((*CREATE, "--not-before", "1e12"), ["not_before"]),
        ((*CREATE, "--deadline", "P1M"), ["deadline"]),
        ((*VERIFY, "--when", "deposits_arrived"), ["added_at"]),
        ((*VERIFY, "--when", "now", "--added-at", "P3D"), ["added_at", "when"]),
        ((*CREATE, "--watch", "--card", "tok_visa"), ["watch"]),
        ((*CREATE, "--metadata", "order"), ["metadata"]),
        ((*CREATE, "--timeout", "nan"), ["timeout"]),
        ((*UPDATE, "--owner", "{", "--exp-year", "4242" * 4), ["exp_year", "owner"]),
        ((*BARE, "--amounts", "32", "--amounts", "4.5"), ["amounts[1]"]),
        ((*BARE, "--amounts", "9" * 19, "--amounts", "45"), ["amounts[0]"]),
        ((*BARE, "--amounts", "32", "--amounts", "3200"), ["amounts[1]"]),
        ((*BARE, "--amounts", "32"), ["amounts"]),
        ((*VERIFY, "--amounts", "7"), ["amounts"]),
        (
            ("get", "--customer", "a b", "--id", "c/d", "--priority", "x"),
            ["customer", "id", "priority"],
        ),
        (
            (
                *(*CREATE, "--metadata", "x", "--source", "4242424242424242"),
                *("--reference", "4242424242424242", "--deadline", "nan"),
            ),
            ["source", "metadata", "deadline", "reference"],
        ),
    ],
    ids=str,
)
def test_every_problem_is_said_before_a_store_is_asked(
    sources: Sources, words: tuple[str, ...], fields: list[str]
) -> None:
    done = sources(*words)

    assert done.code == Exit.USAGE
    told = [line.strip().partition(":")[0] for line in done.said.splitlines()[1:]]
    assert told == fields


@pytest.mark.parametrize(
    "words",
    [
        (*CREATE, "--metadata", "4242424242424242"),
        (*CREATE, "--metadata", "4242424242424242=x"),
        (*CREATE, "--card", "4242424242424242"),
        (*CREATE, "--account", "4242424242424242"),
        (*UPDATE, "--account-holder-type", "4242424242424242"),
        (*UPDATE, "--owner", '{"4242424242424242": 1}'),
        (*UPDATE, "--owner", "4242424242424242x"),
        (*BARE, "--amounts", "32", "--amounts", "4242424242424242.5"),
        (*BARE, "--amounts", "32", "--amounts", "4242424242424242"),
    ],
    ids=str,
)
def test_what_was_typed_is_not_shown_again(
    sources: Sources, words: tuple[str, ...]
) -> None:
    done = sources(*words)

    assert done.code == Exit.USAGE
    assert "4242" not in done.said


@pytest.mark.parametrize("operation", OPERATIONS)
def test_help_says_how_to_name_an_account_and_to_state_a_mode(
    sources: Sources, operation: str
) -> None:
    done = sources(operation, "--help")

    assert done.code == Exit.OK
    assert re.search(r"--account +<?str", done.said)
    assert ACCOUNT_RULE in re.sub(r"[│\s]+", " ", done.said)
    assert re.search(r"--livemode +--no-livemode", done.said)


@pytest.mark.parametrize("address", ["foo", "redis://:Pa5s/w0rd@h:6379/0"])
@pytest.mark.parametrize(
    "words",
    [
        CREATE,
        ("list", "--customer", "cus_1"),
        ("jobs", "list"),
        ("jobs", "show", "job_" + "0" * 26),
        ("jobs", "cancel", "job_" + "0" * 26),
        ("events", "tail"),
    ],
    ids=str,
)
def test_an_address_that_is_none_is_a_wrong_setting(
    sources: Sources, words: tuple[str, ...], address: str
) -> None:
    done = sources(*words, "--redis-url", address)

    assert done.code == Exit.CONFIG
    assert "expected redis://" in done.said
    assert "Pa5s" not in done.said
    assert "Traceback" not in done.said


@pytest.mark.parametrize("prefix", ["", "x y", "a*"])
@pytest.mark.parametrize("words", [CREATE, ("jobs", "list"), ("events", "tail")])
def test_a_prefix_that_is_none_is_a_wrong_setting(
    sources: Sources, words: tuple[str, ...], prefix: str
) -> None:
    done = sources(*words, "--prefix", prefix)

    assert done.code == Exit.CONFIG
    assert "1 to 32 characters" in done.said


@pytest.mark.parametrize(
    "words",
    [
        ("dev", "--port", "99999"),
        ("dev", "--sandbox-port", "-1"),
        ("sandbox", "--port", "99999"),
        ("sandbox", "--port", "-1"),
    ],
    ids=str,
)
def test_a_port_that_is_none_is_a_wrong_command_line(
    sources: Sources, words: tuple[str, ...]
) -> None:
    done = sources(*words)

    assert done.code == Exit.USAGE
    assert "65535" in done.said or "0" in done.said
    assert "Traceback" not in done.said


def test_a_sound_command_is_for_the_store_to_take(sources: Sources) -> None:
    unset = (*UPDATE, "--metadata", "", "--name", "", "--exp-month", "07")
    assert sources(*unset).code == Exit.UNAVAILABLE
    words = (*VERIFY, "--deadline", "0.5")
    assert sources(*words).code == Exit.UNAVAILABLE


def test_what_others_wrote_does_not_steer_the_screen(
    capsys: pytest.CaptureFixture[str],
) -> None:
    wild = "a\x1b[2J\x9bm\u202eb\x07\rc\n\td"
    say.out.print(wild, markup=False)
    say.complain(wild, wild)
    say.note(wild)
    say.print_json({"message": wild})
    say.print_columns(["head"], [[wild]])

    said = "".join(capsys.readouterr())
    assert not {*"\x1b\x9b\u202e\x07\r"} & {*said}
    assert r"a\u001b[2J\u009bm\u202eb\u0007\u000dc" in said
