"""How rows of a batch ended, and how that is kept: a line for each, then compressed."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

Ended = Literal["succeeded", "failed", "needs_review", "unprocessed"]

LONGEST_MESSAGE = 200


class Outcome(msgspec.Struct, frozen=True, array_like=True):
    """How one row ended. The order of the fields is that of the stored array."""

    state: Ended
    """`unprocessed`: nothing was sent."""
    code: str
    source: str
    """Id of the source; empty where none is known."""
    request: str
    """Stripe's id of the request that decided."""
    runs: int
    ended: int
    """Milliseconds since the epoch."""
    retryable: bool
    """Whether the same row might succeed another time."""
    unknown: bool
    """Whether Stripe may have done it."""
    key: str
    """The Idempotency-Key that was sent, where it is not the row's own id."""
    first_sent: int
    """Since when Stripe may have the key (ms); 0 where nothing is unknown."""
    message: str
    """What is wrong, in words; empty where nothing is."""

    def encode(self) -> bytes:
        """Write it as it is stored until its chunk is whole."""
        return _ENCODER.encode(self)


_ENCODER = msgspec.json.Encoder()
_ONE = msgspec.json.Decoder(Outcome)
_MANY = msgspec.json.Decoder(list[tuple[int, Outcome]])


def decode_outcome(text: str | bytes) -> Outcome:
    """Read what `encode` wrote.

    Raises:
        msgspec.DecodeError: it is none.
    """
    return _ONE.decode(text)


def pack(outcomes: Mapping[str, str]) -> bytes:
    """Compress the outcomes of a chunk that is whole, by row number."""
    rows = sorted((int(number), text) for number, text in outcomes.items())
    joined = ",".join(f"[{number},{text}]" for number, text in rows)
    return zlib.compress(f"[{joined}]".encode(), 9)


def unpack(packed: bytes) -> dict[int, Outcome]:
    """Read what `pack` wrote."""
    return dict(_MANY.decode(zlib.decompress(packed)))


def read_rows(outcomes: Iterable[tuple[str, str]]) -> dict[int, Outcome]:
    """Read outcomes of a chunk that is not whole."""
    return {int(number): decode_outcome(text) for number, text in outcomes}
