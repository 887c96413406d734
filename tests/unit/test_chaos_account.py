"""The account of a chaos run: each of its rules can be broken, and says so."""

from __future__ import annotations

import msgspec
import pytest

from bench import chaos
from bench.chaos_account import Part, Speed, add_up, speed
from bench.chaos_plan import Act
from bench.chaos_witnesses import Told
from tests.chaos import (
    FINE,
    WEATHER,
    Change,
    asked,
    asked_more,
    deleted,
    done_more,
    end,
    having,
    made,
    recovery,
    told_less,
    told_more,
)

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
        done_more(deleted("card_x", "second")),
    ),
    "two guesses of one order": ("done twice: e", done_more(FINE.effects[2])),
    "an effect in the wrong world": (
        "wrong account: a is for default, and was done on second",
        having(effects=[made("a", account="second"), *FINE.effects[1:]]),
    ),
    "a delete in the wrong world": (
        "wrong account: d is for second, and was done on default",
        having(effects=[FINE.effects[0], deleted("card_x"), *FINE.effects[2:]]),
    ),
    "an effect in a world that nobody has": (
        "wrong account: a is for default, and was done on acct_z",
        having(effects=[made("a", account="acct_z"), *FINE.effects[1:]]),
    ),
    "one effect in each world": (
        "done twice: a",
        done_more(made("a", account="second")),
    ),
    "an end told of the wrong account": (
        "wrong account: a is for default, and was told of second",
        lambda it: told_more(end("a", account="second"))(told_less("a")(it)),
    ),
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
    assert list(account.parts) == ["default", "second"]
    assert account.parts["default"] == part(accepted=4, ended=4, effects=2)
    assert account.parts["second"] == part(accepted=1, ended=1, effects=1)
    assert account.recovery == Speed(1, 8.0, 8.0, 8.0)
    assert account.recovery_with_outage == Speed(1, 40.0, 40.0, 40.0)


def part(**numbers: int) -> Part:
    none = {"lost": 0, "double_effects": 0, "astray": 0}
    return msgspec.convert({**none, **numbers}, Part)


def test_what_goes_wrong_is_counted_by_the_account_that_it_was_ordered_for() -> None:
    change = told_less("d")(done_more(made("a", account="second"))(FINE))
    parts = add_up(change).parts

    assert parts["default"] == part(
        accepted=4, ended=4, effects=2, double_effects=1, astray=1
    )
    assert parts["second"] == part(accepted=1, ended=0, effects=2, lost=1)


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
