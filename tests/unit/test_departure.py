"""The log's word for a failure, where no wire can bring the failure about."""

from __future__ import annotations

import socket

import httpx
import pytest

from worker.departure import why


def test_exceptions_that_caused_each_other_are_looked_through_once() -> None:
    outer, inner = httpx.ConnectError("outer"), httpx.ConnectError("inner")
    outer.__cause__, inner.__cause__ = inner, outer

    assert why(outer, sent=False) == "connect_failed"


def test_what_no_transport_raises_is_named_as_it_is() -> None:
    assert why(KeyError("secret"), sent=True) == "KeyError"


@pytest.mark.parametrize(
    ("sent", "word"), [(False, "connect_refused"), (True, "disconnected")]
)
def test_the_word_is_of_the_time_before_or_after_the_request_left(
    sent: bool,  # noqa: FBT001 - a case, not a switch
    word: str,
) -> None:
    assert why(ConnectionRefusedError(), sent=sent) == word


def test_a_cause_within_a_group_is_found() -> None:
    error = httpx.ConnectError("all failed")
    error.__context__ = ExceptionGroup("tries", [OSError(), socket.gaierror()])

    assert why(error, sent=False) == "dns"
