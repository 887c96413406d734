"""The plan and the orders of a chaos run: functions of the seed, and rough enough."""

from __future__ import annotations

from collections import Counter
from math import prod
from pathlib import Path

import pytest

from bench import chaos, chaos_plan
from bench.chaos_accounts import ACCOUNTS, named, settings_for
from bench.chaos_orders import NAME, Way, orders, sources_needed
from bench.chaos_plan import Act, draw
from config.accounts import accounts_of
from config.settings import Settings
from customer_sources.calls import prepare_many
from customer_sources.contract.names import Keys
from customer_sources.submission import Submission
from sandbox import auth
from sandbox.faults import Fault
from worker.cli.children import SANDBOX_KEY

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


@pytest.mark.parametrize("seed", SEEDS)
def test_of_ten_minutes_requests_more_than_one_in_five_go_wrong(seed: int) -> None:
    phases = [action for action in draw(seed, 10, 3) if action.act is Act.FAULTS]
    ends = [*(action.at for action in phases[1:]), 600.0]
    shares = [
        1 - prod(1 - rule.probability for rule in phase.rules) for phase in phases
    ]
    struck = sum(
        share * (end - phase.at)
        for share, phase, end in zip(shares, phases, ends, strict=True)
    )

    assert 0.21 < struck / 600 < 0.28
    assert not all(shares), "no phase is calm"


def test_every_fault_has_its_turn() -> None:
    struck = {
        rule.fault
        for seed in SEEDS
        for action in draw(seed, 10, 3)
        for rule in action.rules
    }
    assert struck == set(Fault) - {Fault.UNAUTHORIZED}


def test_workers_are_told_of_both_accounts_and_of_rates_that_hold_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRIPE_API_KEY", SANDBOX_KEY)
    for name, value in settings_for(tmp_path).items():
        monkeypatch.setenv(f"SOURCES_{name.upper()}", value)
    accounts = accounts_of(Settings())

    assert tuple(accounts) == ACCOUNTS == ("default", "second")
    for account in accounts.values():
        allowed = account.effective()
        assert (allowed.rate, allowed.each, allowed.in_flight) == (10000, 10000, 1000)
    assert len({account.secret for account in accounts.values()}) == 2
    default, second = accounts.values()
    assert named(default.stripe_account or auth.DEFAULT_ACCOUNT) == "default"
    assert named(second.stripe_account) == "second"
    assert named("acct_strange") == "acct_strange"


def test_orders_are_all_good_commands_with_names_of_their_own() -> None:
    drawn = orders(1, 2000, 100)

    assert len({order.name for order in drawn}) == len(drawn) == 2000
    assert {order.way for order in drawn} == set(Way)
    assert all(order.command["reference"] == order.name for order in drawn)
    prepared = prepare_many(Keys(), [order.command for order in drawn])
    assert [one for one in prepared if not isinstance(one, Submission)] == []


@pytest.mark.parametrize("way", Way)
def test_both_accounts_get_half_with_the_same_customers_and_keys(way: Way) -> None:
    drawn = [order for order in orders(1, 2000, 20) if order.way is way]
    of = {name: [o for o in drawn if o.account == name] for name in ACCOUNTS}
    customers = [{o.command["customer"] for o in mine} for mine in of.values()]
    keys = [[o.key for o in mine] for mine in of.values()]

    assert {len(mine) for mine in of.values()} == {len(drawn) // 2}
    assert customers[0] == customers[1]
    assert keys[0] == keys[1]
    assert len(set(keys[0])) == len(keys[0])


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
