"""Looking at batches and their account, for the commands of `sources batch`."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NamedTuple

import redis
import typer

from config.settings import Settings
from customer_sources import CustomerSources
from customer_sources.batches.manifest import PlanInvalid
from customer_sources.batches.status import Batch, BatchState
from customer_sources.contract.errors import BatchNotFound
from customer_sources.contract.names import Keys
from customer_sources.store import connect, in_our_words
from worker.batches.plan_files import manifest_in
from worker.cli.batch_speed import Pace, Speed, allowed, speed
from worker.cli.live import KEY, live_here
from worker.cli.say import note, warn_of_live_key
from worker.gauges import read_accounts
from worker.limits import view

START = "batch_"
WHOLE = len(START) + 26
_ID = re.compile(r"batch_[0-9a-z]{26}")
LOOKED_THROUGH = 1_000
"""Batches among which a shortened id is looked for, the latest first."""

Named = Annotated[
    str,
    typer.Argument(
        help="batch_..., or how it begins; or the folder of its plan.",
        metavar="ID|FOLDER",
    ),
]


def folder_of(named: str) -> Path | None:
    """Say which folder was named; None where it is an id, or how one begins.

    A whole id is an id, whatever lies in this folder under that name.
    """
    if not named or _ID.fullmatch(named):
        return None
    try:
        return Path(named) if Path(named).is_dir() else None
    except OSError:  # too long for a name
        return None


class Ledger(NamedTuple):
    """What the commands work with."""

    client: CustomerSources
    store: redis.Redis
    keys: Keys

    def find(self, text: str) -> Batch:
        """Find a batch by its id, by how that begins, or by the folder of its plan.

        Raises:
            BatchNotFound: there is none.
            typer.BadParameter: there are several, or the folder has no plan.
        """
        if folder := folder_of(text):
            try:
                return self.client.batches.get(manifest_in(folder).batch)
            except PlanInvalid as error:
                raise typer.BadParameter(str(error), param_hint="ID|FOLDER") from None
        start = text if text.startswith(START) else START + text
        if len(start) >= WHOLE:
            return self.client.batches.get(start)
        latest = self.client.batches.list(LOOKED_THROUGH) if start != START else []
        found = [batch for batch in latest if batch.id.startswith(start)]
        if not found:
            raise BatchNotFound(text)
        if len(found) > 1:
            names = ", ".join(batch.id for batch in found)
            raise typer.BadParameter(f"{text} may be any of {names}", param_hint="ID")
        return found[0]

    def standing_beside(self, batch: Batch) -> list[Batch]:
        """Find batches of the same account that are stopped, with rows in line.

        Raises:
            LedgerUnavailable: the store did not answer.
        """
        return [
            other
            for other in self.client.batches.list(LOOKED_THROUGH)
            if other.state in {BatchState.PAUSED, BatchState.HELD}
            and (other.account, other.in_flight > 0) == (batch.account, True)
            and other.id != batch.id
        ]

    def mode(self, account: str) -> str:
        """Say whether an account is live or test; "" where no worker has told.

        Raises:
            LedgerUnavailable: the store did not answer.
        """
        with in_our_words():
            mode: object = self.store.hget(self.keys.account(account), "mode")
        return str(mode or "")

    def is_live(self, account: str) -> bool:
        """Whether rows of this account change real customers, as far as is known."""
        mode = self.mode(account)
        return mode == "live" if mode else live_here(os.environ)

    def warn_where_live(self, account: str) -> None:
        """Print the banner where this account changes real customers."""
        if self.is_live(account):
            told = f"account {account}" if self.mode(account) else f"{KEY} here"
            warn_of_live_key(told)


@contextmanager
def ledger(url: str | None, prefix: str) -> Iterator[Ledger]:
    """Open the store for a command."""
    keys = Keys(prefix)
    where = url or Settings.model_fields["redis_url"].default
    with CustomerSources(url, prefix=prefix) as client, connect(where) as store:
        yield Ledger(client, store, keys)


class Observer:
    """Looks at one batch again and again, and tells how fast it goes.

    Args:
        ledger: where it is.
        batch: which.
        patience: seconds without any row ending, after which it is looked what may be
            in the way.
    """

    def __init__(self, ledger: Ledger, batch: Batch, patience: float) -> None:
        self._ledger = ledger
        self._patience = patience
        self._still_since = time.monotonic()
        self._pace = Pace()
        self._operations: Sequence[str] = tuple(
            ledger.client.batches.manifest(batch.id).operations
        )
        self.batch = batch
        self.suspended = False
        """Whether nothing leaves for its account."""
        self.behind: Sequence[Batch] = ()
        """While no row ends: others that are stopped, whose rows may be in the way."""

    def look(self) -> Speed:
        """Look now.

        Raises:
            BatchNotFound: it is gone.
            LedgerUnavailable: the store did not answer.
        """
        before, now = self.batch, time.monotonic()
        self.batch = self._ledger.client.batches.get(before.id)
        self._pace.add(now, self.batch.done)
        self._look_beside(before, now)
        return speed(self.batch, self._pace.rows_per_second, self._allowed())

    def _look_beside(self, before: Batch, now: float) -> None:
        """Find what may be in the way, once and again while nothing goes on."""
        batch = self.batch
        waits = batch.state is BatchState.RUNNING and batch.in_flight > 0
        if batch.done > before.done or not waits:
            self._still_since, self.behind = now, ()
        elif now - self._still_since >= self._patience:
            self._still_since = now
            self.behind = self._ledger.standing_beside(batch)

    def _allowed(self) -> float | None:
        """Say what the account may send; None where no worker has told of it."""
        store, keys = self._ledger.store, self._ledger.keys
        with in_our_words():
            found = read_accounts(store, keys, self.batch.account)
        if not found:
            return None
        limits = view(found[0], None)
        self.suspended = limits.suspended is not None
        return allowed(limits, self._operations)


def note_where_unserved(ledger: Ledger) -> None:
    """Say so where no worker is there that would run a batch."""
    if not ledger.client.workers():
        note("no worker is alive on this store; rows wait for one (`sources worker`)")
