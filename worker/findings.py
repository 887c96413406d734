"""A finding: one check of a deployment, and what came out of it."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Level(StrEnum):
    """How bad it is."""

    OK = "OK"
    WARN = "WARN"
    """It works, and somebody should know."""
    FAIL = "FAIL"
    """Jobs do not run, or the promise does not hold."""


class Finding(msgspec.Struct, frozen=True):
    """One check and what came out of it."""

    level: Level
    check: str
    says: str
    fix: str = ""
    """What to do; empty where all is well."""


def ok(check: str, says: str) -> Finding:
    """All is well."""
    return Finding(Level.OK, check, says)


def warn(check: str, says: str, fix: str) -> Finding:
    """It works, and somebody should know."""
    return Finding(Level.WARN, check, says, fix)


def fail(check: str, says: str, fix: str) -> Finding:
    """Jobs do not run, or the promise does not hold."""
    return Finding(Level.FAIL, check, says, fix)
