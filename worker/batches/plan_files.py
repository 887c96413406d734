"""The folder of a plan: made whole or not at all, and read back.

manifest.json   what the plan is; written last, so that without it there is no plan
chunks/         000000.z, 000001.z, ...: the rows, as they will be uploaded
rejected.jsonl  rows that are not in the plan, and what is wrong with each
warnings.jsonl  rows that repeat or contradict an earlier one
lines.jsonl     on which lines of the file rows stand, where that is not the next one
checked.jsonl   how things stood at Stripe for rows, where that was looked at; later
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from customer_sources.batches.manifest import (
    Manifest,
    PlanInvalid,
    check_chunk,
    read_manifest,
)
from customer_sources.batches.rows import Row, decode_chunk
from customer_sources.contract.errors import CustomerSourcesError

MANIFEST = "manifest.json"
CHUNKS = "chunks"
REJECTED = "rejected.jsonl"
WARNINGS = "warnings.jsonl"
CHECKED = "checked.jsonl"
LINES = "lines.jsonl"
_DRAFT = ".draft-"
_OURS = (CHUNKS, REJECTED, WARNINGS, CHECKED, LINES)


class FolderRefused(CustomerSourcesError):
    """A plan cannot be written to this folder; the message says what is in the way."""


class DiskRefused(CustomerSourcesError):
    """The plan could not be written, and nothing of it is left."""

    def __init__(self, folder: Path, error: OSError) -> None:
        at = error.filename or folder
        super().__init__(f"{at}: cannot be written: {error.strerror or error}")
        self.folder = folder


def chunk_path(folder: Path, number: int) -> Path:
    """Name the file of a chunk, numbered from 0."""
    return folder / CHUNKS / f"{number:06}.z"


@contextmanager
def new_plan(folder: Path, *, force: bool = False) -> Iterator[Path]:
    """Give a draft to write a plan to; where that ends well, it becomes the folder's.

    Until then a plan that is replaced stays as it is, and so it does where this fails.

    Args:
        folder: where the plan is to be. What else lies in it stays.
        force: replace a plan, and what an interrupted one left.

    Raises:
        FolderRefused: there is something else.
        DiskRefused: it cannot be written: the disk is full, say.
    """
    _refuse(folder, force=force)
    existed = folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob(f"{_DRAFT}*"):
            shutil.rmtree(left)
        draft = Path(tempfile.mkdtemp(prefix=_DRAFT, dir=folder))
        try:
            (draft / CHUNKS).mkdir()
            yield draft
            _replace(folder, draft)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except BaseException as error:
        if not existed and folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
        if isinstance(error, OSError):
            raise DiskRefused(folder, error) from error
        raise


def manifest_in(folder: Path) -> Manifest:
    """Read the manifest of a plan, whatever became of its chunks.

    Raises:
        PlanInvalid: there is none, or it is not whole.
    """
    path = folder / MANIFEST
    try:
        text = path.read_bytes()
    except OSError as error:
        told = f"{path}: {error.strerror}; a plan that was interrupted has none"
        raise PlanInvalid(told) from None
    try:
        return read_manifest(text)
    except PlanInvalid as error:
        raise PlanInvalid(f"{path}: {error}") from None


def read_plan(folder: Path) -> Manifest:
    """Read the manifest of a plan, and see that its chunks are there.

    Raises:
        PlanInvalid: there is none, or it is not whole.
    """
    manifest = manifest_in(folder)
    for number, chunk in enumerate(manifest.chunks):
        found = chunk_path(folder, number)
        if not found.is_file():
            raise PlanInvalid(f"{found}: missing")
        if found.stat().st_size != chunk.bytes:
            raise PlanInvalid(f"{found}: not as it was planned")
    return manifest


def read_chunk(folder: Path, manifest: Manifest, number: int) -> bytes:
    """Read a chunk of a plan, as it is uploaded.

    Raises:
        PlanInvalid: it is missing, damaged, or was changed.
    """
    path = chunk_path(folder, number)
    try:
        packed = path.read_bytes()
        check_chunk(manifest.chunks[number], packed)
    except FileNotFoundError:
        raise PlanInvalid(f"{path}: missing") from None
    except (OSError, CustomerSourcesError):
        raise PlanInvalid(f"{path}: damaged, or was changed") from None
    return packed


def read_rows(folder: Path, manifest: Manifest) -> Iterator[Row]:
    """Give the rows of a plan, in file order.

    Raises:
        PlanInvalid: a chunk is missing, damaged, or was changed.
    """
    for number in range(len(manifest.chunks)):
        yield from decode_chunk(read_chunk(folder, manifest, number))


def _refuse(folder: Path, *, force: bool) -> None:
    """See that nothing is lost by writing a plan here."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise FolderRefused(f"{folder} is a file; a plan is a folder")
    names = {path.name for path in folder.iterdir()}
    drafts = {name for name in names if name.startswith(_DRAFT)}
    if MANIFEST in names:
        if not force:
            raise FolderRefused(f"{folder} holds a plan; --force replaces it")
    elif names - drafts:
        raise FolderRefused(f"{folder} holds other things and no plan; name another")
    if drafts and not force:
        told = "is being planned by another process, or one that was interrupted"
        raise FolderRefused(f"{folder} {told}; --force begins anew")


def _replace(folder: Path, draft: Path) -> None:
    """Put a draft in the place of what was there: manifest out first, in last."""
    (folder / MANIFEST).unlink(missing_ok=True)
    for name in _OURS:
        old = folder / name
        if old.is_dir():
            shutil.rmtree(old)
        old.unlink(missing_ok=True)
        if (draft / name).exists():
            (draft / name).rename(old)
    (draft / MANIFEST).rename(folder / MANIFEST)
