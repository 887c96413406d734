"""The doctor's judgements: what is told of which store, key and ledger."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from worker.doctor import Ledger, key_finding, ledger_findings, name_findings
from worker.findings import Finding, Level
from worker.store_checks import (
    cannot_wait,
    kind_and_version,
    store_findings,
    unfit,
)

VALKEY: dict[str, Any] = {
    "server_name": "valkey",
    "redis_version": "7.2.4",
    "valkey_version": "9.1.2",
    "server_mode": "standalone",
    "role": "master",
    "cluster_enabled": 0,
    "maxmemory_policy": "noeviction",
    "aof_enabled": 1,
    "aof_last_write_status": "ok",
}
REDIS: dict[str, Any] = {
    "redis_version": "7.0.0",
    "redis_mode": "standalone",
    "role": "master",
    "maxmemory_policy": "noeviction",
    "aof_enabled": 1,
}
HERE = 1_800_000_000_000
HEALTHY = Ledger(
    store_ms=HERE,
    here_ms=HERE,
    mark_ms=HERE,
    pulse_ms=HERE - 400,
    workers=2,
    live=False,
    queues={"sources.interactive": 0, "sources.bulk": 3},
    wakeups=5,
    late=0,
    review=0,
    poison=0,
)
STALE_MS = 4000


def levels(findings: Any) -> dict[str, Level]:
    """The worst level of each check."""
    worst: dict[str, Level] = {}
    for one in findings:
        if worst.get(one.check, Level.OK) is Level.OK:
            worst[one.check] = one.level
    return worst


def judged(**changes: Any) -> dict[str, Finding]:
    """What is told of a ledger that is healthy but for these changes."""
    ledger = msgspec.structs.replace(HEALTHY, **changes)
    return {one.check: one for one in ledger_findings(ledger, STALE_MS)}


# --- the store


@pytest.mark.parametrize("info", [VALKEY, REDIS], ids=["Valkey", "Redis"])
@pytest.mark.parametrize("fsync", ["everysec", "always"])
def test_a_store_that_keeps_its_word_is_fine(info: dict[str, Any], fsync: str) -> None:
    assert unfit(info) is None
    assert set(levels(store_findings(info, fsync)).values()) == {Level.OK}


@pytest.mark.parametrize(
    ("info", "known_as"),
    [
        (VALKEY, ("Valkey", "9.1.2")),
        (REDIS, ("Redis", "7.0.0")),
        ({"redis_version": "8.2.1"}, ("Redis", "8.2.1")),
        ({"server_name": "valkey", "valkey_version": "8.0.0"}, ("Valkey", "8.0.0")),
        ({"dragonfly_version": "df-v1.30.0"}, ("Dragonfly", "df-v1.30.0")),
        ({"server_name": "other", "redis_version": "7.4.0"}, ("Other", "7.4.0")),
    ],
)
def test_a_store_is_known_by_what_it_says_of_itself(
    info: dict[str, Any], known_as: tuple[str, str]
) -> None:
    assert kind_and_version(info) == known_as


@pytest.mark.parametrize(
    ("info", "because"),
    [
        ({"redis_version": "6.2.14"}, "Redis 6.2.14 is too old"),
        ({"redis_version": "5"}, "Redis 5 is too old"),
        ({"redis_version": "unknown"}, "too old"),
        ({"valkey_version": "7.0.9"}, "Valkey 7.0.9 is too old"),
        ({"dragonfly_version": "df-v1.30.0"}, "Dragonfly df-v1.30.0 is not supported"),
        (REDIS | {"redis_mode": "cluster"}, "Redis Cluster is refused"),
        (VALKEY | {"server_mode": "cluster"}, "Valkey Cluster is refused"),
        (REDIS | {"cluster_enabled": 1}, "one slot"),
        (REDIS | {"redis_mode": "sentinel"}, "Sentinel"),
        (REDIS | {"role": "slave"}, "replica"),
    ],
)
def test_no_worker_may_run_on_what_cannot_work(
    info: dict[str, Any], because: str
) -> None:
    problem = unfit(info)

    assert problem is not None
    assert because in problem.says
    assert problem.fix
    assert list(store_findings(info, "everysec")) == [problem]


@pytest.mark.parametrize(
    ("info", "because"),
    [
        ({"redis_version": "7.0.15", "aof_enabled": 1}, "Redis 7.0.15 has no WAITAOF"),
        ({"redis_version": "7.2.0", "aof_enabled": 0}, "append-only file is off"),
        ({"valkey_version": "8.1.0"}, "append-only file is off"),
    ],
)
def test_a_worker_that_is_to_wait_for_the_disk_needs_one_that_can_be_waited_for(
    info: dict[str, Any], because: str
) -> None:
    problem = cannot_wait(info)
    assert problem is not None
    assert because in problem.says
    assert cannot_wait({"redis_version": "7.2.0", "aof_enabled": 1}) is None


@pytest.mark.parametrize("version", ["7.0.0", "7.10", "8", "10.0.1"])
def test_versions_are_numbers_and_not_letters(version: str) -> None:
    assert unfit({"redis_version": version}) is None


@pytest.mark.parametrize(
    ("changes", "fsync", "check"),
    [
        ({"maxmemory_policy": "allkeys-lru"}, "everysec", "eviction"),
        ({"maxmemory_policy": "volatile-ttl"}, "everysec", "eviction"),
        ({"aof_enabled": 0}, "everysec", "persistence"),
        ({"aof_last_write_status": "err"}, "everysec", "persistence"),
        ({}, "no", "persistence"),
    ],
)
def test_a_store_that_may_forget_fails(
    changes: dict[str, Any], fsync: str, check: str
) -> None:
    found = store_findings(VALKEY | changes, fsync)

    assert {k for k, v in levels(found).items() if v is not Level.OK} == {check}
    (finding,) = [one for one in found if one.check == check]
    assert finding.level is Level.FAIL
    assert finding.fix


@pytest.mark.parametrize("aof", [0, 1])
def test_a_managed_store_that_refuses_config_is_told_of_and_does_not_fail(
    aof: int,
) -> None:
    found = store_findings(VALKEY | {"aof_enabled": aof}, None)

    assert levels(found)["persistence"] is Level.WARN
    assert "CONFIG is refused" in found[-1].says


def test_a_store_that_tells_nothing_is_warned_of() -> None:
    assert levels(store_findings(None, None)) == {"version": Level.WARN}

    silent = {name: VALKEY[name] for name in VALKEY if name != "maxmemory_policy"}
    assert levels(store_findings(silent, "everysec"))["eviction"] is Level.WARN


# --- the key


@pytest.mark.parametrize(
    ("key", "level", "says"),
    [
        ("sk_test_abc123", Level.OK, "test mode"),
        ("rk_test_abc123", Level.OK, "restricted key in test mode"),
        ("sk_live_abc123", Level.OK, "LIVE"),
        ("rk_live_abc123", Level.OK, "LIVE"),
        ("", Level.FAIL, "not set"),
        ("pk_live_abc123", Level.FAIL, "publishable"),
        ("sk_test_abc123\n", Level.FAIL, "white space"),
        ("abc123", Level.WARN, "begins with none of"),
        ("sk_abc123", Level.WARN, "begins with none of"),
    ],
)
def test_a_key_is_judged_by_how_it_begins_and_never_shown(
    key: str, level: Level, says: str
) -> None:
    finding = key_finding(key, "https://api.stripe.com/")

    assert finding.level is level
    assert says in finding.says
    assert "abc123" not in finding.says + finding.fix


def test_a_key_that_does_not_go_to_stripe_is_warned_of() -> None:
    finding = key_finding("sk_test_x", "http://sandbox:12111")

    assert finding.level is Level.WARN
    assert "http://sandbox:12111" in finding.says


def test_a_slip_in_a_name_is_found_and_other_programs_names_are_not() -> None:
    known = ["SOURCES_CONCURRENCY", "SOURCES_REDIS_URL", "STRIPE_API_KEY"]
    given = [
        "SOURCES_CONCURENCY",
        "stripe_apikey",
        "sources_redis_url",
        "SOURCES_STORE_PORT_6379_TCP",  # what Kubernetes sets beside a service
        "STRIPE_WEBHOOK_SECRET",
        "REDIS_URL",
    ]

    found = name_findings(given, known)

    assert [one.says.split()[0] for one in found] == given[:2]
    assert "SOURCES_CONCURRENCY" in found[0].fix
    assert {one.level for one in found} == {Level.WARN}


# --- the ledger


def test_a_healthy_ledger_is_fine_and_its_counts_are_told() -> None:
    found = ledger_findings(HEALTHY, STALE_MS)

    assert set(levels(found).values()) == {Level.OK}
    told = " ".join(one.says for one in found)
    assert "2 alive" in told
    assert "sources.bulk: 3" in told
    assert "5 to be looked at" in told


@pytest.mark.parametrize(
    ("changes", "check", "level", "says"),
    [
        ({"workers": 0}, "workers", Level.FAIL, "no job runs"),
        ({"pulse_ms": 0}, "upkeep", Level.FAIL, "never"),
        ({"pulse_ms": HERE - 5000}, "upkeep", Level.FAIL, "5 s ago"),
        ({"mark_ms": HERE + 3_600_000}, "clock", Level.FAIL, "set back 3600 s"),
        ({"here_ms": HERE + 2500}, "clock", Level.WARN, "2.5 s ahead of"),
        ({"here_ms": HERE - 2500}, "clock", Level.WARN, "2.5 s behind"),
        ({"late": 2}, "jobs", Level.WARN, "2 of them"),
        ({"review": 4}, "review", Level.WARN, "4 jobs need review"),
        ({"poison": 1}, "poison", Level.WARN, "1 records"),
        ({"astray": 2}, "queue", Level.WARN, "2 messages were sent with a priority"),
    ],
)
def test_what_is_wrong_with_a_ledger_is_told_with_its_fix(
    changes: dict[str, Any], check: str, level: Level, says: str
) -> None:
    finding = judged(**changes)[check]

    assert finding.level is level
    assert says in finding.says
    assert finding.fix


@pytest.mark.parametrize("skew", [-1900, 0, 1900])
def test_clocks_that_nearly_agree_are_fine(skew: int) -> None:
    assert judged(here_ms=HERE + skew)["clock"].level is Level.OK


def test_upkeep_is_late_only_past_its_limit() -> None:
    assert judged(pulse_ms=HERE - STALE_MS)["upkeep"].level is Level.OK
    assert judged(pulse_ms=HERE - STALE_MS - 1)["upkeep"].level is Level.FAIL
