"""Guesses at a bank account's amounts: made, and counted on both sides."""

from __future__ import annotations

from typing import Any

from customer_sources import Job
from customer_sources.contract.names import target_name
from tests.integration.conftest import World
from tests.integration.doubts import code

RIGHT, WRONG, OTHER, THIRD = [32, 45], [1, 2], [3, 4], [5, 6]
MISSED = "bank_account_verification_failed"


def verify(world: World, account: str, amounts: list[int], **said: Any) -> Job:
    source = world.client.customer.source
    return source.verify(customer="cus_1", id=account, amounts=amounts, **said)


async def guessed(
    world: World, account: str, amounts: list[int], **said: Any
) -> tuple[str, dict[str, int]]:
    """Let somebody guess. Returns the code, and what the event counts."""
    job = await world.run_until_ended(verify(world, account, amounts, **said))
    event = world.events()[-1]
    assert event.correlationid == job.id
    return code(world, job), event.data["attempts"]


def counted(world: World, account: str) -> dict[str, str]:
    """What the store counts of an account, as it is there."""
    target = target_name("default", "cus_1", account)
    kept = world.db.hgetall(world.keys.attempts(target))
    return {str(name): str(value) for name, value in kept.items()}


def used(world: World, account: str) -> int:
    """How many guesses count as used: those that missed, and those in doubt."""
    kept = counted(world, account)
    return int(kept.get("used", 0)) + sum(name.startswith("held:") for name in kept)


def misses(world: World) -> int:
    """How many attempts were used up at Stripe."""
    effects = world.sandbox.effects()
    return sum("attempt_failed" in effect.change for effect in effects)


def lose_what_was_counted(world: World, account: str, job: Job) -> None:
    """Come back as a store that has lost that a guess of this job has left."""
    target = target_name("default", "cus_1", account)
    world.db.delete(world.keys.attempts(target))
    lost = "sent", "first_sent", "last_sent", "tried_since", "guesses"
    world.db.hdel(world.keys.job(job.id), *lost)
    world.db.hset(world.keys.meta, "server", "f" * 40)
