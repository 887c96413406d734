"""The accounts that workers act for: that of `STRIPE_API_KEY`, and a file of more.

    [[account]]
    name = "acme"
    key_file = "acme.key"         # or: key = "sk_test_..."
    stripe_account = "acct_1"     # a connected account under a platform's key
    mode = "test"                 # checked against the key
    rates = { account = 20, operation = 20, create = 10, in_flight = 20 }

Everything wrong in a file is told at once, by account and field, and no key is quoted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from config.account_fields import problems_of, shown
from config.addresses import is_address
from config.files import parse_toml, text_of
from config.keys import Mode, fault_of, key_id, mode_of
from config.rates import BURST_SECONDS, Allowance, Rates
from config.settings import Settings
from customer_sources.contract.names import DEFAULT_ACCOUNT, is_account_name

FILE = "SOURCES_ACCOUNTS_FILE"
LARGEST_FILE = 16_000_000
"""Bytes: tens of thousands of accounts."""
LARGEST_KEY = 4_096
"""Bytes; Stripe's keys have about a hundred."""
_FROM_HERE = "; its path counts from the folder of the accounts file"


class AccountsInvalid(ValueError):
    """The accounts cannot be used as they are set.

    Attributes:
        problems: everything wrong, each with the account, the field and what mends it.
        files: all that was read; when one of them changes it is worth another try.
    """

    def __init__(self, problems: Sequence[str], files: Sequence[Path] = ()) -> None:
        super().__init__("; ".join(problems))
        self.problems = list(problems)
        self.files = list(files)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One account: whose sources are changed, with which key, how fast."""

    name: str = DEFAULT_ACCOUNT
    """What commands say in `account`."""
    key: SecretStr
    stripe_account: str = ""
    """Sent as `Stripe-Account`: a connected account under a platform's key."""
    rates: Rates = field(default_factory=Rates)
    key_file: Path | None = field(default=None, compare=False)
    """Where the key was read; None: it stood with the account."""

    @property
    def secret(self) -> str:
        """The key itself. For whoever sends requests, and nobody else."""
        return self.key.get_secret_value()

    @property
    def mode(self) -> Mode:
        """Whose customers the key changes: real ones, or test ones."""
        return mode_of(self.secret)

    @property
    def key_id(self) -> str:
        """Tells one key from another, and nothing of either."""
        return key_id(self.secret)

    def effective(self) -> Allowance:
        """Say what holds: what was set, and for the rest what the mode says."""
        return self.rates.allowance(self.mode, self.key_id)


def accounts_of(settings: Settings) -> dict[str, Account]:
    """Give all accounts that are set, by name; none is set where this is empty.

    Raises:
        AccountsInvalid: with everything that is wrong.
    """
    accounts: dict[str, Account] = {}
    problems: list[str] = []
    files: list[Path] = []
    if key := settings.stripe_api_key.get_secret_value():
        accounts[DEFAULT_ACCOUNT] = _default(settings)
        if fault := fault_of(key):
            problems.append(f"STRIPE_API_KEY: {fault}")
    if settings.accounts_file is not None:
        try:
            accounts |= read_accounts(settings.accounts_file, settings)
        except AccountsInvalid as error:
            problems += error.problems
            files += error.files
    if problems:
        raise AccountsInvalid(problems, files)
    return accounts


def read_accounts(path: Path, settings: Settings | None = None) -> dict[str, Account]:
    """Read a file of accounts, and the files of their keys.

    Args:
        path: of the file.
        settings: what it is used with. They say the burst of accounts that state none,
            which name is taken, and whether a live key may be sent.

    Raises:
        AccountsInvalid: with everything that is wrong.
    """
    reading = _Reading(path, settings)
    for number, table in enumerate(reading.tables(), 1):
        reading.take(number, table)
    if reading.problems:
        raise AccountsInvalid(reading.problems, reading.files)
    return reading.accounts


def _default(settings: Settings) -> Account:
    rates = Rates(
        account=settings.account_rate,
        operation=settings.operation_rate,
        in_flight=settings.in_flight,
        burst=settings.burst_seconds,
    )
    return Account(key=settings.stripe_api_key, rates=rates)


class _Reading:
    """A file as it is read: what was found, what was wrong, and where was looked."""

    def __init__(self, path: Path, settings: Settings | None) -> None:
        self._path = path
        self._settings = settings
        self._numbers: dict[str, int] = {}
        self.problems: list[str] = []
        self.files = [path]
        self.accounts: dict[str, Account] = {}

    def tables(self) -> Sequence[Any]:
        """Read the file down to its `[[account]]` tables, whatever stands in them."""
        text, fault = text_of(self._path, LARGEST_FILE)
        document, fault = ({}, fault) if fault else parse_toml(text)
        if fault:
            self.problems.append(f"{FILE}: {fault}")
            return ()
        self.problems += [
            f"{FILE}: {shown(name)}: is unknown; only [[account]] tables stand here"
            for name in document
            if name != "account"
        ]
        tables = document.get("account", [])
        if isinstance(tables, list) and tables:
            return tables
        self.problems.append(f"{FILE}: needs an [[account]] table for each account")
        return ()

    def take(self, number: int, table: Any) -> None:
        """Take an account in, or note all that is wrong with it."""
        if not isinstance(table, Mapping):
            self._note(f"number {number}", ["must be an [[account]] table"])
            return
        name: Any = table.get("name")
        known = is_account_name(name)
        wrong = list(problems_of(table))
        if known and name in self._numbers:
            wrong.append(f"name: account number {self._numbers[name]} has it, too")
        if name == DEFAULT_ACCOUNT and self._key_is_set:
            wrong.append(
                "name: is that of the account of STRIPE_API_KEY; take another, or "
                "unset STRIPE_API_KEY"
            )
        key, key_file = self._key(table, wrong)
        self._note(name if known else f"number {number}", wrong)
        if known:
            self._numbers.setdefault(name, number)
        if not wrong:
            self.accounts[name] = Account(
                name=name,
                key=SecretStr(key),
                stripe_account=table.get("stripe_account", ""),
                rates=Rates(**{"burst": self._burst, **table.get("rates", {})}),
                key_file=key_file,
            )

    def _key(
        self, table: Mapping[str, Any], wrong: list[str]
    ) -> tuple[str, Path | None]:
        """Find the key, and add what is wrong with it."""
        if ("key" in table) == ("key_file" in table):
            wrong.append("key: give either key or key_file")
            return "", None
        where = "key" if "key" in table else "key_file"
        given = table[where]
        if not isinstance(given, str) or not given:
            return "", None  # told by its field
        key, path = given, None
        if where == "key_file":
            path = self._path.parent / given
            self.files.append(path)
            text, fault = text_of(path, LARGEST_KEY)
            if fault:
                far = "" if Path(given).is_absolute() else _FROM_HERE
                wrong.append(f"key_file: {fault}{far}")
                return "", path
            key = text.rstrip("\r\n")
        wrong += self._faults(key, where, table.get("mode"))
        return key, path

    def _faults(self, key: str, where: str, declared: object) -> Iterator[str]:
        if fault := fault_of(key):
            yield f"{where}: {fault}"
            return
        mode = mode_of(key)
        if declared in ("live", "test") and declared != mode:
            yield f"mode: is {declared}, but the key is a {mode} one; correct either"
        if mode == "live" and self._settings is not None:
            base = self._settings.stripe_api_base
            if not is_address(base, {"https"}):
                yield (
                    f"{where}: is a live key, so STRIPE_API_BASE must start with "
                    "https://: nobody may overhear it, and a sandbox must not get it"
                )

    def _note(self, account: str, wrong: Sequence[str]) -> None:
        self.problems += [f"account {account}: {one}" for one in wrong]

    @property
    def _key_is_set(self) -> bool:
        settings = self._settings
        return settings is not None and bool(settings.stripe_api_key.get_secret_value())

    @property
    def _burst(self) -> float:
        return self._settings.burst_seconds if self._settings else BURST_SECONDS
