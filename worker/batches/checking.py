"""From what a row asks to a row that can be sent, by the contract of commands. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from customer_sources.batches.rows import Row
from customer_sources.contract.commands import Prepared, Switches, prepare
from customer_sources.contract.errors import CommandInvalid, Problem
from customer_sources.contract.names import DEFAULT_ACCOUNT
from customer_sources.contract.validation import switch_problems
from customer_sources.requests import misplaced
from worker.batches.fields import ADDRESS, OPTIONS, REFUSED

LONGEST_ASKED = 65_536
"""Bytes of a row as JSON: as many as the inbox takes of a command."""
_BESIDE = frozenset((*OPTIONS, *REFUSED))
_OURS = _BESIDE.union(ADDRESS)
_encode = msgspec.json.Encoder().encode


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is said once, for all rows of a batch."""

    operation: str = ""
    """Of all rows; "" where each says its own."""
    account: str = DEFAULT_ACCOUNT
    harmless: Sequence[str] = ()
    """Fields whose values may look like card numbers and are none."""


class Checker:
    """Checks rows by the contract of all commands, and encodes them.

    Args:
        asked: what holds for all of them.
    """

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._usual = Switches(harmless=asked.harmless)
        self._of_create = Switches(harmless=asked.harmless, marker=False)

    def check(
        self, number: int, fields: Mapping[str, Any], found: Sequence[Problem] = ()
    ) -> Row:
        """Make a row of what was asked.

        Args:
            number: the row's, from 1.
            fields: the command, all its fields side by side; None is not given.
            found: what is wrong already, told with the rest.

        Raises:
            CommandInvalid: with every problem, each with its field.
        """
        given = {name: value for name, value in fields.items() if value is not None}
        said = given.setdefault("operation", self._asked.operation)
        if self._asked.operation and said != self._asked.operation:
            wrong = f"the batch is of {self._asked.operation} alone, by --operation"
            found = [*found, Problem("operation", wrong)]
        options: dict[str, Any] = {}
        if given.get("id") == "" or not _BESIDE.isdisjoint(given):
            options = {name: given[name] for name in OPTIONS if name in given}
            found = [*found, *_option_problems(given, options)]
        prepared = prepare(
            said,
            {name: value for name, value in given.items() if name not in _OURS},
            job_id="",
            customer=given.get("customer"),
            source_id=given.get("id", ""),
            account=self._asked.account,
            switches=self._switches(said, options),
            found=found,
        )
        return _row(number, prepared, given, options)

    def _switches(self, operation: Any, options: Mapping[str, Any]) -> Switches:
        """Say it as `prepare` takes it, for a create without its mark.

        That is added when it is run: a row's id is not known before the batch's is.
        """
        usual = self._of_create if operation == "create" else self._usual
        if not options:
            return usual
        said = {name: value for name, value in options.items() if name != "ordered"}
        if said.get("marker") is True:
            del said["marker"]
        return msgspec.structs.replace(usual, **said)


def _row(
    number: int, prepared: Prepared, given: Mapping[str, Any], options: dict[str, Any]
) -> Row:
    command = prepared.command
    body = command.body
    if prepared.operation.params_in_query:
        body = command.path.partition("?")[2]
    asked = _encode(given)
    if len(asked) > LONGEST_ASKED:
        raise CommandInvalid([Problem("row", f"longer than {LONGEST_ASKED:,} bytes")])
    return Row(
        number,
        command.operation,
        command.customer,
        command.id,
        body,
        msgspec.Raw(asked),
        **options,
    )


def _option_problems(
    given: Mapping[str, Any], options: dict[str, Any]
) -> Iterator[Problem]:
    """Refuse options that no row has, or not one of this operation.

    Those of another operation are taken out, so that they are told once.
    """
    yield from (Problem(name, REFUSED[name]) for name in given if name in REFUSED)
    yield from misplaced(given, options)
    if "ordered" in options:
        yield from switch_problems(given["operation"], ordered=options["ordered"])
