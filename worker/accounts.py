"""The accounts that this worker acts for, kept up to date with their files.

A key is changed by writing a file; no worker is restarted for it. A file that has
become wrong changes nothing: what was right before holds until it is mended.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import structlog

from config.accounts import Account, AccountsInvalid, accounts_of
from config.settings import Settings

log = structlog.get_logger("worker")

SETTLED_NS = 1_000_000_000
"""A file that was written less than this ago may be written again with the same time:
clocks of file systems tick in up to a second. Until then it is read, not trusted."""

_Sign = tuple[int, int, int]
"""Time of the last change (ns), size and inode of a file."""
_Signs = Mapping[Path, _Sign | None]
"""By file; None: it cannot be seen."""


class Accounts:
    """All accounts, by the names that commands say. Getting one reads no file.

    Args:
        settings: they have the key of one account, or the file of more, or both.

    Raises:
        AccountsInvalid: with everything that is wrong with them now.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        file = settings.accounts_file
        self._files = frozenset([file]) if file is not None else frozenset()
        self._signs: _Signs = {}
        self._settled = False
        self._told: object = None
        self._accounts = self._read()

    def __repr__(self) -> str:
        return f"<Accounts {', '.join(self._accounts) or 'none'}>"

    @property
    def live(self) -> bool:
        """Whether any of the keys changes real customers."""
        return any(account.mode == "live" for account in self._accounts.values())

    def get(self, name: str) -> Account | None:
        """Give an account as it is set now; None: there is none of this name."""
        return self._accounts.get(name)

    def all(self) -> list[Account]:
        """Give all accounts, in the order in which they are set."""
        return list(self._accounts.values())

    def names(self) -> list[str]:
        """Name all accounts, in the order in which they are set."""
        return list(self._accounts)

    def reread(self) -> list[Account]:
        """Take in what has changed in the files; cheap where nothing has.

        Blocks for as long as the files take to read, if they changed.

        Returns:
            The accounts that are new, or not what they were at the last call or, before
            there was one, at the start. Those that are gone are only missing.
        """
        if self._settled and _signs(self._files) == self._signs:
            return []
        before = self._accounts
        try:
            accounts = self._read()
        except AccountsInvalid as error:
            self._tell(error)
            return []
        self._told = None
        self._accounts = accounts
        changed = [one for one in accounts.values() if before.get(one.name) != one]
        removed = [name for name in before if name not in accounts]
        if changed or removed:
            names = [account.name for account in changed]
            log.info("accounts_changed", changed=names, removed=removed)
        return changed

    def _read(self) -> dict[str, Account]:
        """Read everything, and remember which files that was and how they looked.

        They are looked at before they are read, so that no change goes unnoticed; a
        file of which only the reading tells is read once more.
        """
        while True:
            self._signs = _signs(self._files)
            self._settled = _settled(self._signs)
            problem: AccountsInvalid | None = None
            accounts: dict[str, Account] = {}
            try:
                accounts = accounts_of(self._settings)
                files = self._files_of(accounts)
            except AccountsInvalid as error:
                problem, files = error, frozenset(error.files)
            known, self._files = self._files, files
            if files <= known:
                break
        self._signs = {file: self._signs[file] for file in files}
        if problem is not None:
            raise problem
        return accounts

    def _files_of(self, accounts: Mapping[str, Account]) -> frozenset[Path]:
        own = self._settings.accounts_file
        keys = (account.key_file for account in accounts.values())
        return frozenset(file for file in (own, *keys) if file is not None)

    def _tell(self, error: AccountsInvalid) -> None:
        """Log what is wrong, once for each version of the files."""
        told = (self._signs, error.problems)
        if told != self._told:
            file = str(self._settings.accounts_file)
            log.error("accounts_file_invalid", file=file, problems=error.problems)
        self._told = told


def _signs(files: Iterable[Path]) -> _Signs:
    return {file: _sign(file) for file in files}


def _sign(file: Path) -> _Sign | None:
    try:
        seen = file.stat()
    except (OSError, ValueError):
        return None
    return seen.st_mtime_ns, seen.st_size, seen.st_ino


def _settled(signs: _Signs) -> bool:
    """Whether every later change will show."""
    now = time.time_ns()
    return all(sign is None or now - sign[0] > SETTLED_NS for sign in signs.values())
