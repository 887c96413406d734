"""A worker that kills itself at a named point, the first time that it gets there.

`python -m tests.acceptance.mortal_worker POINT` is otherwise `sources worker`. The
product knows nothing of it: methods are wrapped from here. What is awaited by the
wrapped method has happened, so dying "after" a call to the ledger is dying with the
script done and its answer not looked at.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from worker import stripe_api, transport
from worker.cli import main
from worker.departure import Departure
from worker.intake import Intake
from worker.ledger import Ledger
from worker.run import Run
from worker.stripe_api import StripeApi


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def before(owner: Any, name: str) -> None:
    """Die instead of calling it."""

    def mortal(*_: Any, **__: Any) -> None:
        die()

    setattr(owner, name, mortal)


def after(owner: Any, name: str) -> None:
    """Die as soon as it has done its work."""
    call = getattr(owner, name)

    async def mortal(*args: Any, **kwargs: Any) -> None:
        await call(*args, **kwargs)
        die()

    setattr(owner, name, mortal)


def after_leaving() -> None:
    """Die when the request counts as sent, and its first byte has not left."""
    leave = Departure.leave

    def mortal(self: Departure) -> None:
        leave(self)
        die()

    Departure.leave = mortal  # type: ignore[method-assign]


def after_sending() -> None:
    """Die when the last byte of the request is out."""
    send = transport._Request.send

    async def mortal(self: Any, connection: Any) -> None:
        await send(self, connection)
        if (writing := self._writer) is not None:
            await writing
        die()

    transport._Request.send = mortal  # type: ignore[assignment,method-assign]


def after_upkeep() -> None:
    """Die when a job was taken from what is due, and nobody was rung for it."""
    take_due = Ledger.take_due

    async def mortal(self: Ledger) -> Any:
        taken = await take_due(self)
        if taken:
            die()
        return taken

    Ledger.take_due = mortal  # type: ignore[method-assign]


POINTS: dict[str, Callable[[], None]] = {
    "before the claim": lambda: before(Ledger, "claim"),
    "claimed, not told so": lambda: after(Ledger, "claim"),
    "claimed, command not read": lambda: before(Run, "read_command"),
    "connected, not allowed to leave": lambda: before(Departure, "leave"),
    "allowed to leave, no byte out": after_leaving,
    "last byte out, no answer": after_sending,
    "answer there, not read": lambda: before(stripe_api, "read_answer"),
    "answer read, not decided": lambda: after(StripeApi, "send"),
    "allowed to send again, not sent": lambda: after(Ledger, "send"),
    "decided, not committed": lambda: before(Ledger, "commit"),
    "committed, not told so": lambda: after(Ledger, "commit"),
    "undecided, not deferred": lambda: before(Ledger, "defer"),
    "deferred, not told so": lambda: after(Ledger, "defer"),
    "found due, not rung for": after_upkeep,
    "command read, not accepted": lambda: before(Intake, "take"),
    "command accepted, not run": lambda: after(Intake, "take"),
}
"""What to do to the process, by where it is to die."""


if __name__ == "__main__":
    POINTS[sys.argv.pop(1)]()
    sys.argv[1:] = ["worker", "--with-parent"]
    main()
