"""The accounts of a worker: what is taken in when their files change, and what not."""

from __future__ import annotations

import os
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from config.accounts import AccountsInvalid
from config.settings import Settings
from worker.accounts import Accounts

TEST, LIVE = "sk_test_s3cr3t", "sk_live_s3cr3t"
_LONG_AGO = count(1_000_000_000, 1_000)


class Files:
    """A folder of accounts, in which every write can be told from the one before."""

    def __init__(self, folder: Path) -> None:
        self.accounts = folder / "accounts.toml"

    def write(self, name: str, text: str) -> None:
        """Write a file as if that were long ago, each time a little later."""
        path = self.accounts.parent / name
        path.write_text(text)
        moment = next(_LONG_AGO)
        os.utime(path, (moment, moment))

    def say(self, **keys: str) -> None:
        """Write accounts by their names, with their keys."""
        tables = (f'[[account]]\nname="{n}"\nkey="{k}"\n' for n, k in keys.items())
        self.write("accounts.toml", "".join(tables))

    def settings(self, **given: Any) -> Settings:
        return Settings(_env_file=None, accounts_file=self.accounts, **given)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def names(accounts: Any) -> list[str]:
    return [account.name for account in accounts]


def test_accounts_are_found_by_name(files: Files) -> None:
    files.say(acme=TEST, shop=LIVE)
    accounts = Accounts(files.settings(stripe_api_key="sk_test_default"))

    assert accounts.names() == ["default", "acme", "shop"]
    shop = accounts.get("shop")
    assert shop is not None
    assert shop.secret == LIVE
    assert accounts.get("nobody") is None
    assert accounts.live
    assert repr(accounts) == "<Accounts default, acme, shop>"


def test_the_single_key_needs_no_file() -> None:
    accounts = Accounts(Settings(_env_file=None, stripe_api_key=TEST))

    assert accounts.names() == ["default"]
    assert not accounts.live
    assert accounts.reread() == []


def test_a_wrong_file_at_the_start_is_refused(files: Files) -> None:
    files.say(acme="", shop=TEST)

    with pytest.raises(AccountsInvalid):
        Accounts(files.settings())


def test_only_what_changed_is_told(files: Files) -> None:
    files.say(acme=TEST, gone=TEST, shop=TEST)
    accounts = Accounts(files.settings(stripe_api_key=TEST))
    assert accounts.reread() == []

    files.say(acme=TEST, shop=LIVE, new=TEST)
    with capture_logs() as lines:
        assert names(accounts.reread()) == ["shop", "new"]

    assert accounts.reread() == []
    assert accounts.names() == ["default", "acme", "shop", "new"]
    assert accounts.get("gone") is None
    assert lines == [
        {
            "event": "accounts_changed",
            "log_level": "info",
            "changed": ["shop", "new"],
            "removed": ["gone"],
        }
    ]


def test_an_account_that_came_back_is_told_as_new(files: Files) -> None:
    files.say(acme=TEST, shop=TEST)
    accounts = Accounts(files.settings())
    files.say(acme=TEST)
    assert accounts.reread() == []
    files.say(acme=TEST, shop=TEST)

    assert names(accounts.reread()) == ["shop"]


def test_a_key_is_changed_by_writing_its_file(files: Files) -> None:
    files.write("acme.key", TEST)
    files.write("accounts.toml", '[[account]]\nname="acme"\nkey_file="acme.key"')
    accounts = Accounts(files.settings())
    assert accounts.reread() == []

    files.write("acme.key", LIVE)
    (acme,) = accounts.reread()

    assert acme.secret == LIVE
    assert accounts.live


def test_a_file_that_was_replaced_is_read(files: Files) -> None:
    """As Kubernetes does: another file under the same name, with any time."""
    files.say(acme=TEST)
    accounts = Accounts(files.settings())
    seen = files.accounts.stat()
    other = files.accounts.with_name("other")
    other.write_text(files.accounts.read_text().replace(TEST, LIVE))
    os.utime(other, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    other.replace(files.accounts)

    assert names(accounts.reread()) == ["acme"]


def test_a_file_that_looks_the_same_is_not_read(files: Files) -> None:
    files.say(acme=TEST)
    accounts = Accounts(files.settings())
    seen = files.accounts.stat()
    files.say(acme=LIVE)
    os.utime(files.accounts, ns=(seen.st_atime_ns, seen.st_mtime_ns))

    assert accounts.reread() == []
    acme = accounts.get("acme")
    assert acme is not None
    assert acme.secret == TEST


def test_a_file_written_twice_within_a_tick_of_the_clock_is_still_noticed(
    files: Files,
) -> None:
    files.say(acme=TEST)
    files.accounts.touch()  # just now, by the clock of the file system
    accounts = Accounts(files.settings())
    seen = files.accounts.stat()
    files.say(acme=LIVE)
    os.utime(files.accounts, ns=(seen.st_atime_ns, seen.st_mtime_ns))

    assert names(accounts.reread()) == ["acme"]


@pytest.mark.parametrize(
    "broken", ["", "[[account", '[[account]]\nname="acme"\nkey="s3cr3t s3cr3t"', None]
)
def test_a_file_that_became_wrong_keeps_what_was_and_is_told_once(
    files: Files, broken: str | None
) -> None:
    files.say(acme=TEST)
    accounts = Accounts(files.settings())
    with capture_logs() as lines:
        if broken is None:
            files.accounts.unlink()
        else:
            files.write("accounts.toml", broken)
        for _ in range(3):
            assert accounts.reread() == []

    (line,) = lines
    assert line["event"] == "accounts_file_invalid"
    assert line["problems"]
    assert "s3cr3t" not in str(lines)
    assert accounts.names() == ["acme"]

    files.say(acme=LIVE)
    assert names(accounts.reread()) == ["acme"]


def test_a_wrong_version_is_told_once_even_while_it_is_too_new_to_be_trusted(
    files: Files,
) -> None:
    files.say(acme=TEST)
    accounts = Accounts(files.settings())
    files.accounts.write_text("[")
    with capture_logs() as lines:
        for _ in range(3):
            accounts.reread()

    assert len(lines) == 1


def test_another_wrong_version_is_told_again(files: Files) -> None:
    files.say(acme=TEST)
    accounts = Accounts(files.settings())
    with capture_logs() as lines:
        for text in ("[", "[", "]]"):
            files.write("accounts.toml", text)
            accounts.reread()
            accounts.reread()

    assert len(lines) == 3


def test_a_wrong_file_is_told_again_after_a_right_one(files: Files) -> None:
    files.say(acme=TEST)
    accounts = Accounts(files.settings())
    wrong = files.accounts.with_name("wrong")
    wrong.write_text("[")
    with capture_logs() as lines:
        for _ in range(2):
            files.accounts.unlink()
            files.accounts.hardlink_to(wrong)
            accounts.reread()
            files.accounts.unlink()
            files.say(acme=TEST)
            accounts.reread()

    assert [line["event"] for line in lines] == ["accounts_file_invalid"] * 2


def test_a_key_file_that_comes_late_mends_a_wrong_version(files: Files) -> None:
    """Nothing but the key file changes, and until then no version had it."""
    files.say(acme=TEST)
    accounts = Accounts(files.settings())
    files.write("accounts.toml", '[[account]]\nname="shop"\nkey_file="shop.key"')
    with capture_logs() as lines:
        accounts.reread()
        accounts.reread()
    assert len(lines) == 1
    assert accounts.names() == ["acme"]

    files.write("shop.key", LIVE)
    assert names(accounts.reread()) == ["shop"]
    assert accounts.names() == ["shop"]


def test_files_that_are_named_no_more_are_not_watched(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.write("acme.key", TEST)
    files.write("accounts.toml", '[[account]]\nname="acme"\nkey_file="acme.key"')
    accounts = Accounts(files.settings())
    files.say(acme=TEST)
    accounts.reread()
    looked_at: list[Path] = []
    stat = Path.stat

    def noted(path: Path, **options: Any) -> os.stat_result:
        looked_at.append(path)
        return stat(path, **options)

    monkeypatch.setattr(Path, "stat", noted)
    accounts.reread()

    assert looked_at == [files.accounts]
