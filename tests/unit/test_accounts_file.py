"""What is wrong in a file of accounts is told at once, and no key is quoted."""

from __future__ import annotations

import os
import traceback
from pathlib import Path
from typing import Any

import pytest

from config.accounts import AccountsInvalid, accounts_of, read_accounts
from config.settings import Settings

TEST, LIVE = "sk_test_s3cr3t", "rk_live_s3cr3t"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "accounts.toml"


def said(file: Path, text: str, **given: Any) -> list[str]:
    """Expect a refusal of a file; return all problems, with no key anywhere."""
    file.write_text(text)
    settings = Settings(_env_file=None, accounts_file=file, **given)
    with pytest.raises(AccountsInvalid) as caught:
        accounts_of(settings)
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert "s3cr3t" not in shown.lower()
    assert caught.value.__context__ is None
    return caught.value.problems


def table(**more: str) -> str:
    """Write one sound account, but for what is given, as TOML."""
    given = {"name": '"acme"', "key": f'"{TEST}"', **more}
    return "\n".join(["[[account]]", *(f"{k} = {v}" for k, v in given.items() if v)])


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"name": ""}, "number 1: name: is missing"),
        ({"name": '"Acme Corp"'}, "number 1: name: must have 1 to 40 of a-z"),
        ({"name": f'"{"a" * 41}"'}, "number 1: name: must have"),
        ({"name": '"-a"'}, "number 1: name: must have"),
        ({"name": '"a\\n"'}, "number 1: name: must have"),
        ({"name": "7"}, "number 1: name: must have"),
        ({"name": f'"{TEST}"'}, "number 1: name: must have"),
        ({"name": f'"{LIVE}"'}, "number 1: name: must have"),
        ({"key": ""}, "acme: key: give either key or key_file"),
        ({"key_file": '"k"'}, "acme: key: give either key or key_file"),
        ({"key": '""'}, "acme: key: must be a key in quotes"),
        ({"key": "7"}, "acme: key: must be a key in quotes"),
        ({"key": '" s3cr3t"'}, "acme: key: must be the key alone"),
        ({"key": '"s3cr3t\\n"'}, "acme: key: must be the key alone"),
        ({"key": '"s3cr3t\u00e9"'}, "acme: key: must be the key alone"),
        ({"key": '"pk_test_s3cr3t"'}, "acme: key: is a publishable key"),
        ({"mode": '"live"'}, "acme: mode: is live, but the key is a test one"),
        ({"mode": f'"{TEST}"'}, 'acme: mode: must be "live" or "test"'),
        ({"mode": "[]"}, 'acme: mode: must be "live" or "test"'),
        ({"stripe_account": f'"{TEST}"'}, "acme: stripe_account: must be the id"),
        ({"stripe_account": '""'}, "acme: stripe_account: must be the id"),
        ({"stripe_account": '"acct_1\\r\\nX: y"'}, "acme: stripe_account: must be"),
        ({"rates": "20"}, "acme: rates: must be a table"),
        ({"rates": "{ account = 0 }"}, "acme: rates.account: must be requests a sec"),
        ({"rates": "{ create = -1 }"}, "acme: rates.create: must be requests a second"),
        ({"rates": "{ get = nan }"}, "acme: rates.get: must be requests a second"),
        ({"rates": "{ list = inf }"}, "acme: rates.list: must be requests a second"),
        ({"rates": "{ verify = true }"}, "acme: rates.verify: must be requests a sec"),
        ({"rates": '{ update = "5" }'}, "acme: rates.update: must be requests a sec"),
        ({"rates": "{ in_flight = 1.5 }"}, "acme: rates.in_flight: must be a whole"),
        ({"rates": "{ in_flight = 0 }"}, "acme: rates.in_flight: must be a whole"),
        ({"rates": "{ burst = 11 }"}, "acme: rates.burst: must be seconds"),
        ({"rates": "{ creat = 1 }"}, "acme: rates.creat: is no field; did you mean cr"),
        ({"rate": "{}"}, "acme: rate: is no field; did you mean rates?"),
        ({TEST: "1"}, "acme: (a field): is no field; known: name, key"),
        ({"sk_live_sEcrEt": "1"}, "acme: (a field): is no field"),
    ],
    ids=str,
)
def test_a_field_that_is_wrong_is_told_by_account_and_field_and_never_quoted(
    file: Path, more: dict[str, str], problem: str
) -> None:
    (told,) = said(file, table(**more))

    assert told.startswith(f"account {problem}")


def test_everything_wrong_is_told_at_once(file: Path) -> None:
    text = "\n".join(
        [
            f"[other]\n[{TEST}]",
            table(name='"one"', mode='"live"', rates="{ get = 0, lst = 1 }"),
            table(name='"one"', key="", key_file='"nowhere"'),
            table(name='"default"', colour="1", stripe_account="1"),
            table(name='"default"', key=f'"{LIVE}"'),
        ]
    )
    told = said(
        file, text, stripe_api_key="pk_test_s3cr3t", stripe_api_base="http://sandbox"
    )

    assert [": ".join(one.split(": ")[:2]) for one in told] == [
        "STRIPE_API_KEY: is a publishable key; take a secret or restricted one",
        "SOURCES_ACCOUNTS_FILE: other",
        "SOURCES_ACCOUNTS_FILE: (a field)",
        "account one: rates.get",
        "account one: rates.lst",
        "account one: mode",
        "account one: name",
        "account one: key_file",
        "account default: colour",
        "account default: stripe_account",
        "account default: name",
        "account default: name",
        "account default: name",
        "account default: key",
    ]


def test_the_name_of_the_single_keys_account_is_taken(file: Path) -> None:
    text = table(name='"default"')
    (told,) = said(file, text, stripe_api_key=TEST)

    assert "unset STRIPE_API_KEY" in told


@pytest.mark.parametrize("where", ["key", "key_file"])
def test_a_live_key_is_kept_from_whoever_may_overhear_it(
    file: Path, where: str
) -> None:
    (file.parent / "k").write_text(LIVE)
    text = table(**({} if where == "key_file" else {"key": f'"{LIVE}"'}))
    if where == "key_file":
        text = table(key="", key_file='"k"')
    (told,) = said(file, text, stripe_api_base="http://127.0.0.1:12111")

    assert told.startswith(f"account acme: {where}: is a live key, so STRIPE_API_BASE")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "cannot be read: No such file or directory; its path counts from"),
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"s3cr3t s3cr3t\n", "must be the key alone"),
        (b"s3cr3t\ns3cr3t\n", "must be the key alone"),
        (b"\xff\xfes\x003\x00", "is not UTF-8"),
        (b"s3cr3t" * 1000, "has more than 4096 bytes"),
    ],
    ids=str,
)
def test_a_key_file_without_a_key_is_a_problem_of_its_account(
    file: Path, content: bytes | None, problem: str
) -> None:
    if content is not None:
        (file.parent / "k").write_bytes(content)
    (told,) = said(file, table(key="", key_file='"k"'))

    assert told.startswith(f"account acme: key_file: {problem}")


@pytest.mark.parametrize("name", [".", "pipe", "a\\u0000b", TEST])
def test_a_key_file_that_is_no_file_is_refused_and_not_waited_for(
    file: Path, name: str
) -> None:
    os.mkfifo(file.parent / "pipe")
    (told,) = said(file, table(key="", key_file=f'"{name}"'))

    assert told.startswith("account acme: key_file: ")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "needs an [[account]] table"),
        ("account = []", "needs an [[account]] table"),
        (f'[account]\nname = "a"\nkey = "{TEST}"', "needs an [[account]] table"),
        (f"name = {TEST}", "is not TOML (at line 1, column 8)"),
        (f"[{TEST}]\n[{TEST}]", "is not TOML (at line 2, column 16)"),
        (f'key = "{TEST}', "is not TOML (at end of document)"),
        ("a = " + "[" * 100_000, "is not TOML"),
        ("a = " + "9" * 10_000, "is not TOML"),
    ],
    ids=lambda text: text[:20],
)
def test_a_file_that_holds_no_accounts_is_refused_without_quoting_it(
    file: Path, text: str, problem: str
) -> None:
    (told,) = said(file, text)

    assert told.startswith(f"SOURCES_ACCOUNTS_FILE: {problem}")


def test_what_stands_where_a_table_should_is_refused(file: Path) -> None:
    assert said(file, f'account = ["{TEST}"]') == [
        "account number 1: must be an [[account]] table"
    ]


@pytest.mark.parametrize("path", ["nowhere.toml", "."])
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(AccountsInvalid) as caught:
        read_accounts(tmp_path / path)

    assert caught.value.problems[0].startswith("SOURCES_ACCOUNTS_FILE: ")
