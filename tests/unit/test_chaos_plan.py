"""The plan and the orders of a chaos run: functions of the seed, and rough enough."""

from __future__ import annotations

from collections import Counter

import pytest

from bench import chaos, chaos_plan
from bench.chaos_orders import NAME, Way, orders, sources_needed
from bench.chaos_plan import Act, draw
from customer_sources.calls import prepare_many
from customer_sources.contract.names import Keys
from customer_sources.submission import Submission
from sandbox.faults import Fault

SEEDS = range(20)
AWAY = {Act.STORE_KILL, Act.STORE_TERM, Act.STORE_HANG}


def test_a_seed_replays_the_plan_and_another_does_not() -> None:
    assert draw(7, 10, 3) == draw(7, 10, 3)
    assert draw(7, 10, 3) != draw(8, 10, 3)
    assert orders(7, 500, 40) == orders(7, 500, 40)
    assert orders(7, 500, 40) != orders(8, 500, 40)


@pytest.mark.parametrize("seed", SEEDS)
def test_ten_minutes_are_rough_enough(seed: int) -> None:
    acts = Counter(action.act for action in draw(seed, 10, 3))

    assert acts[Act.KILL] >= 50
    assert acts[Act.STORE_KILL] + acts[Act.STORE_TERM] >= 10
    assert all(acts[act] for act in Act)
    assert acts[Act.STOP] == acts[Act.CONT]
    assert acts[Act.STORE_BACK] == sum(acts[act] for act in AWAY)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("minutes", [0.2, 1, 10])
def test_a_plan_keeps_to_its_time_and_leaves_nothing_undone(
    seed: int, minutes: float
) -> None:
    away = stopped = 0
    for action in (plan := draw(seed, minutes, 3)):
        assert 0 <= action.at <= minutes * 60
        away += (action.act in AWAY) - (action.act is Act.STORE_BACK)
        stopped += (action.act is Act.STOP) - (action.act is Act.CONT)
        assert away in {0, 1}, "the store goes while it is away"
    assert (away, stopped) == (0, 0)
    acts = Counter(action.act for action in plan)
    assert acts[Act.KILL] >= 3
    assert acts[Act.STORE_KILL] + acts[Act.STORE_TERM] >= 1


def test_about_one_request_in_five_goes_wrong_and_every_fault_has_its_turn() -> None:
    phases = [
        action.rules
        for seed in SEEDS
        for action in draw(seed, 10, 3)
        if action.act is Act.FAULTS
    ]
    shares = [sum(rule.probability for rule in rules) for rules in phases]

    assert 0.17 < sum(shares) / len(shares) < 0.23
    assert not all(shares), "no phase is calm"
    struck = {rule.fault for rules in phases for rule in rules}
    assert struck == set(Fault) - {Fault.UNAUTHORIZED}


def test_orders_are_all_good_commands_with_names_of_their_own() -> None:
    drawn = orders(1, 2000, 100)

    assert len({order.name for order in drawn}) == len(drawn) == 2000
    assert {order.way for order in drawn} == set(Way)
    assert all(order.command["reference"] == order.name for order in drawn)
    prepared = prepare_many(Keys(), [order.command for order in drawn])
    assert [one for one in prepared if not isinstance(one, Submission)] == []


def test_every_effect_will_name_its_order_or_concern_a_source_of_its_own() -> None:
    drawn = orders(1, 2000, 100)
    named = [order.source_id for order in drawn if order.source_id]

    assert len(set(named)) == len(named)
    for order in drawn:
        if order.operation in {"create", "update"}:
            assert order.command["metadata"] == {NAME: order.name}
    needed = {one for ids in sources_needed(drawn).values() for one in ids}
    missing = {o.source_id for o in drawn if o.fails == "resource_missing"}
    assert needed == set(named) - missing
    assert missing


def test_a_plan_can_be_read_without_being_played(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert chaos.main(["--seed", "7", "--minutes", "1", "--plan"]) == 0

    told = capsys.readouterr().out
    assert told == chaos_plan.told(draw(7, 1, 3)) + "\n"
    assert "kill -9 a worker" in told
