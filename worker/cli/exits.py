"""Exit codes of `sources`, so that scripts can tell what happened."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Why the command ended."""

    OK = 0
    FAILED = 1
    """The job failed or was cancelled, or a promise did not hold."""
    USAGE = 2
    """The command line or the command in it is wrong; nothing was written."""
    NEEDS_REVIEW = 3
    """The job ended in review: nobody knows what Stripe did."""
    NOT_FOUND = 4
    """No such job."""
    STILL_RUNNING = 5
    """`--wait` ran out; the job goes on."""
    UNAVAILABLE = 6
    """The store did not answer."""
    CONFIG = 7
    """The settings are wrong, or something that the command needs is missing."""
