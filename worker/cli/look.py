"""Looking at Stripe for a person: what the worker would find, by the same reads."""

from __future__ import annotations

import asyncio

from config.settings import Settings
from customer_sources import Command
from customer_sources.contract.operations import OPERATIONS, Effect
from customer_sources.review import ReviewItem
from worker import policy, reconcile
from worker.cli.tell import brief
from worker.looking import Case
from worker.outcomes import Fail, Later, Outcome, Reconcile, Review, Succeed
from worker.stripe_api import StripeApi, StripeRequest


def look(settings: Settings, item: ReviewItem, command: Command) -> str:
    """Read Stripe, and say whether it shows that the job's command was done.

    Args:
        settings: with a key. Only GETs are sent.
        item: the job in review.
        command: what it was to do.
    """
    if OPERATIONS[command.operation].effect is Effect.NONE:
        return "nothing to look for: it reads, and changes nothing"
    error = {"code": item.code, "message": item.message}
    case = Case(
        command=command,
        unknown=True,
        doubt=Reconcile(otherwise=Review(item.code, error), unknown=True),
    )
    return _words(item, asyncio.run(_carry_out(settings, case)))


async def _carry_out(settings: Settings, case: Case) -> Outcome:
    """Send the reads that a look asks for, each once: a person can ask again."""
    api = StripeApi(
        api_base=settings.stripe_api_base,
        key=settings.stripe_api_key.get_secret_value(),
        transport=settings.http_transport,
        api_version=settings.stripe_version,
    )
    story = reconcile.look(case)
    try:
        read = next(story)
        while True:
            result = await api.send(StripeRequest(method="GET", path=read.path))
            answer = policy.of_read(read.kind, result)
            if isinstance(answer, Later):
                return answer
            read = story.send(answer)
    except StopIteration as end:
        found: Outcome = end.value
        return found
    finally:
        await api.aclose()


def _words(item: ReviewItem, outcome: Outcome) -> str:
    """Say what was found; `item` is what stood before."""
    match outcome:
        case Succeed(stripe_object):
            return f"done: {brief(stripe_object)}"
        case Fail(_, error) | Review(_, error):
            told = str(error.get("message", "")).removeprefix(item.message)
            return f"not shown to be done: {told.lstrip('; ') or 'nothing tells'}"
        case _:
            return f"Stripe could not be read: {outcome.code}"
