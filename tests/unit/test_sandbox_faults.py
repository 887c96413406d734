from collections import Counter

import msgspec
import pytest

from sandbox.faults import Fault, FaultRule, Faults
from sandbox.routes import Call, Operation

CREATE = Call(Operation.CREATE, "cus_1")


def faults(*rules: FaultRule, seed: int | None = 1) -> Faults:
    made = Faults(seed)
    made.replace(rules)
    return made


def strikes(made: Faults, fault: Fault, call: Call = CREATE, times: int = 1) -> int:
    return sum(made.strike(fault, call) is not None for _ in range(times))


def test_without_rules_nothing_goes_wrong() -> None:
    assert not any(strikes(faults(), fault) for fault in Fault)


def test_a_rule_strikes_with_its_own_fault_only() -> None:
    made = faults(FaultRule(fault=Fault.LATENCY, seconds=2))
    struck = [fault for fault in Fault if strikes(made, fault)]
    assert struck == [Fault.LATENCY]


@pytest.mark.parametrize(
    ("rule", "call", "expected"),
    [
        ({"operation": Operation.CREATE}, CREATE, 1),
        ({"operation": Operation.DELETE}, CREATE, 0),
        ({"customer": "cus_1"}, CREATE, 1),
        ({"customer": "cus_2"}, CREATE, 0),
        ({"operation": Operation.CREATE, "customer": "cus_2"}, CREATE, 0),
        ({"customer": "cus_1"}, Call(Operation.CREATE_TOKEN), 0),
    ],
)
def test_a_rule_can_be_narrowed(rule: dict, call: Call, expected: int) -> None:
    made = faults(FaultRule(fault=Fault.DROP_AFTER_COMMIT, **rule))
    assert strikes(made, Fault.DROP_AFTER_COMMIT, call) == expected


def test_a_count_is_how_often_a_rule_strikes() -> None:
    made = faults(FaultRule(fault=Fault.DROP_BEFORE_COMMIT, count=2))
    assert strikes(made, Fault.DROP_BEFORE_COMMIT, times=5) == 2
    assert made.rules == []


def test_what_is_left_of_a_count_can_be_read() -> None:
    made = faults(FaultRule(fault=Fault.DROP_BEFORE_COMMIT, count=3))
    strikes(made, Fault.DROP_BEFORE_COMMIT)
    assert [rule.count for rule in made.rules] == [2]


def test_requests_that_a_rule_does_not_concern_use_up_none_of_its_count() -> None:
    made = faults(FaultRule(fault=Fault.DROP_BEFORE_COMMIT, count=1, customer="cus_2"))
    strikes(made, Fault.DROP_BEFORE_COMMIT, times=5)
    assert strikes(made, Fault.DROP_BEFORE_COMMIT, Call(Operation.GET, "cus_2")) == 1


def test_a_probability_is_the_share_of_requests_that_are_struck() -> None:
    made = faults(FaultRule(fault=Fault.DROP_AFTER_COMMIT, probability=0.3))
    assert 250 < strikes(made, Fault.DROP_AFTER_COMMIT, times=1000) < 350


@pytest.mark.parametrize(("probability", "expected"), [(0.0, 0), (1.0, 200)])
def test_probability_zero_never_strikes_and_one_always(
    probability: float, expected: int
) -> None:
    made = faults(FaultRule(fault=Fault.LATENCY, probability=probability))
    assert strikes(made, Fault.LATENCY, times=200) == expected


def test_the_same_seed_throws_the_same_dice() -> None:
    def history(seed: int) -> list[int]:
        made = faults(FaultRule(fault=Fault.LATENCY, probability=0.5), seed=seed)
        return [strikes(made, Fault.LATENCY) for _ in range(50)]

    assert history(1) == history(1)
    assert history(1) != history(2)


def test_a_second_rule_gets_its_chance_where_the_first_does_not_strike() -> None:
    made = faults(
        FaultRule(fault=Fault.LATENCY, seconds=1, count=1),
        FaultRule(fault=Fault.LATENCY, seconds=2),
    )
    struck = [made.strike(Fault.LATENCY, CREATE) for _ in range(3)]
    assert Counter(rule.seconds for rule in struck if rule) == {1: 1, 2: 2}


@pytest.mark.parametrize(
    "rule",
    [
        {"fault": "earthquake"},
        {"fault": "latency", "secnods": 1},
        {"fault": "latency", "seconds": -1},
        {"fault": "latency", "probability": 1.5},
        {"fault": "latency", "count": 0},
        {"fault": "latency", "operation": "cretae"},
        {},
    ],
)
def test_a_rule_with_a_mistake_is_refused(rule: dict) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(rule, FaultRule)
