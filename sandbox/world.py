"""Everything there is between two resets, and the way of a request through it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import msgspec

from sandbox import (
    customers,
    listing,
    sources,
    src,
    tokens,
    trouble,
    updates,
    verification,
)
from sandbox.auth import account_of
from sandbox.clock import Clock
from sandbox.errors import ApiError, FailedError, RefusedError
from sandbox.execution import Execution, Options
from sandbox.faults import Fault, FaultRule, Faults
from sandbox.forms import Form, decode
from sandbox.idempotency import Keys
from sandbox.journal import Change, Effect, Journal
from sandbox.limiter import Limiter
from sandbox.limits import Reason
from sandbox.locks import Locks
from sandbox.routes import Call, Operation, route
from sandbox.seeding import plant
from sandbox.state import Account, Ids
from sandbox.visit import Visit
from sandbox.wire import Answer, Flow, Request

OPERATIONS: Mapping[Operation, Callable[[Execution], Any]] = {
    Operation.LIST: listing.list_sources,
    Operation.CREATE: sources.create,
    Operation.GET: sources.get,
    Operation.UPDATE: updates.update,
    Operation.DELETE: sources.delete,
    Operation.VERIFY: verification.verify,
    Operation.CREATE_CUSTOMER: customers.create,
    Operation.GET_CUSTOMER: customers.get,
    Operation.DELETE_CUSTOMER: customers.delete,
    Operation.CREATE_TOKEN: tokens.create,
    Operation.GET_TOKEN: tokens.get,
    Operation.CREATE_SOURCE: src.create,
    Operation.GET_SOURCE: src.get,
}

TURNED_AWAY: Mapping[Fault, Callable[[FaultRule], RefusedError]] = {
    Fault.UNAUTHORIZED: lambda _: trouble.expired_api_key(),
    Fault.RATE_LIMITED: lambda rule: trouble.rate_limited(
        rule.reason or Reason.GLOBAL_RATE
    ),
    Fault.ERROR_500_UNSAVED: lambda rule: trouble.unsaved_500(rule.advice),
    Fault.ERROR_503_UNSAVED: lambda rule: trouble.unavailable(rule.advice),
}
"""Faults that end a request before anybody asks whether it was answered before."""

GARBAGE = b"<html><body>Something is in the way of your answer.</body></html>"


class World:
    """The state of a sandbox, and what is done with a request."""

    def __init__(self, options: Options, clock: Callable[[], float]) -> None:
        self.clock = Clock(clock)
        self.journal = Journal()
        self.faults = Faults(options.seed)
        self.limiter = Limiter(options.limits)
        self._options = options
        self._locks = Locks(active=options.lock_timeout)
        self._ids = Ids(options.seed)
        self._accounts: dict[str, Account] = {}
        self._keys: dict[str, Keys] = {}

    def seed(self, wanted: Mapping[str, Sequence[str]], account: str) -> None:
        """Put customers and sources of given ids there; see `seeding.plant`."""
        where = self._accounts.setdefault(account, Account(account))
        plant(where, wanted, int(self.clock()))

    def bounce(self, customer: str, source: str, account: str) -> None:
        """Let deposits come back; see `verification.bounce`."""
        where = self._accounts.setdefault(account, Account(account))
        verification.bounce(where, customer, source)

    def flow(self, request: Request) -> Flow:
        """Carry out a request step by step; see `Flow`."""
        visit = Visit(request, request_id=self._ids.new("req"), began=self.clock())
        answer: Answer | None
        try:
            answer = yield from self._admit(visit)
        except ApiError as error:
            answer = error.answer()
        answer = answer and self._spoil(visit, answer)
        requests = self.journal.requests
        requests.append(visit.noted(len(requests) + 1, self.clock(), answer))
        return answer and visit.signed(answer)

    def _admit(self, visit: Visit) -> Flow:
        """Find out who asks for what, and hold the limits."""
        request = visit.request
        visit.account = account_of(request.headers)
        visit.call = route(request.method, request.path)
        with self.limiter.admitted(visit.account, visit.operation, self.clock()):
            if self._strike(Fault.DROP_BEFORE_COMMIT, visit):
                return None
            for fault, refusal in TURNED_AWAY.items():
                if rule := self._strike(fault, visit):
                    raise refusal(rule)
            body = (
                "" if request.method == "GET" else request.body.decode(errors="replace")
            )
            form = decode(request.query, body)
            if not visit.key:
                return (yield from self._execute(visit, visit.call, form))
            return (yield from self._execute_once(visit, visit.call, form))

    def _execute_once(self, visit: Visit, call: Call, form: Form) -> Flow:
        """Execute a request unless one was executed under its key before."""
        keys = self._keys.setdefault(visit.account, Keys())
        entry = keys.claim(
            visit.key,
            path=visit.request.path,
            form=form,
            request_id=visit.request_id,
            now=self.clock(),
        )
        visit.original = entry.request_id
        if entry.answer:
            visit.replayed = True
            return entry.answer
        try:
            entry.answer = yield from self._execute(visit, call, form)
        finally:
            # Reached also where a step fails or the flow is abandoned: a key must
            # never stay in progress with nobody at work on it.
            keys.release(visit.key, entry)
        return entry.answer

    def _execute(self, visit: Visit, call: Call, form: Form) -> Flow:
        """Execute a request; what is returned rather than raised is saved."""
        if self._strike(Fault.LOCK_TIMEOUT, visit):
            raise trouble.lock_timeout()
        with self._locks.held(visit.account, call):
            if latency := self._strike(Fault.LATENCY, visit):
                yield latency.seconds
            answer = self._result(visit, call, form)
        if rule := self._strike(Fault.ERROR_500_SAVED, visit):
            answer = trouble.saved_500(rule.advice).answer()
        return answer

    def _result(self, visit: Visit, call: Call, form: Form) -> Answer:
        account = self._accounts.setdefault(visit.account, Account(visit.account))
        execution = Execution(
            call=call,
            form=form,
            account=account,
            options=self._options,
            ids=self._ids,
            now=int(self.clock()),
            record=partial(self._record, visit),
        )
        try:
            result = OPERATIONS[call.operation](execution)
        except FailedError as error:
            return error.answer()
        return Answer(status=200, body=msgspec.json.encode(result))

    def _spoil(self, visit: Visit, answer: Answer) -> Answer | None:
        """Let go wrong what can on the way back."""
        if self._strike(Fault.DROP_AFTER_COMMIT, visit):
            return None
        if self._strike(Fault.GARBAGE, visit):
            answer = Answer(status=200, body=GARBAGE)
        if slow := self._strike(Fault.SLOW_BODY, visit):
            answer = replace(answer, body_delay=slow.seconds)
        return answer

    def _strike(self, fault: Fault, visit: Visit) -> FaultRule | None:
        rule = self.faults.strike(fault, visit.call) if visit.call else None
        if rule:
            visit.faults.append(fault)
        return rule

    def _record(
        self,
        visit: Visit,
        change: Change,
        object_id: str,
        *,
        customer: str = "",
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        effects = self.journal.effects
        effect = Effect(
            seq=len(effects) + 1,
            time=self.clock(),
            change=change,
            operation=visit.operation,
            account=visit.account,
            customer=customer or visit.customer,
            object=object_id,
            idempotency_key=visit.key,
            metadata=dict(metadata or {}),
            request_id=visit.request_id,
        )
        effects.append(effect)
