"""From a row to the command that is stored and sent. Pure."""

from __future__ import annotations

from customer_sources.batches.rows import Row, row_id
from customer_sources.contract.commands import Command
from customer_sources.contract.encoding import path_segment
from customer_sources.contract.names import MARKER
from customer_sources.contract.operations import OPERATIONS


def mark_of(batch_id: str, row: Row) -> str:
    """Return the mark that a create leaves on its source; "" where it leaves none.

    A retried row bears the mark that it was first sent with.
    """
    if row.operation != "create" or not row.marker:
        return ""
    return row.key or row_id(batch_id, row.number)


def command_of(batch_id: str, account: str, row: Row) -> Command:
    """Write the command of a row: the bytes that every try sends.

    Args:
        batch_id: the batch.
        account: the name of its account.
        row: a row of it.
    """
    operation = OPERATIONS[row.operation]
    path = f"/v1/customers/{path_segment(row.customer)}/sources"
    if row.id:
        path += f"/{path_segment(row.id)}{operation.suffix}"
    body = row.body
    if operation.params_in_query:
        path, body = (f"{path}?{body}" if body else path), ""
    if mark := mark_of(batch_id, row):
        marker = f"metadata[{MARKER}]={mark}"
        body = f"{body}&{marker}" if body else marker
    return Command(
        operation=row.operation,
        account=account,
        customer=row.customer,
        path=path,
        id=row.id,
        body=body,
        reference=row.reference,
        missing_ok=row.missing_ok,
        all_pages=row.all_pages,
        marker=row.marker,
        use_reserve=row.use_reserve,
        watch=row.watch,
        livemode=row.livemode,
    )
