"""The account of a chaos run: each of its rules can be broken, and says so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from bench import chaos, chaos_report
from bench.chaos_account import Speed, add_up, speed
from bench.chaos_plan import Act
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
    values = {"way": "sdk", "job_id": f"job_{name}", "accepted": True, **more}
    return msgspec.convert({"name": name, "operation": operation, **values}, Asked)


def end(name: str, state: str = "succeeded", **more: str) -> Told:
    values = {"job_id": f"job_{name}", "name": name, "state": state, **more}
    return msgspec.convert({"id": f"{values['job_id']}:terminal", **values}, Told)


def made(name: str, change: str = "source.created", **more: str) -> Effect:
    values = {"object": f"card_{name}", "name": name, "marker": f"job_{name}", **more}
    return msgspec.convert({"change": change, **values}, Effect)


def recovery(seconds: float | None, *, outage: bool = False) -> Recovery:
    return Recovery(job_id="job_a", at=1.0, seconds=seconds, outage=outage)


WEATHER = Weather(acts={}, requests=10, struck=2, faults={"latency": 2})
FINE = Witnesses(
    asked=[
        asked("a"),
        asked("b", fails="card_declined", way="inbox"),
        asked("c", way="celery", accepted=False),
        asked("d", "delete", source_id="card_x"),
        asked("e", "verify", source_id="ba_x", fails="wrong"),
        asked("f", "list"),
    ],
    seen=[],
    kept=[
        end("a"),
        end("b", "failed", code="card_declined"),
        end("d"),
        end("e", "failed", code="wrong"),
        end("f"),
    ],
    effects=[
        made("a"),
        Effect(change="source.deleted", object="card_x"),
        Effect(change="source.verification_attempt_failed", object="ba_x"),
        Effect(change="customer.created", object="cus_1"),
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


BROKEN: dict[str, tuple[str, Change]] = {
    "a job without an end": ("lost: a", told_less("a")),
    "a job told twice": ("told twice: job_a:terminal", told_more(end("a"))),
    "two ends of one job": (
        "contradiction: job_a was told as failed and succeeded",
        told_more(end("a", "failed")),
    ),
    "two jobs of one order": (
        "told twice: a became the jobs job_a and job_z",
        told_more(end("a", job_id="job_z")),
    ),
    "the end of a job that nobody asked for": (
        "a stranger: job_z",
        told_more(end("z")),
    ),
    "a reader that heard something twice": (
        "told twice: a reader saw job_a:terminal",
        having(seen=[*FINE.seen, end("a")]),
    ),
    "a reader that missed something": (
        "not heard: a reader along missed job_a",
        having(seen=FINE.seen[1:]),
    ),
    "a good command that was refused": (
        "refused: inbox:1-0:rejected",
        told_more(Told(id="inbox:1-0:rejected", state="rejected")),
    ),
    "two effects of one order": ("done twice: a (job_a)", done_more(made("a"))),
    "two deletes of one order": (
        "done twice: d",
        done_more(Effect(change="source.deleted", object="card_x")),
    ),
    "two guesses of one order": ("done twice: e", done_more(FINE.effects[2])),
    "an effect without an order": ("a stranger: an effect on z", done_more(made("z"))),
    "an effect of what was never accepted": (
        "untrue: c was never accepted",
        done_more(made("c")),
    ),
    "an effect under another job's mark": (
        "card_g is marked as of job_z",
        lambda it: done_more(made("g", marker="job_z"))(
            asked_more(asked("g"), end("g"))(it)
        ),
    ),
    "a success without an effect": (
        "untrue: a succeeded, and Stripe did nothing",
        having(effects=FINE.effects[1:]),
    ),
    "a success that Stripe refuses": (
        "untrue: g succeeded, and Stripe refuses it",
        asked_more(asked("g", "get", fails="resource_missing"), end("g")),
    ),
    "a failure that had no reason": (
        "untrue: g failed (http_500)",
        asked_more(asked("g"), end("g", "failed", code="http_500")),
    ),
    "a failure that Stripe did all the same": (
        "untrue: b ended as failed, and Stripe did it",
        done_more(made("b")),
    ),
    "a cancellation that nobody asked for": (
        "untrue: g was cancelled",
        asked_more(asked("g"), end("g", "cancelled")),
    ),
    "a producer that never got through": (
        "never accepted: g, sent by sdk",
        asked_more(asked("g", accepted=False)),
    ),
    "a slow recovery": ("slow: p99", having(recoveries=[recovery(15.0)])),
    "no recovery at all": ("not recovered: job_a", having(recoveries=[recovery(None)])),
    "a worker that ended by itself": (
        "deserted: worker-000",
        having(
            weather=msgspec.structs.replace(WEATHER, deserters=["deserted: worker-000"])
        ),
    ),
}


def test_witnesses_who_agree_make_a_clean_account() -> None:
    account = add_up(FINE)

    assert account.broken == []
    assert account.accepted == {"inbox": 1, "sdk": 4}
    assert account.never_accepted == {"celery": 1}
    assert account.states == {"failed": 2, "succeeded": 3}
    assert (account.ended, account.lost, account.double_effects) == (5, 0, 0)
    assert account.recovery == Speed(1, 8.0, 8.0, 8.0)
    assert account.recovery_with_outage == Speed(1, 40.0, 40.0, 40.0)


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_promise_is_named_and_is_exit_status_1(
    case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    line, change = BROKEN[case]
    witnesses = change(FINE)

    assert [one for one in add_up(witnesses).broken if one.startswith(line)]
    given = chaos._parser().parse_args([])
    assert chaos.conclude(FINE, given) == 0
    assert chaos.conclude(witnesses, given) == 1
    assert line in capsys.readouterr().out


def test_what_a_killed_store_forgot_and_told_again_is_counted_apart() -> None:
    weather = msgspec.structs.replace(WEATHER, acts={Act.STORE_KILL.value: 1})
    account = add_up(having(seen=[*FINE.seen, end("a")], weather=weather)(FINE))

    assert account.broken == []
    assert (account.retold_events, account.repeated_events) == (1, 0)


def test_one_job_in_a_hundred_may_take_longer() -> None:
    usual = [recovery(8.0)] * 99

    assert add_up(having(recoveries=[*usual, recovery(20.0)])(FINE)).broken == []
    slower = [*usual, recovery(20.0), recovery(20.0)]
    assert len(add_up(having(recoveries=slower)(FINE)).broken) == 1


def test_a_speed_is_by_nearest_rank() -> None:
    assert speed([]) is None
    assert speed([recovery(float(n)) for n in range(1, 201)]) == Speed(
        200, 100.0, 198.0, 200.0
    )


def test_a_report_goes_between_the_marks_of_a_page(tmp_path: Path) -> None:
    page, account = tmp_path / "page.md", add_up(told_less("a")(FINE))
    section = chaos_report.markdown(account, WEATHER, "the command")
    page.write_text(f"above\n{chaos_report.BEGIN}\nstale\n{chaos_report.END}\nbelow\n")
    chaos_report.write_section(page, section)

    text = page.read_text()
    assert text.startswith("above\n")
    assert text.endswith("below\n")
    assert "stale" not in text
    assert "**The promise was broken, 1 times:**" in text
    assert "lost: a (job_a)" in text
    assert "| &emsp;sdk | 4 |" in text
    chaos_report.write_section(page, section)
    assert page.read_text() == text


def test_a_report_names_every_option_that_made_its_run_another_one(
    tmp_path: Path,
) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"{chaos_report.BEGIN}{chaos_report.END}")
    words = ["--seed", "9", "--rate", "40", "--haste", "--markdown", str(page)]
    chaos.conclude(FINE, chaos._parser().parse_args(words))

    played = "python -m bench.chaos --seed 9 --minutes 10 --rate 40 --haste"
    assert f"`{played}`" in page.read_text()


def test_a_page_without_marks_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("mine")

    with pytest.raises(ValueError, match="no place for a report"):
        chaos_report.write_section(page, "section")
    assert page.read_text() == "mine"
