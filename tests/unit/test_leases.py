"""A lease is believed for less time than the store gives it, and never after a loss."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from worker.leases import Lease, LeaseLost, Leases


class Clock:
    """Time that moves when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Heart:
    """A store that answers with what is lost, after a while on the same clock."""

    def __init__(self, clock: Clock, lost: tuple[str, ...] = ()) -> None:
        self.clock = clock
        self.lost = lost
        self.takes = 0.0
        self.asked: list[list[tuple[str, str]]] = []

    async def heartbeat(self, runs: list[tuple[str, str]]) -> list[str]:
        self.asked.append(runs)
        self.clock.now += self.takes
        return list(self.lost)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def leases(clock: Clock) -> Leases:
    return Leases(8.0, clock)


def holds(lease: Lease) -> bool:
    """Whether bytes may leave under this lease now."""
    try:
        lease.check()
    except LeaseLost:
        return False
    return True


def test_a_lease_counts_from_before_the_call_that_took_it(
    leases: Leases, clock: Clock
) -> None:
    asked_at = clock.now
    clock.now += 3  # the claim was slow
    with leases.held("job_1", "t1", asked_at) as lease:
        clock.now = asked_at + 7.999
        assert holds(lease)
        clock.now = asked_at + 8
        assert not holds(lease)


def test_a_refused_send_names_the_job(leases: Leases, clock: Clock) -> None:
    with (
        leases.held("job_1", "t1", clock.now - 8) as lease,
        pytest.raises(LeaseLost, match="job_1"),
    ):
        lease.check()


async def test_a_heartbeat_renews_from_before_it_left(
    leases: Leases, clock: Clock
) -> None:
    heart = Heart(clock)
    heart.takes = 2.0
    with leases.held("job_1", "t1", clock.now) as lease:
        clock.now += 5
        left_at = clock.now
        assert await leases.beat(heart) == []
        assert lease.until == left_at + 8


async def test_a_heartbeat_carries_every_run_that_is_held(
    leases: Leases, clock: Clock
) -> None:
    heart = Heart(clock)
    with (
        leases.held("job_1", "t1", clock.now),
        leases.held("job_2", "t2", clock.now),
    ):
        await leases.beat(heart)

    assert heart.asked == [[("job_1", "t1"), ("job_2", "t2")]]


async def test_a_worker_that_holds_nothing_still_says_that_it_lives(
    leases: Leases, clock: Clock
) -> None:
    heart = Heart(clock)

    assert await leases.beat(heart) == []
    assert heart.asked == [[]]


async def test_what_the_store_calls_lost_is_lost_at_once_and_for_good(
    leases: Leases, clock: Clock
) -> None:
    with (
        leases.held("job_1", "t1", clock.now) as lost,
        leases.held("job_2", "t2", clock.now) as kept,
    ):
        assert await leases.beat(Heart(clock, lost=("t1",))) == ["job_1"]
        assert (holds(lost), holds(kept)) == (False, True)

        await leases.beat(Heart(clock))
        assert (holds(lost), holds(kept)) == (False, True)


async def test_two_runs_of_one_job_are_told_apart_by_their_tokens(
    leases: Leases, clock: Clock
) -> None:
    with (
        leases.held("job_1", "old", clock.now) as old,
        leases.held("job_1", "new", clock.now) as new,
    ):
        await leases.beat(Heart(clock, lost=("old",)))

        assert (holds(old), holds(new)) == (False, True)


async def test_a_heartbeat_that_got_no_answer_renews_nothing(
    leases: Leases, clock: Clock
) -> None:
    class Gone(Heart):
        async def heartbeat(self, runs: list[tuple[str, str]]) -> list[str]:
            raise ConnectionError

    with leases.held("job_1", "t1", clock.now) as lease:
        until = lease.until
        with pytest.raises(ConnectionError):
            await leases.beat(Gone(clock))
        assert lease.until == until
        assert holds(lease)


async def test_a_lease_taken_during_a_heartbeat_is_not_renewed_by_it(
    leases: Leases, clock: Clock
) -> None:
    taken: list[Lease] = []

    class Slow(Heart):
        async def heartbeat(self, runs: list[tuple[str, str]]) -> list[str]:
            clock.now += 1
            taken.append(stack.enter_context(leases.held("job_2", "t2", clock.now)))
            clock.now += 1
            return []

    with ExitStack() as stack:
        await leases.beat(Slow(clock))

    assert taken[0].until == clock.now - 1 + 8


def test_a_lease_is_let_go_however_its_run_ends(leases: Leases, clock: Clock) -> None:
    def run() -> None:
        with leases.held("job_1", "t1", clock.now):
            assert len(leases) == 1
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run()
    assert len(leases) == 0
