"""Exit codes of `sources`, so that scripts can tell what happened."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Why the command ended."""

    OK = 0
    FAILED = 1
    """The job failed or was cancelled, rows of the batch did not succeed, or a promise
    did not hold."""
    USAGE = 2
    """The command line or the command in it is wrong; nothing was written."""
    NEEDS_REVIEW = 3
    """A person has to look: the job ended in review, nobody knows what Stripe did; or
    the batch is held."""
    NOT_FOUND = 4
    """No such job, account or batch, or no watch of that bank account."""
    STILL_RUNNING = 5
    """`--wait` ran out, or a batch is watched no more; the job or batch goes on."""
    UNAVAILABLE = 6
    """The store did not answer."""
    CONFIG = 7
    """The settings are wrong, or something that the command needs is missing."""
    INTERRUPTED = 130
    """Ctrl-C before it was done; the same command goes on."""
