"""What goes in and what comes out of the sandbox, free of any web framework."""

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request, read completely."""

    method: str
    path: str
    """As sent: still percent-encoded, without the query."""
    query: str = ""
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One HTTP response."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    body_delay: float = 0.0
    """Seconds between the head of the response and its body."""


Flow: TypeAlias = Generator[float, None, Answer | None]
"""A request being carried out.

It yields seconds to wait before it goes on, and returns the answer, or None where the
connection must be cut without a byte of one.
"""
