"""What a store must be like, and what mends one that is not. Pure.

`sources doctor` prints all of it; `sources worker` asks `unfit` before it starts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from worker.findings import Finding, fail, ok, warn

LEAST = {"Redis": (7, 0), "Valkey": (7, 2)}
"""Older ones lack what the scripts use, or are not maintained any more."""
SAFE_FSYNC = ("everysec", "always")


def kind_and_version(info: Mapping[str, Any]) -> tuple[str, str]:
    """Read from `INFO` what kind of server this is. Kinds are written as in prose."""
    for field, kind in (
        ("dragonfly_version", "Dragonfly"),
        ("valkey_version", "Valkey"),
    ):
        if field in info:
            return kind, str(info[field])
    kind = str(info.get("server_name") or "redis").capitalize()
    return kind, str(info.get("redis_version", ""))


LEAST_FSYNC = (7, 2)
"""WAITAOF came with it, in Redis and in Valkey."""


def cannot_wait(info: Mapping[str, Any]) -> Finding | None:
    """Say why no worker may run with `durability="fsync"` on this store; None: it may.

    Args:
        info: the store's `INFO`, as redis-py reads it.
    """
    kind, version = kind_and_version(info)
    if _numbers(version) < LEAST_FSYNC:
        return fail(
            "durability",
            f"{kind} {version} has no WAITAOF, which SOURCES_DURABILITY=fsync needs",
            f"use {kind} 7.2 and newer, or SOURCES_DURABILITY=store",
        )
    if not int(info.get("aof_enabled", 0)):
        return fail(
            "durability",
            "SOURCES_DURABILITY=fsync, and the append-only file is off",
            "set appendonly yes in the store's configuration",
        )
    return None


def unfit(info: Mapping[str, Any]) -> Finding | None:
    """Say why no worker may run on this store; None: it may.

    Args:
        info: the store's `INFO`, as redis-py reads it.
    """
    kind, version = kind_and_version(info)
    mode = str(info.get("server_mode") or info.get("redis_mode") or "standalone")
    one_server = "point SOURCES_REDIS_URL at a single server or its primary"
    if mode == "cluster" or int(info.get("cluster_enabled", 0)):
        return fail(
            "version",
            f"{kind} Cluster is refused: a job's keys change together, and a cluster "
            "changes keys of one slot only",
            "use a store with cluster mode disabled",
        )
    if mode == "sentinel":
        return fail("version", "this is a Sentinel, which holds no data", one_server)
    if str(info.get("role", "master")) != "master":
        return fail("version", "this is a replica, which refuses writes", one_server)
    wanted = " or ".join(f"{k} {a}.{b}" for k, (a, b) in LEAST.items()) + " and newer"
    if kind not in LEAST:
        return fail("version", f"{kind} {version} is not supported", f"use {wanted}")
    if _numbers(version) < LEAST[kind]:
        return fail("version", f"{kind} {version} is too old", f"use {wanted}")
    return None


def store_findings(
    info: Mapping[str, Any] | None, fsync: str | None
) -> Sequence[Finding]:
    """Judge the server itself.

    Args:
        info: its `INFO`; None where the store refuses to tell.
        fsync: `appendfsync` from its configuration; None where CONFIG is refused, as
            managed stores do.
    """
    if info is None:
        return (
            warn(
                "version",
                "INFO is refused: kind, version, eviction and persistence are unknown",
                "allow this user INFO (ACL SETUSER ... +info), or look for yourself",
            ),
        )
    if problem := unfit(info):
        return (problem,)
    kind, version = kind_and_version(info)
    return (
        ok("version", f"{kind} {version}"),
        _eviction(str(info.get("maxmemory_policy", ""))),
        _persistence(info, fsync),
    )


def _eviction(policy: str) -> Finding:
    if policy == "noeviction":
        return ok("eviction", "maxmemory-policy is noeviction")
    if not policy:
        return warn(
            "eviction",
            "the store does not tell its maxmemory-policy",
            "see to it that it is noeviction",
        )
    return fail(
        "eviction",
        f"maxmemory-policy is {policy}: a full store drops jobs and results",
        "set maxmemory-policy noeviction in the store's configuration",
    )


def _persistence(info: Mapping[str, Any], fsync: str | None) -> Finding:
    on = int(info.get("aof_enabled", 0))
    if fsync is None:
        file = "an append-only file" if on else "no append-only file"
        return warn(
            "persistence",
            f"CONFIG is refused here, as managed stores do; INFO tells of {file}",
            "see in the provider's console that writes are kept: append-only file on, "
            "appendfsync everysec or always",
        )
    if not on:
        return fail(
            "persistence",
            "the append-only file is off: a restart of the store forgets every job",
            "set appendonly yes and appendfsync everysec in the store's configuration "
            "(a store of `sources dev` keeps nothing, and is not for production)",
        )
    if info.get("aof_last_write_status", "ok") != "ok":
        return fail(
            "persistence",
            "the last write to the append-only file failed",
            "see the store's log; its disk may be full",
        )
    if fsync not in SAFE_FSYNC:
        return fail(
            "persistence",
            f"appendfsync is {fsync}: a power loss forgets up to half a minute",
            "set appendfsync everysec in the store's configuration",
        )
    return ok("persistence", f"append-only file, appendfsync {fsync}")


def _numbers(version: str) -> tuple[int, int]:
    """Read `7.2.5` as (7, 2); what is no number counts as 0."""
    major, minor, *_ = [*version.split("."), "0", "0"]
    return _number(major), _number(minor)


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0
