"""What a plan says of itself: the file it was made of, its chunks, its counts. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from customer_sources.batches import rows
from customer_sources.contract.errors import CustomerSourcesError
from customer_sources.contract.ids import derived_id

VERSION = 1


class PlanInvalid(CustomerSourcesError, ValueError):
    """This is no plan that can be applied; the message says what does not fit."""


class Input(msgspec.Struct, frozen=True, kw_only=True):
    """The file that was planned."""

    name: str
    """Without its folder; `-` where it came from standard input."""
    sha256: str
    """Of its bytes as they were read, compressed or not."""
    bytes: int
    rows: int
    """Those of the plan and the rejected ones together."""


class Chunk(msgspec.Struct, frozen=True, kw_only=True):
    """One chunk of rows."""

    rows: int
    bytes: int
    """Compressed: the length of the file, and of the string in the store."""
    sha256: str
    """Of its rows before they were compressed; see `rows.content_hash`."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """A plan. It identifies what will be sent, and counts it."""

    version: int = VERSION
    batch: str
    """The batch's id. The same rows, account and label are the same batch."""
    label: str
    account: str
    input: Input
    rows: int
    """Rows that will be run."""
    rejected: int
    chunks: Sequence[Chunk]
    plan_sha256: str
    operations: Mapping[str, int]
    """Rows by operation."""
    changes: int
    """Rows that change something at Stripe: all but the reads."""
    customers: int
    duplicates: int
    """Rows that repeat an earlier one."""
    conflicts: int
    """Rows that contradict an earlier one on the same source."""
    created: str
    """RFC 3339."""

    @property
    def size(self) -> int:
        """Bytes of all chunks together, compressed."""
        return sum(chunk.bytes for chunk in self.chunks)


_decode = msgspec.json.Decoder(Manifest).decode


def plan_hash(chunk_hashes: Iterable[str], account: str, label: str) -> str:
    """Hash what will be sent, and for whom: SHA-256, in hexadecimal.

    Args:
        chunk_hashes: `Chunk.sha256` of all chunks, in their order.
        account: the name of the account.
        label: tells a batch from another one of the same rows.
    """
    plan = msgspec.json.encode([[*chunk_hashes], account, label])
    return hashlib.sha256(plan).hexdigest()


def batch_id(plan_sha256: str, account: str, label: str) -> str:
    """Derive a batch's id from its plan."""
    seed = f"{plan_sha256}\n{account}\n{label}"
    return derived_id("batch_", seed, b"sources-batch")


def write_manifest(manifest: Manifest) -> bytes:
    """Write a manifest for a file, to be read by people too."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"


def read_manifest(text: str | bytes) -> Manifest:
    """Read a manifest, and hold its identity against its chunks.

    Raises:
        PlanInvalid: it is none, is of a later version, or was changed.
    """
    try:
        manifest = _decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise PlanInvalid(f"the manifest cannot be read: {error}") from None
    if manifest.version != VERSION:
        told = f"version {manifest.version}; this software reads {VERSION}"
        raise PlanInvalid(f"the manifest is of another version: {told}")
    hashes = [chunk.sha256 for chunk in manifest.chunks]
    plan = plan_hash(hashes, manifest.account, manifest.label)
    of_plan = plan, batch_id(plan, manifest.account, manifest.label)
    if of_plan != (manifest.plan_sha256, manifest.batch):
        raise PlanInvalid("the manifest was changed: its hash does not fit its chunks")
    counts = manifest.rows, sum(manifest.operations.values())
    if counts != (sum(chunk.rows for chunk in manifest.chunks),) * 2:
        raise PlanInvalid("the manifest was changed: its numbers of rows do not fit")
    return manifest


def check_chunk(chunk: Chunk, packed: bytes) -> None:
    """Hold the bytes of a chunk against what the plan says of it.

    Raises:
        ChunkDamaged: they are others.
    """
    if len(packed) != chunk.bytes:
        raise rows.ChunkDamaged
    if rows.content_hash(rows.unpack(packed)) != chunk.sha256:
        raise rows.ChunkDamaged
