"""What is wrong with the settings, all of it at once, in words for a person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError


def refusal(
    title: str, wrong: Iterable[Mapping[str, Any]], broken: Iterable[str]
) -> ValidationError:
    """Make one error of wrong values and of broken rules between values.

    Args:
        title: the class that refuses.
        wrong: problems as `ValidationError.errors` gives them.
        broken: rules in words that name the settings they concern.
    """
    details = [
        InitErrorDetails(
            type=PydanticCustomError(problem["type"], problem["msg"]),
            loc=problem["loc"],
            input=None,  # it may be a key, or an address with a password
        )
        for problem in wrong
    ]
    details += [
        InitErrorDetails(type=PydanticCustomError("rule", text), input=None)
        for text in broken
    ]
    return ValidationError.from_exception_data(title, details, hide_input=True)


def lines(error: ValidationError, variables: Mapping[str, str]) -> list[str]:
    """Say each problem on a line, by the name that a person sets.

    Args:
        error: what the settings were refused with.
        variables: environment variables by the names of their fields.
    """
    said = []
    for problem in error.errors(include_input=False, include_url=False):
        where = ".".join(map(str, problem["loc"]))
        name = variables.get(where, where)
        said.append(f"{name}: {problem['msg']}" if name else problem["msg"])
    return said
