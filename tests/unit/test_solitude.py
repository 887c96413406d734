"""Runs side by side, and the one that has to be alone."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.solitude import Solitude


async def test_many_are_inside_at_once() -> None:
    solitude = Solitude()
    async with solitude.beside_others(), solitude.beside_others():
        pass


async def test_whoever_wants_to_be_alone_waits_and_keeps_new_ones_out() -> None:
    solitude, seen = Solitude(), []
    leave = asyncio.Event()

    async def first() -> None:
        async with solitude.beside_others():
            await leave.wait()
            seen.append("first left")

    async def suspect() -> None:
        async with solitude.alone():
            seen.append("alone")
            await asyncio.sleep(0)

    async def late() -> None:
        async with solitude.beside_others():
            seen.append("late")

    tasks = [asyncio.create_task(first())]
    await asyncio.sleep(0)
    tasks.append(asyncio.create_task(suspect()))
    await asyncio.sleep(0)
    tasks.append(asyncio.create_task(late()))
    await asyncio.sleep(0)
    assert seen == []
    leave.set()
    await asyncio.gather(*tasks)
    assert seen == ["first left", "alone", "late"]


async def test_one_that_breaks_or_gives_up_waiting_leaves_the_door_open() -> None:
    solitude = Solitude()
    with pytest.raises(RuntimeError):
        async with solitude.alone():
            raise RuntimeError
    async with solitude.beside_others():
        waiting = asyncio.create_task(_be_alone(solitude))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        async with asyncio.timeout(1), solitude.beside_others():
            pass


async def _be_alone(solitude: Solitude) -> None:
    async with solitude.alone():
        pass


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3)), max_size=12))
def test_nobody_is_ever_beside_one_that_is_alone(
    visits: list[tuple[bool, int]],
) -> None:
    inside: list[bool] = []

    async def visit(solitude: Solitude, alone: bool, turns: int) -> None:  # noqa: FBT001
        for _ in range(turns):
            await asyncio.sleep(0)
        async with solitude.alone() if alone else solitude.beside_others():
            inside.append(alone)
            for _ in range(turns):
                await asyncio.sleep(0)
                assert not any(inside) or len(inside) == 1
            inside.remove(alone)

    async def all_of_them() -> None:
        solitude = Solitude()
        await asyncio.gather(*(visit(solitude, *one) for one in visits))

    asyncio.run(all_of_them())
    assert inside == []
