"""One run of one job: what it knows, what it decided, and the line that tells it."""

from __future__ import annotations

import hashlib
import time
from typing import Any

from config.accounts import Account
from customer_sources.contract.commands import Command, mode_refusal
from customer_sources.contract.operations import OPERATIONS, Effect, Operation
from worker.answers import Answered, MaybeSent, TryResult
from worker.attempts import guess_of, told
from worker.facts import Facts
from worker.guesses import Guessing
from worker.leases import Lease
from worker.looking import Case
from worker.outcomes import Decision, Later, Outcome, Reconcile, Review
from worker.pages import Pages
from worker.replies import Claimed, Leave, Word
from worker.story import Story
from worker.stripe_api import StripeRequest
from worker.unreadable import read_command


class Run:
    """The state of one claim, from `claim` to `commit` or `defer`.

    Args:
        lease: this run's right to send.
        claimed: what the ledger gave.
        quiet_seconds: how long an unanswered request can still arrive.
    """

    def __init__(self, lease: Lease, claimed: Claimed, quiet_seconds: float) -> None:
        record = claimed.record
        self.lease = lease
        self.job_id = lease.job_id
        self.token = lease.token
        self.key = record.get("key") or lease.job_id
        """Stripe's Idempotency-Key; of a replayed job that of the job before it."""
        self.number = int(record.get("runs", 1))
        self.waits = int(record.get("waits", 0))
        self.crashes = int(record.get("crashes", 0))
        self.command: Command | None = None
        self.request: StripeRequest | None = None
        self.pages: Pages | None = None
        self.effect = Effect(record["effect"])
        self.unknown = record.get("unknown") == "1"
        self.cancel_asked = record.get("ask") == "1"
        self._leave: Word | None = claimed.leave
        self.probes = record.get("probe") == "1"
        """Whether it is sent under a key that was refused, to see if it still is."""
        self.was_run = False
        """Whether a try of it was one that counts; being limited does not."""
        self.in_storm = False
        """Whether its last request failed as many of its account did before it."""
        self.is_row = "batch" in record
        """Whether it is a row of a batch, which ends in an outcome."""
        self.is_told = "tell" in record or not (self.is_row or "watch" in record)
        """Whether its end is an event: not a look's, which is told to its watch."""
        self.guessing = Guessing(record)
        self.deadline_ms = int(record.get("deadline", 0))
        self.tries = 0
        self.request_ids: list[str] = []
        self.story = Story()
        self.started = time.monotonic()
        quiet_ms = int(record.get("quiet_until", 0)) - claimed.now_ms
        self._quiet_seconds = quiet_seconds
        self._quiet_ends = self.started + quiet_ms / 1000
        self._stored = claimed.command
        first_sent = int(record.get("first_sent", claimed.now_ms))
        self.first_sent = first_sent
        """The moment (ms, the store's) from which the horizon counts, or its claim."""
        self._doubted_for = (claimed.now_ms - first_sent) / 1000

    def take_leave(self) -> Leave | None:
        """Give the ledger's word that came with the claim: for one request."""
        word, self._leave = self._leave, None
        return None if word is None else Leave(word)

    @property
    def is_over(self) -> bool:
        """Whether nothing may be sent any more, so that no key is needed."""
        return self._leave in {Word.CANCEL, Word.DEADLINE}

    @property
    def is_to_plan(self) -> bool:
        """Whether it is to be found out until when it waits."""
        return self._leave is Word.PLAN

    @property
    def account(self) -> str:
        """The name of the command's account. After `read_command` only."""
        assert self.command is not None  # noqa: S101  a run reads it first
        return self.command.account

    def refused_by(self, account: Account) -> dict[str, str]:
        """Say why an account's key is of the wrong mode; empty: it is not."""
        assert self.command is not None  # noqa: S101  a run reads it first
        return mode_refusal(self.command, is_live=account.mode == "live")

    @property
    def operation(self) -> Operation:
        """The row of the command's operation. After `read_command` only."""
        assert self.command is not None  # noqa: S101  a run reads it first
        return OPERATIONS[self.command.operation]

    def read_command(self) -> bool:
        """Decode the stored command. False: it cannot be read by this version."""
        command = read_command(self._stored)
        if command is None:
            return False
        operation = OPERATIONS[command.operation]
        try:
            self.request = StripeRequest(
                method=operation.method,
                path=command.path,
                body=command.body.encode(),
                idempotency_key=self.key if operation.effect is Effect.KEYED else "",
            )
        except ValueError:
            return False
        self.command = command
        self.guessing.guess = guess_of(command)
        if command.all_pages:
            self.pages = Pages(self.request)
        return True

    @property
    def doubt(self) -> float:
        """Seconds in which no verdict of doubt may be given: 0 where there is none."""
        return self.quiet_for if self.unknown else 0.0

    @property
    def facts(self) -> Facts:
        """What the policy may know. After `read_command` only."""
        assert self.command is not None  # noqa: S101  a run reads it first
        age = self._doubted_for + time.monotonic() - self.started
        return Facts(
            operation=self.operation,
            source_id=self.command.id,
            missing_ok=self.command.missing_ok,
            body_digest=_digest(self.command),
            unknown=self.unknown,
            quiet_for=self.quiet_for,
            doubt_age=age if self.unknown else 0.0,
        )

    def case(self, doubt: Reconcile) -> Case:
        """Put together what a look at Stripe has to know. After `read_command` only."""
        assert self.command is not None  # noqa: S101  a run reads it first
        return Case(
            command=self.command,
            unknown=self.unknown,
            doubt=doubt,
            guesses=self.guessing.counted,
        )

    def attempts(self, outcome: Outcome) -> dict[str, int]:
        """Count the guesses at its account for its event; empty where none is known."""
        guessing = self.guessing
        if guessing.used is None:
            return {}
        return told(guessing.used, outcome, made=guessing.made)

    @property
    def quiet_for(self) -> float:
        """Seconds in which a request of this job can still arrive unanswered."""
        return max(0.0, self._quiet_ends - time.monotonic())

    def note(self, result: TryResult, *, read: bool = False) -> None:
        """Take down what a try, or a read that settles a doubt, came back with."""
        self.tries += 1
        self.story.add(result, read=read)
        if isinstance(result, Answered) and result.request_id:
            self.request_ids.append(result.request_id)
        if isinstance(result, MaybeSent) and not read:
            self._quiet_ends = time.monotonic() + self._quiet_seconds

    def learn(self, decision: Decision) -> None:
        """Take over what a try, or a look at Stripe, proved or left open."""
        if isinstance(decision, Later | Reconcile):
            self.unknown = decision.unknown
        elif not isinstance(decision, Review) or decision.unapplied:
            self.unknown = False  # every other ending is a proof

    def line(self) -> dict[str, Any]:
        """Facts of the canonical log line. No parameters: they may hold tokens."""
        command = self.command
        return {
            "job_id": self.job_id,
            "operation": command.operation if command else "",
            "account": command.account if command else "",
            "customer": command.customer if command else "",
            "run": self.number,
            "tries": self.tries,
            "unknown": self.unknown,
            "stripe_request_ids": self.request_ids,
            "duration_ms": round((time.monotonic() - self.started) * 1000),
        }


def _digest(command: Command) -> str:
    """Return what tells this body from another.

    Not of a verify: two amounts of a few cents would be found by trying them all.
    """
    if command.operation == "verify":
        return ""
    return hashlib.sha256(command.body.encode()).hexdigest()[:16]
