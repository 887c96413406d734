"""Witnesses of a chaos run who agree, and ways to have them disagree."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from bench.chaos_witnesses import (
    Asked,
    Effect,
    Recovery,
    Told,
    Weather,
    Witnesses,
)

Change = Callable[[Witnesses], Witnesses]


def asked(name: str, operation: str = "create", **more: object) -> Asked:
    usual = {"way": "sdk", "job_id": f"job_{name}", "accepted": True}
    values = {"account": "default", **usual, **more}
    return msgspec.convert({"name": name, "operation": operation, **values}, Asked)


def end(name: str, state: str = "succeeded", **more: str) -> Told:
    usual = {"job_id": f"job_{name}", "name": name, "state": state}
    values = {"account": "default", **usual, **more}
    return msgspec.convert({"id": f"{values['job_id']}:terminal", **values}, Told)


def made(name: str, change: str = "source.created", **more: str) -> Effect:
    usual = {"object": f"card_{name}", "name": name, "marker": f"job_{name}"}
    values = {"account": "default", **usual, **more}
    return msgspec.convert({"change": change, **values}, Effect)


def recovery(seconds: float | None, *, outage: bool = False) -> Recovery:
    return Recovery(job_id="job_a", at=1.0, seconds=seconds, outage=outage)


def deleted(source: str, account: str = "default") -> Effect:
    return Effect(account=account, change="source.deleted", object=source)


WEATHER = Weather(acts={}, requests=10, struck=2, faults={"latency": 2})
FINE = Witnesses(
    asked=[
        asked("a"),
        asked("b", fails="card_declined", way="inbox"),
        asked("c", way="celery", accepted=False),
        asked("d", "delete", source_id="card_x", account="second"),
        asked("e", "verify", source_id="ba_x", fails="wrong"),
        asked("f", "list"),
    ],
    seen=[],
    kept=[
        end("a"),
        end("b", "failed", code="card_declined"),
        end("d", account="second"),
        end("e", "failed", code="wrong"),
        end("f"),
    ],
    effects=[
        made("a"),
        deleted("card_x", "second"),
        made("", "source.verification_attempt_failed", object="ba_x"),
        made("", "customer.created", object="cus_1"),
    ],
    recoveries=[recovery(8.0), recovery(40.0, outage=True)],
    weather=WEATHER,
)
FINE = msgspec.structs.replace(FINE, seen=FINE.kept)


def told_more(*events: Told) -> Change:
    def change(it: Witnesses) -> Witnesses:
        both = {"seen": [*it.seen, *events], "kept": [*it.kept, *events]}
        return msgspec.structs.replace(it, **both)

    return change


def told_less(name: str) -> Change:
    def change(it: Witnesses) -> Witnesses:
        left = [told for told in it.kept if told.name != name]
        return msgspec.structs.replace(it, seen=left, kept=left)

    return change


def done_more(*effects: Effect) -> Change:
    return lambda it: msgspec.structs.replace(it, effects=[*it.effects, *effects])


def having(**values: object) -> Change:
    return lambda it: msgspec.structs.replace(it, **values)


def asked_more(one: Asked, *events: Told) -> Change:
    def change(it: Witnesses) -> Witnesses:
        return having(asked=[*it.asked, one])(told_more(*events)(it))

    return change
