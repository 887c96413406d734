"""Looking at Stripe for a person: what the worker would find, by the same reads."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from config.accounts import Account, accounts_of
from config.settings import Settings
from customer_sources import Command
from customer_sources.contract.operations import OPERATIONS, Effect
from customer_sources.review import ReviewItem
from worker import policy, reconcile
from worker.answers import Answered
from worker.cli.tell import brief
from worker.looking import Case, Read
from worker.outcomes import Fail, Later, Outcome, Reconcile, Review, Succeed
from worker.stripe_api import StripeApi, StripeRequest

Carry = Callable[[Read], Awaitable[Answered | Later]]
"""Sends a read, and returns its answer, or that there is none for now."""


def look(settings: Settings, item: ReviewItem, command: Command) -> str:
    """Read Stripe, and say whether it shows that the job's command was done.

    Args:
        settings: with keys. Only GETs are sent.
        item: the job in review.
        command: what it was to do.
    """
    if OPERATIONS[command.operation].effect is Effect.NONE:
        return "nothing to look for: it reads, and changes nothing"
    account = accounts_of(settings).get(command.account)
    if account is None:
        return f"Stripe cannot be read: no key is set for the account {command.account}"
    error = {"code": item.code, "message": item.message}
    case = Case(
        command=command,
        unknown=True,
        doubt=Reconcile(otherwise=Review(item.code, error), unknown=True),
    )
    return words(item.message, asyncio.run(_carry_out(settings, case, account)))


def api_of(settings: Settings, account: Account) -> StripeApi:
    """Make what reads Stripe with an account's key; to be closed."""
    return StripeApi(
        api_base=settings.stripe_api_base,
        key=account.secret,
        transport=settings.http_transport,
        api_version=settings.stripe_version,
    ).acting_for(account.secret, account.stripe_account)


async def follow(case: Case, carry: Carry) -> Outcome:
    """Carry out the reads that a look asks for, as far as they have answers."""
    story = reconcile.look(case)
    try:
        read = next(story)
        while True:
            answer = await carry(read)
            if isinstance(answer, Later):
                return answer
            read = story.send(answer)
    except StopIteration as end:
        found: Outcome = end.value
        return found


async def _carry_out(settings: Settings, case: Case, account: Account) -> Outcome:
    """Send the reads, each once: a person can ask again."""
    api = api_of(settings, account)

    async def carry(read: Read) -> Answered | Later:
        result = await api.send(StripeRequest(method="GET", path=read.path))
        return policy.of_read(read.kind, result)

    try:
        return await follow(case, carry)
    finally:
        await api.aclose()


def words(before: str, outcome: Outcome) -> str:
    """Say what was found; `before` is the message that stood before."""
    match outcome:
        case Succeed(stripe_object):
            return f"done: {brief(stripe_object)}"
        case Fail(_, error) | Review(_, error):
            told = str(error.get("message", "")).removeprefix(before)
            return f"not shown to be done: {told.lstrip('; ') or 'nothing tells'}"
        case _:
            return f"Stripe could not be read: {outcome.code}"
