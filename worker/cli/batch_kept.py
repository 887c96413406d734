"""A batch that was named by its id or by its plan's folder, and what is kept of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import typer

from customer_sources import CustomerSources
from customer_sources.batches.manifest import Manifest, PlanInvalid
from customer_sources.batches.outcomes import Outcome
from customer_sources.batches.rows import Row, decode_chunk
from customer_sources.batches.status import Batch
from worker.batches.plan_files import read_chunk, read_plan
from worker.cli.batch_look import Ledger, folder_of


class Kept(NamedTuple):
    """A batch, its plan, and where its rows are: in a folder, or else in the store."""

    client: CustomerSources
    batch: Batch
    manifest: Manifest
    folder: Path | None

    def rows(self, chunk: int) -> Sequence[Row]:
        """Read the rows of a chunk; none where it is not there.

        Raises:
            ChunkDamaged: it is damaged in the store.
            PlanInvalid: it is damaged in the folder.
        """
        if self.folder is not None:
            return decode_chunk(read_chunk(self.folder, self.manifest, chunk))
        return self.client.batches.rows(self.batch.id, chunk)

    def outcomes(self, chunk: int) -> Mapping[int, Outcome]:
        """Read the outcomes of a chunk by row, as far as there are."""
        return self.client.batches.outcomes(self.batch.id, chunk)


def find(ledger: Ledger, named: str) -> Kept:
    """Find a batch that was named.

    Raises:
        BatchNotFound: there is none, or it is kept no more.
        typer.BadParameter: several ids begin like that, or the folder has no plan.
    """
    batch, folder = ledger.find(named), folder_of(named)
    if folder is None:
        manifest = ledger.client.batches.manifest(batch.id)
    else:
        try:
            manifest = read_plan(folder)
        except PlanInvalid as error:
            raise typer.BadParameter(str(error), param_hint="ID|FOLDER") from None
    return Kept(ledger.client, batch, manifest, folder)
