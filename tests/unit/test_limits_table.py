"""Limits as a person reads them: what is told, in which words, on which screen."""

from __future__ import annotations

import io

import msgspec
import pytest
from rich.console import Console

from customer_sources.contract.names import Class
from worker.cli.limits_table import HEADS, NOBODY, number, remarks, rows, table
from worker.standing import AccountLimits, Limit, Suspension

IDLE = Limit(
    allowed_per_second=24.0,
    configured_per_second=24.0,
    used_per_second=0.0,
    sent=0,
    waiting=dict.fromkeys(Class, 0),
    oldest_wait_seconds=None,
    in_flight=0,
    in_flight_allowed=32,
    in_flight_configured=32,
    halvings=0,
    last_reason="",
    last_halved_at="",
)
HALVED = msgspec.structs.replace(
    IDLE,
    allowed_per_second=12.25,
    used_per_second=11.96,
    sent=7,
    waiting={Class.INTERACTIVE: 1, Class.SCHEDULED: 2, Class.BULK: 300},
    oldest_wait_seconds=185.0,
    in_flight=32,
    halvings=3,
    last_reason="endpoint-rate",
)
SUSPENDED = Suspension(
    since="2026-01-31T12:00:00.000Z",
    refused="401 api_key_expired",
    operation="create",
    key_id="0123456789ab",
)


def account(
    whole: Limit = IDLE,
    *,
    suspended: Suspension | None = None,
    name: str = "acme",
    **operations: Limit,
) -> AccountLimits:
    return AccountLimits(
        account=name,
        mode="test",
        key_id="0123456789ab",
        suspended=suspended,
        reads_last_30_days=12,
        whole=whole,
        operations=operations,
    )


def drawn(*accounts: AccountLimits, width: int = 80) -> str:
    screen = io.StringIO()
    Console(file=screen, width=width).print(table(accounts))
    return screen.getvalue()


def test_an_account_is_followed_by_those_of_its_operations_that_were_used() -> None:
    shown = [*rows([account(create=HALVED, get=IDLE)])]

    whole, create = (dict(zip(HEADS, row, strict=True)) for row in shown)
    assert whole == {
        "account": "acme",
        "operation": "all",
        "allowed/s": "24",
        "used/s": "0",
        "interactive": "0",
        "scheduled": "0",
        "bulk": "0",
        "oldest": "-",
        "in flight": "0 of 32",
        "halved": "0",
        "why": "-",
        "reads": "12",
    }
    assert create == {
        "account": "acme",
        "operation": "create",
        "allowed/s": "12.2 of 24",
        "used/s": "12",
        "interactive": "1",
        "scheduled": "2",
        "bulk": "300",
        "oldest": "3.08 min",
        "in flight": "32 of 32",
        "halved": "3",
        "why": "endpoint-rate",
        "reads": "-",
    }


def test_a_suspended_account_says_why_and_what_lets_it_go_on() -> None:
    one = account(suspended=SUSPENDED)

    (row,) = rows([one])
    assert row[HEADS.index("why")] == "suspended: 401 api_key_expired"
    said = " ".join(remarks([one]))
    assert "2026-01-31T12:00:00.000Z" in said
    assert "`sources accounts resume acme`" in said


def test_accounts_without_a_worker_and_ledgers_without_accounts_are_told() -> None:
    unknown = msgspec.structs.replace(IDLE, configured_per_second=None)
    assert "no worker has told of it" in next(remarks([account(unknown)]))
    assert [*remarks([])] == [NOBODY]


@pytest.mark.parametrize("width", [80, 200])
def test_a_screen_shows_everything_and_is_never_overrun(width: int) -> None:
    told = drawn(account(HALVED, create=HALVED, name="shop-eu"), width=width)

    assert max(map(len, told.splitlines())) <= width
    letters = "".join(told.split())  # a long word goes on in the next line
    for word in ("shop-eu", "all", "create", "1/2/300", "halved3x:endpoint-rate"):
        assert word in letters


def test_what_others_wrote_is_shown_and_obeyed_by_no_screen() -> None:
    wild = msgspec.structs.replace(SUSPENDED, refused="[red]x\x1b[2J[/nonsense]")
    told = drawn(account(suspended=wild), width=200)

    assert r"[red]x\u001b[2J[/nonsense]" in told


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (0, "0"),
        (0.01, "0.01"),
        (1.5, "1.5"),
        (9.999, "10"),
        (24.0, "24"),
        (100, "100"),
        (96.54, "96.5"),
    ],
)
def test_a_number_has_no_more_digits_than_it_needs(
    value: float | None, text: str
) -> None:
    assert number(value) == text
