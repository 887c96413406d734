"""Sending a run's requests: leave, permit, the wire, and what the answer says of rates.

Everything that a request has to pass before its bytes leave is here, in order; what its
answer means for the job is decided elsewhere (worker/policy.py).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import structlog
from redis.exceptions import RedisError

from config.accounts import Account
from worker.answers import Answered, TryResult
from worker.attempts import marked
from worker.feedback import Streaks, is_failure, is_refused_key, too_much
from worker.guesses import NO_GUESS, Guess
from worker.leases import LeaseLost
from worker.ledger import Ledger
from worker.rates import Rates
from worker.replies import Leave, Word
from worker.run import Run
from worker.stripe_api import StripeApi, StripeRequest

log = structlog.get_logger("worker")

LONGEST_WAIT = 2.0
"""Seconds for which a run that has begun waits for a permit; then it gives way."""


class Sender:
    """Sends requests of runs, for the account of each. Belongs to one event loop.

    Args:
        ledger: gives leave.
        rates: is told what answers say of them.
        api: where requests go.
        account_of: finds an account by its name; None: there is none here.
        pair_secret: makes the marks of amounts; empty: the account's key does.
    """

    def __init__(
        self,
        ledger: Ledger,
        rates: Rates,
        api: StripeApi,
        account_of: Callable[[str], Account | None],
        pair_secret: str = "",
    ) -> None:
        self._ledger = ledger
        self._rates = rates
        self._api = api
        self._account_of = account_of
        self._pair_secret = pair_secret
        self._acting: dict[str, tuple[Account, StripeApi]] = {}
        self._streaks = Streaks()

    def account(self, run: Run) -> Account | None:
        """Find the account of a run's command. After `read_command` only."""
        return self._account_of(run.account)

    async def ask_for_account(self, run: Run) -> None:
        """Have the jobs of an account wait for which no worker has a key."""
        await self._suspend(run.account, "", "account_unknown", run.operation.name)

    async def send(
        self, run: Run, request: StripeRequest, *, read: str = ""
    ) -> TryResult | Leave:
        """Send a request once, if it may leave.

        Args:
            run: whose.
            request: what.
            read: for a GET that settles a doubt, the operation that it is to Stripe.

        Returns:
            What it came back with; or why it did not leave.

        Raises:
            LeaseLost: the job is somebody else's by now.
        """
        leave = await self._leave(run, read)
        if leave.word is not Word.GO:
            return leave
        run.probes = run.probes or leave.probes
        if leave.wait_ms:
            await asyncio.sleep(leave.wait_ms / 1000)
        account = self.account(run)
        if account is None:  # it was taken away a moment ago
            return Leave(Word.WAIT)
        left_at = time.monotonic()
        api = self._acting_for(account)
        result = await api.send(request, before_bytes=run.lease.check)
        try:
            await self._heed(run, account, result, read, time.monotonic() - left_at)
        except RedisError as error:  # the next answer says it again
            log.warning("ledger_unavailable", job_id=run.job_id, error=str(error))
        return result

    async def _leave(self, run: Run, read: str) -> Leave:
        """Ask for leave; where there is no permit at once, for a moment again.

        Raises:
            LeaseLost: the job is somebody else's by now.
        """
        leave = None if read else run.take_leave()
        guess = NO_GUESS if read else self._marked(run)
        ends_at = time.monotonic() + LONGEST_WAIT
        while leave is None:
            leave = await self._ledger.send(
                run.job_id, run.token, unknown=run.unknown, read=read, guess=guess
            )
            pause = leave.wait_ms / 1000
            if leave.word is Word.WAIT and time.monotonic() + pause <= ends_at:
                await asyncio.sleep(pause)
                leave = None
        if leave.word is Word.SUPERSEDED:
            raise LeaseLost(run.job_id)
        if guess.target and leave.used is not None:
            run.guessing.used = leave.used
            run.guessing.made |= leave.word is Word.GO
        return leave

    def _marked(self, run: Run) -> Guess:
        """Give a run's guess the mark of its pair of amounts."""
        account, guessing = self.account(run), run.guessing
        if guessing.guess.target and account is not None and run.command is not None:
            secret = self._pair_secret or account.secret
            guessing.guess = marked(guessing.guess, run.command, secret)
        return guessing.guess

    def _acting_for(self, account: Account) -> StripeApi:
        known = self._acting.get(account.name)
        if known is None or known[0] != account:
            acting = self._api.acting_for(account.secret, account.stripe_account)
            known = self._acting[account.name] = account, acting
        return known[1]

    async def _heed(
        self, run: Run, account: Account, result: TryResult, read: str, age: float
    ) -> None:
        """Take from an answer what it says of the account, and write that down."""
        name, operation = account.name, read or run.operation.name
        storm = self._streaks.note(name, result)
        run.in_storm = storm is not None
        slow = too_much(result, operation) or storm
        if slow is not None and await self._rates.slow(name, slow, age):
            log.warning(
                "slowed_down",
                account=name,
                operation=slow.operation or "all",
                what=slow.what,
                why=slow.why,
            )
        if is_refused_key(result, read=bool(read)):
            assert isinstance(result, Answered)  # noqa: S101  only an answer refuses
            # The key that was sent, which may not be the account's any more.
            await self._suspend(name, account.key_id, _told(result), operation)
        elif run.probes and is_failure(result) is False:
            run.probes = False
            word = await self._rates.resume(name, "a request was answered again")
            if word == "RESUMED":
                log.info("account_resumed", account=name, word="answered")

    async def _suspend(
        self, account: str, key_id: str, refused: str, operation: str
    ) -> None:
        word = await self._rates.suspend(account, key_id, refused, operation)
        if word == "SUSPENDED":
            log.error("account_suspended", account=account, refused=refused)


def _told(answer: Answered) -> str:
    return f"{answer.status} {answer.code}".strip()
