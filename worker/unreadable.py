"""Jobs whose record cannot be used: ended for a person to look at, never run.

A record is damaged by somebody else's hand only: no script writes one that another
could not read. What it said of the past is lost, so nobody can know what Stripe did.
"""

from __future__ import annotations

import time

import msgspec
import structlog

from customer_sources.contract.commands import Command
from customer_sources.contract.events import terminal_event
from customer_sources.contract.names import lane_name
from customer_sources.contract.operations import OPERATIONS
from customer_sources.contract.states import State
from worker.ledger import Ledger
from worker.replies import Ending

log = structlog.get_logger("worker")

CODE = "record_unreadable"
_DETAILS = {"code": CODE, "message": "the job's record in the store is damaged"}


def read_command(stored: str) -> Command | None:
    """Decode a stored command. None: it cannot be read by this version."""
    try:
        command = msgspec.json.decode(stored, type=Command)
    except (msgspec.DecodeError, RecursionError):
        return None
    return command if command.operation in OPERATIONS else None


def unreadable(job_id: str, command: Command | None) -> Ending:
    """Write how such a job ends: what it asked is told where that can be read."""
    event = terminal_event(
        job_id,
        command,
        State.NEEDS_REVIEW,
        now_ms=time.time_ns() // 1_000_000,
        details=_DETAILS,
    )
    return Ending(
        state=State.NEEDS_REVIEW,
        code=CODE,
        result=msgspec.json.encode(_DETAILS),
        event=event.encode(),
        unknown=True,
        review=True,
    )


async def lay_aside(ledger: Ledger, job_id: str) -> str | None:
    """End a job whose record cannot be used, and say so once.

    Returns:
        The next job of its lane (may be ""); None: it needs no laying aside.

    Raises:
        RedisError: the store did not take it. Upkeep names the job again.
    """
    command = read_command(await ledger.stored_command(job_id))
    next_id = await ledger.lay_aside(
        job_id,
        unreadable(job_id, command),
        operation=command.operation if command else "",
        lane=lane_name(command.account, command.customer) if command else "",
    )
    if next_id is not None:
        log.error("record_unreadable", job_id=job_id)
    return next_id
