"""Accounts as a file or the single key sets them, and what holds for each."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from config.account_fields import RATES
from config.accounts import Account, accounts_of, read_accounts
from config.rates import Rates
from config.settings import Settings
from customer_sources.contract.operations import OPERATIONS
from tools.docs_accounts import EXAMPLE

TEST, LIVE = "sk_test_s3cr3t", "rk_live_s3cr3t"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "accounts.toml"


def table(**more: str) -> str:
    """Write one sound account, but for what is given, as TOML."""
    given = {"name": '"acme"', "key": f'"{TEST}"', **more}
    return "\n".join(["[[account]]", *(f"{k} = {v}" for k, v in given.items() if v)])


def one(file: Path, **more: str) -> Account:
    file.write_text(table(**more))
    (account,) = read_accounts(file).values()
    return account


def test_the_example_of_the_documentation_is_a_sound_file(tmp_path: Path) -> None:
    platform = tmp_path / "platform"
    platform.write_text(TEST)
    (tmp_path / "acme.key").write_text(LIVE)
    file = tmp_path / "accounts.toml"
    file.write_text(EXAMPLE.replace("/run/secrets/platform", str(platform)))
    accounts = read_accounts(file)

    assert {name: one.mode for name, one in accounts.items()} == {
        "acme": "live",
        "acme-test": "test",
        "shop-7": "test",
    }
    assert accounts["shop-7"].stripe_account == "acct_1Abc"
    assert accounts["acme"].secret == LIVE
    set_here = accounts["acme-test"].effective()
    assert (set_here.rate, set_here.each, set_here.own) == (20, 20, {"create": 10})
    assert (set_here.in_flight, set_here.burst_ms) == (16, 100)


@pytest.mark.parametrize(("key", "rate", "cap"), [(TEST, 24, 32), (LIVE, 96, 64)])
def test_what_is_not_set_is_stripes_own_less_a_margin(
    file: Path, key: str, rate: float, cap: int
) -> None:
    held = one(file, key=f'"{key}"').effective()

    assert held.rate == pytest.approx(rate)
    assert held.each == pytest.approx(24)
    assert (held.own, held.in_flight, held.burst_ms) == ({}, cap, 200)


@pytest.mark.parametrize(
    "name", ["a", "0", "a" * 40, "acme_2-x", "default", "trade_sk"]
)
def test_a_name_may_be_any_short_word(file: Path, name: str) -> None:
    assert one(file, name=f'"{name}"').name == name


@pytest.mark.parametrize(
    "content", ["{}", "{}\n", "{}\r\n", "\ufeff{}\n", "{}\n\n"], ids=repr
)
def test_a_key_may_lie_in_a_file_with_its_line_ends(file: Path, content: str) -> None:
    key_file = file.parent / "acme.key"
    key_file.write_bytes(content.format(TEST).encode())
    held = one(file, key="", key_file='"acme.key"')

    assert held.secret == TEST
    assert held.key_file == key_file


def test_accounts_that_differ_only_in_where_the_key_lies_are_equal(file: Path) -> None:
    (file.parent / "k").write_text(TEST)

    assert one(file) == one(file, key="", key_file='"k"')


def test_a_key_is_told_from_another_without_being_shown(file: Path) -> None:
    first, second = one(file), one(file, key='"sk_test_s3cr3t2"')

    assert first.key_id == one(file, name='"other"').key_id != second.key_id
    assert len(first.key_id) == 12
    for shown in (repr(first), str(first), repr(first.effective())):
        assert "s3cr3t" not in shown


def test_there_is_a_rate_for_every_operation() -> None:
    assert {field.name for field in fields(Rates)} == set(RATES)
    assert set(OPERATIONS) < set(RATES)


# --- the account of the single key


def test_the_single_key_stands_beside_the_file(file: Path) -> None:
    file.write_text(table())
    settings = Settings(
        _env_file=None,
        stripe_api_key=TEST,
        accounts_file=file,
        account_rate=7,
        operation_rate=3,
        in_flight=2,
        burst_seconds=0.5,
    )
    accounts = accounts_of(settings)

    assert list(accounts) == ["default", "acme"]
    default, acme = (account.effective() for account in accounts.values())
    assert (default.rate, default.each, default.in_flight) == (7, 3, 2)
    assert (acme.rate, acme.in_flight) == (24, 32)
    assert default.burst_ms == acme.burst_ms == 500


def test_nothing_that_is_set_is_no_account_at_all() -> None:
    assert accounts_of(Settings(_env_file=None)) == {}
