"""Reading what was typed as a command into what the SDK takes.

What cannot be read becomes a problem beside all others, and is never quoted: a screen
is looked at by others, and is kept in a log of a script.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec
import typer

from customer_sources import Problem
from customer_sources.contract.moments import When, read_span
from customer_sources.contract.operations import Operation
from customer_sources.submission import Options

_CENTS = re.compile(r"-?[0-9]{1,19}")
_SECONDS = re.compile(r"[+-]?[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?")


class Typed(NamedTuple):
    """A command as far as it could be read."""

    params: dict[str, Any]
    options: Options
    problems: list[Problem]


def moment(text: str) -> datetime:
    """Read a time; without an offset it is UTC.

    Raises:
        typer.BadParameter: it is none.
    """
    try:
        read_as = datetime.fromisoformat(text)
    except ValueError:
        advice = "expected a time like 2030-01-31T12:00:00Z"
        raise typer.BadParameter(advice) from None
    return read_as if read_as.tzinfo else read_as.replace(tzinfo=UTC)


def when(text: str) -> datetime | timedelta:
    """Read a time, or a span such as PT2H; a time without an offset is UTC.

    Raises:
        typer.BadParameter: it is neither.
    """
    span = read_span(text)
    return moment(text) if span is None else span


def read(operation: Operation, given: Mapping[str, Any]) -> Typed:
    """Read one command.

    Args:
        operation: what is asked.
        given: each option of the command line by its name.
    """
    problems: list[Problem] = []
    params = {
        field.name: given[field.name]
        for field in msgspec.structs.fields(operation.params)
        # typer gives an empty list for "not given"
        if given[field.name] not in (None, [])
    }
    if "metadata" in params and not _unsets(operation, params["metadata"]):
        params["metadata"] = _pairs(params["metadata"], problems)
    if _unsets(operation, params.get("metadata")):
        params["metadata"] = ""
    if "owner" in params:
        params["owner"] = _json("owner", params["owner"], problems)
    if "amounts" in params:
        params["amounts"] = _cents(params["amounts"], problems)
    timeout = given["timeout"]
    if timeout is not None and not timeout >= 0:
        problems.append(Problem("timeout", "expected 0 seconds or more"))
    options = Options(
        idempotency_key=given["idempotency_key"],
        job_id=given["job_id"],
        account=given["account"],
        livemode=given["livemode"],
        not_before=_when("not_before", given["not_before"], problems),
        deadline=_when("deadline", given["deadline"], problems),
        reference=given["reference"],
        priority=given["priority"],
        ordered=not given.get("unordered", False),
        harmless=given["harmless"] or (),
        all_pages=given.get("all_pages", False),
        missing_ok=given.get("missing_ok", False),
        marker=not given.get("no_marker", False),
        use_reserve=given.get("use_reserve", False),
        when=given.get("when"),
        added_at=given.get("added_at"),
        watch=given.get("watch", False),
    )
    return Typed(params, options, problems)


def _unsets(operation: Operation, metadata: object) -> bool:
    """Whether all metadata is to be unset: one empty text, on update."""
    return operation.name == "update" and metadata == [""]


def _pairs(texts: Sequence[str], problems: list[Problem]) -> dict[str, str]:
    pairs = [text.partition("=") for text in texts]
    if not all(separator for _, separator, _ in pairs):
        problems.append(Problem("metadata", "expected KEY=VALUE"))
    return {key: value for key, separator, value in pairs if separator}


def _json(name: str, text: str, problems: list[Problem]) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        problems.append(Problem(name, "not JSON"))
        return None


def _cents(texts: Sequence[str], problems: list[Problem]) -> list[int]:
    amounts = []
    for position, text in enumerate(texts):
        if _CENTS.fullmatch(text):
            amounts.append(int(text))
        else:
            place = f"amounts[{position}]"
            problems.append(Problem(place, "expected a whole number of cents"))
    return amounts


def _when(name: str, text: str | None, problems: list[Problem]) -> When | None:
    """Take a bare number for seconds from now; what else it may be, the SDK reads."""
    if text is None or not _SECONDS.fullmatch(text):
        return text
    try:
        return timedelta(seconds=float(text))
    except OverflowError:  # longer than any calendar
        problems.append(Problem(name, "expected seconds from now"))
        return None
