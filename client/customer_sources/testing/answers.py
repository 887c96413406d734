"""What a test says that Stripe answers."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import Any

import msgspec

from customer_sources.contract.commands import Command
from customer_sources.contract.events import told, told_error, told_list
from customer_sources.contract.operations import OPERATIONS
from customer_sources.contract.states import State
from customer_sources.testing.objects import default_object


class Answer(msgspec.Struct, frozen=True):
    """How a job ends."""

    state: State
    details: Mapping[str, Any] | None
    """Stripe's object or the error; None: a plausible object."""


class Ending(msgspec.Struct, frozen=True):
    """An answer as it is written down."""

    state: State
    code: str
    details: Mapping[str, Any]


class _Rule(msgspec.Struct, frozen=True):
    """For whom an answer is meant; None means anybody."""

    operation: str
    customer: str | None
    answer: Answer

    def is_for(self, command: Command) -> bool:
        """Whether this command is to be answered so."""
        return self.operation == command.operation and self.customer in {
            None,
            command.customer,
        }


class Answers:
    """Answers by operation and customer: those for once first, then the latest."""

    def __init__(self) -> None:
        self._once: list[_Rule] = []
        self._standing: list[_Rule] = []
        self._numbers = count(1)

    def script(
        self, operation: str, answer: Answer, *, customer: str | None, once: bool
    ) -> None:
        """Answer so from now on, or one time.

        Raises:
            ValueError: there is no such operation, or its object cannot be this one.
        """
        if operation not in OPERATIONS:
            known = ", ".join(OPERATIONS)
            raise ValueError(f"no operation {operation!r}; one of: {known}")
        if operation == "list" and answer.state is State.SUCCEEDED:
            data = [] if answer.details is None else answer.details.get("data")
            if not isinstance(data, list | tuple):
                raise ValueError('a list is scripted as {"data": [...]}')
        rules = self._once if once else self._standing
        rules.append(_Rule(operation, customer, answer))

    def take(self, command: Command) -> Ending:
        """Say how this command ends, as a worker would write it down."""
        answer = self._answer(command)
        if answer.state is not State.SUCCEEDED:
            return self._refusal(command, answer)
        found = answer.details
        if found is None:
            found = default_object(command, self._numbers)
        reduced = told_list(found) if command.operation == "list" else told(found)
        return Ending(State.SUCCEEDED, "succeeded", reduced)

    def _answer(self, command: Command) -> Answer:
        for position, rule in enumerate(self._once):
            if rule.is_for(command):
                del self._once[position]
                return rule.answer
        for rule in reversed(self._standing):
            if rule.is_for(command):
                return rule.answer
        return Answer(State.SUCCEEDED, None)

    def _refusal(self, command: Command, answer: Answer) -> Ending:
        error = told_error(answer.details or {})
        code = error.get("code", answer.state.value)
        absent = answer.state is State.FAILED and code == "resource_missing"
        if absent and command.missing_ok and error.get("param") != "customer":
            gone = {"id": command.id, "deleted": True}
            return Ending(State.SUCCEEDED, "already_absent", gone)
        return Ending(answer.state, code, error)
