"""The files of results: all of them, whole, or none."""

from __future__ import annotations

import csv
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import IO

import msgspec

from customer_sources.contract.errors import CustomerSourcesError
from worker.batches.results import FILE_OF, OURS, File, Result, cells, harmless

_encode = msgspec.json.Encoder().encode
_DRAFT = ".results-"


class Format(StrEnum):
    """How results are written."""

    JSONL = "jsonl"
    CSV = "csv"


class ResultsRefused(CustomerSourcesError):
    """Results cannot be written there, and nothing of them is; the message says why."""


class ResultFiles:
    """Three files as they are written.

    Args:
        folder: where they are.
        written: their format.
        columns: in CSV, those of what was asked.
        stack: closes them.
    """

    def __init__(
        self, folder: Path, written: Format, columns: Sequence[str], stack: ExitStack
    ) -> None:
        self._files: dict[File, IO[str]] = {
            file: stack.enter_context(
                (folder / name).open("w", encoding="utf-8", newline="")
            )
            for file, name in names(written).items()
        }
        self._columns = columns
        self._tables = {}
        self.wanted = True
        """False: when all is written, nothing is kept."""
        if written is Format.CSV:
            head = [*OURS, *map(harmless, columns)]
            for file, opened in self._files.items():
                self._tables[file] = csv.writer(opened)
                self._tables[file].writerow(head)

    def write(self, result: Result) -> None:
        """Write a row to the file it belongs to."""
        file = FILE_OF[result.state]
        if self._tables:
            self._tables[file].writerow(cells(result, self._columns))
        else:
            self._files[file].write(_encode(result).decode() + "\n")

    def sync(self) -> None:
        """See that what was written lies on the disk."""
        for file in self._files.values():
            file.flush()
            os.fsync(file.fileno())


def names(written: Format) -> Mapping[File, str]:
    """Name the three files."""
    return {file: f"{file}.{written}" for file in File}


@contextmanager
def new_results(
    folder: Path, written: Format, columns: Sequence[str] = (), *, force: bool = False
) -> Iterator[ResultFiles]:
    """Give files to write to; where that ends well, they get their names.

    Raises:
        ResultsRefused: there are some already, or the disk is full, say.
    """
    existed = folder.exists()
    if not force:
        _refuse(folder, written)
    draft = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=_DRAFT, dir=folder))
        with ExitStack() as stack:
            files = ResultFiles(draft, written, columns, stack)
            yield files
            files.sync()
        for name in names(written).values() if files.wanted else ():
            (draft / name).replace(folder / name)
    except OSError as error:
        told = f"{error.filename or folder}: cannot be written: {error.strerror}"
        raise ResultsRefused(f"{told}; nothing of the results is left") from error
    finally:
        if draft is not None:
            shutil.rmtree(draft, ignore_errors=True)
        if not existed and folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def _refuse(folder: Path, written: Format) -> None:
    """See that nothing is lost by writing results here."""
    if folder.exists() and not folder.is_dir():
        raise ResultsRefused(f"{folder} is a file; results are written to a folder")
    there = [name for name in names(written).values() if (folder / name).exists()]
    if there:
        raise ResultsRefused(f"{folder} has {', '.join(there)}; --force replaces them")
