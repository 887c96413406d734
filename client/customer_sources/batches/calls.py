"""What both `client.batches` share: arguments in, answers out. Pure."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from customer_sources.batches.manifest import Manifest
from customer_sources.batches.outcomes import Outcome, read_rows, unpack
from customer_sources.contract.errors import (
    BatchEnded,
    BatchNotFound,
    CommandInvalid,
    Problem,
)
from customer_sources.contract.moments import When
from customer_sources.timing import moment_ms, read_time

WINDOW = 1000
"""Rows in flight, unless it is said: enough for what a few workers have at once, and
about a megabyte of the store."""
MOST_IN_FLIGHT = 100_000
MOST_A_SECOND = 10_000
SCRIPTS = ("batch_open", "batch_put", "batch_control")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How a batch is to go."""

    concurrency: int = WINDOW
    """Most rows in flight."""
    rate: float = 0.0
    """Rows a second at most; 0: as many as the account allows."""
    canary: int = 0
    """Rows after which it is held, to be looked at; 0: none."""
    max_errors: float = 0.0
    """Share of failed rows above which it is held; 0: none. It is judged from the 20th
    row on that ended, and anew after each `resume`."""
    not_before: When | None = None
    """No row begins before: a time with a zone, a span from now, or either as text."""
    row_events: bool = False
    """Whether each row tells an event of its own as well; one that never ran, because
    the batch was cancelled, tells none."""


def open_arguments(prefix: str, manifest: Manifest, settings: Settings) -> list[Any]:
    """Write the arguments of batch_open.lua.

    Raises:
        CommandInvalid: a setting makes no sense.
    """
    now_ms = time.time_ns() // 1_000_000
    when = read_time("not_before", settings.not_before, now_ms)
    problems = [*_problems(settings), *([when] if isinstance(when, Problem) else [])]
    if problems or isinstance(when, Problem):
        raise CommandInvalid(problems)
    return [
        prefix,
        manifest.batch,
        msgspec.json.encode(manifest),
        manifest.rows,
        len(manifest.chunks),
        manifest.account,
        manifest.label,
        settings.concurrency,
        settings.rate,
        settings.canary,
        settings.max_errors,
        moment_ms(when, now_ms),
        int(settings.row_events),
    ]


def throttle_arguments(rate: float | None, concurrency: int | None) -> list[Any]:
    """Write what batch_control.lua is given to change how fast a batch goes.

    Raises:
        CommandInvalid: nothing is to change, or a value makes no sense.
    """
    if rate is None and concurrency is None:
        raise CommandInvalid([Problem("rate", "give rate, concurrency or both")])
    asked = Settings(
        rate=0.0 if rate is None else rate,
        concurrency=WINDOW if concurrency is None else concurrency,
    )
    problems = list(_problems(asked))
    if problems:
        raise CommandInvalid(problems)
    return ["" if rate is None else rate, "" if concurrency is None else concurrency]


def stored(batch_id: str, reply: Sequence[Any]) -> int:
    """Read batch_put.lua's answer: how many chunks are stored.

    Raises:
        BatchNotFound: there is none.
        BatchEnded: it takes no more.
    """
    word, *uploaded = reply
    if word == "MISSING":
        raise BatchNotFound(batch_id)
    if word == "ENDED":
        raise BatchEnded(batch_id, "cancelled")
    return int(uploaded[0])


def controlled(batch_id: str, reply: Sequence[str]) -> str:
    """Read batch_control.lua's answer: the state that the batch is in.

    Raises:
        BatchNotFound: there is none.
        BatchEnded: it is over.
    """
    word, state = reply
    if word == "MISSING":
        raise BatchNotFound(batch_id)
    if word == "ENDED":
        raise BatchEnded(batch_id, state)
    return state


def outcomes_of(kept: Mapping[bytes, bytes] | bytes | None) -> dict[int, Outcome]:
    """Read the outcomes of a chunk, whole or not, by row number."""
    if kept is None:
        return {}
    if isinstance(kept, bytes):
        return unpack(kept)
    return read_rows((n.decode(), text.decode()) for n, text in kept.items())


def _problems(settings: Settings) -> Any:
    if not _is_number(settings.concurrency, 1, MOST_IN_FLIGHT, whole=True):
        yield Problem("concurrency", f"expected a whole number, 1 to {MOST_IN_FLIGHT}")
    if not _is_number(settings.rate, 0, MOST_A_SECOND):
        yield Problem(
            "rate", f"expected rows a second, 0 (no limit) to {MOST_A_SECOND}"
        )
    if not _is_number(settings.canary, 0, 10**9, whole=True):
        yield Problem("canary", "expected a number of rows")
    if not _is_number(settings.max_errors, 0, 1):
        yield Problem("max_errors", "expected a share of rows, 0 to 1")


def _is_number(value: Any, least: float, most: float, *, whole: bool = False) -> bool:
    kinds = int if whole else int | float
    fits = isinstance(value, kinds) and not isinstance(value, bool)
    return fits and least <= value <= most
