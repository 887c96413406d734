"""The ledger's promise under any interleaving of everything that can happen to it.

Takes some 15 s. LEDGER_MACHINE_EXAMPLES=5000 looks for longer. What it finds it tells
as the calls that led there; LEDGER_MACHINE_SHRINK=1 looks for the fewest, for minutes.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, Phase
from hypothesis import settings as bounds
from hypothesis.errors import FlakyStrategyDefinition
from hypothesis.stateful import run_state_machine_as_test

from config.settings import Settings
from sandbox.store import Store
from tests.integration.ledger_machine.rules import LedgerMachine
from tests.integration.ledger_machine.world import Bench

EXAMPLES = int(os.environ.get("LEDGER_MACHINE_EXAMPLES", "80"))
SHRINK = "LEDGER_MACHINE_SHRINK" in os.environ
STEPS = 50
BEGINNINGS = 5
UNBOUNDED = SHRINK or "LEDGER_MACHINE_EXAMPLES" in os.environ


@pytest.mark.timeout(0 if UNBOUNDED else 120)
def test_the_promise_holds_whatever_happens_in_whatever_order(
    store: Store, settings: Settings, request: pytest.FixtureRequest
) -> None:
    bench = Bench(store.url, settings)
    request.addfinalizer(bench.close)

    class Machine(LedgerMachine):
        pass

    Machine.bench = bench
    bounded = bounds(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        deadline=None,
        derandomize=not (UNBOUNDED or "EXPLORE" in os.environ),
        database=None,
        report_multiple_bugs=False,
        phases=[Phase.generate, Phase.shrink] if SHRINK else [Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    for beginning in range(BEGINNINGS):
        try:
            run_state_machine_as_test(Machine, settings=bounded)
        except FlakyStrategyDefinition:
            # The store's clock goes on while steps are drawn, so that one can be drawn
            # that could not be before. That says nothing of the ledger: begin anew.
            assert beginning < BEGINNINGS - 1
        else:
            return
