"""Rows of a batch, and the chunks in which they travel and are kept. Pure.

A chunk is the same bytes as a file of a plan and as a string in the store: the JSON
array of its rows, compressed. Nothing is encoded anew on the way.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence

import msgspec

from customer_sources.contract.errors import CustomerSourcesError
from customer_sources.contract.ids import derived_id

CHUNK_ROWS = 1000
"""Rows of a chunk; the last may have fewer. Chunk n, from 0, holds the valid rows from
n * 1000 on, in file order."""
LONGEST_CHUNK = 512 * 2**20
"""Bytes of a chunk's rows in JSON: what a damaged or foreign one may grow to. A row is
asked in 64 KB at most, and encoded in three times that; hardly one has a kilobyte."""
_LEVEL = 6
"""Of compression: 9 saves a hundredth and takes twice as long, 1 costs a fifth."""


class ChunkDamaged(CustomerSourcesError, ValueError):
    """The bytes are not the chunk of rows that was written."""

    def __init__(self) -> None:
        super().__init__("not a chunk of rows, or a damaged one")


class Row(msgspec.Struct, frozen=True, array_like=True):
    """One command of a batch, validated and encoded."""

    number: int
    """Of the row in its file, from 1; a header is none. Rejected rows leave gaps."""
    operation: str
    customer: str
    id: str
    """The source's; "" where the operation has none."""
    body: str
    """Encoded parameters, sent as form or query; without the mark of a create."""
    asked: msgspec.Raw
    """The row as it was asked, one JSON object in Stripe's names."""
    reference: str = ""
    missing_ok: bool = False
    all_pages: bool = False
    marker: bool = True
    ordered: bool = True
    livemode: bool | None = None
    key: str = ""
    """Stripe's Idempotency-Key, where it is not the row's own id: of an earlier send
    whose outcome nobody knows."""
    first_sent: int = 0
    """Since when (ms) Stripe may have that key; 0: it does not have it."""
    use_reserve: bool = False
    watch: bool = False


_decode = msgspec.json.Decoder(list[Row]).decode
_encode = msgspec.json.Encoder().encode


def encode_rows(rows: Sequence[Row]) -> bytes:
    """Write the rows of a chunk as JSON. This is what a chunk's hash is over."""
    return _encode(rows)


def pack(content: bytes) -> bytes:
    """Compress what `encode_rows` wrote."""
    return zlib.compress(content, _LEVEL)


def unpack(chunk: bytes) -> bytes:
    """Return the JSON in a chunk.

    Raises:
        ChunkDamaged: there is none, or more than any chunk has.
    """
    inflate = zlib.decompressobj()
    try:
        content = inflate.decompress(chunk, LONGEST_CHUNK)
    except zlib.error:
        raise ChunkDamaged from None
    if not inflate.eof or inflate.unused_data:
        raise ChunkDamaged
    return content


def encode_chunk(rows: Sequence[Row]) -> bytes:
    """Write rows as a chunk."""
    return pack(encode_rows(rows))


def decode_chunk(chunk: bytes) -> list[Row]:
    """Read the rows of a chunk.

    Raises:
        ChunkDamaged: these bytes are none.
    """
    try:
        return _decode(unpack(chunk))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise ChunkDamaged from None


class Packing:
    """A chunk in the making. Its rows may be long, and are not held until it is whole.

    It comes to what `encode_rows`, `content_hash` and `pack` make of all of them.
    """

    def __init__(self) -> None:
        self._packed = bytearray()
        self._compress = zlib.compressobj(_LEVEL)
        self._digest = hashlib.sha256()
        self.rows = 0

    def add(self, rows: Sequence[Row]) -> None:
        """Take the next rows, a few at a time."""
        if rows:
            self._take((b"," if self.rows else b"[") + _encode(rows)[1:-1])
            self.rows += len(rows)

    def end(self) -> tuple[bytes, str]:
        """Return the chunk, and the hash of its content."""
        self._take(b"]" if self.rows else b"[]")
        return bytes(self._packed + self._compress.flush()), self._digest.hexdigest()

    def _take(self, content: bytes) -> None:
        self._digest.update(content)
        self._packed += self._compress.compress(content)


def content_hash(content: bytes) -> str:
    """Hash the JSON of a chunk: SHA-256, in hexadecimal.

    Not the compressed bytes: another build of zlib writes others for the same rows, and
    the same file would be another batch on another machine.
    """
    return hashlib.sha256(content).hexdigest()


def row_id(batch_id: str, number: int) -> str:
    """Derive the job id of a row, which also is the Idempotency-Key Stripe sees."""
    return derived_id("job_", f"{batch_id}\n{number}", b"sources-row")
