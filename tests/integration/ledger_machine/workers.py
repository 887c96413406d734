"""What workers do with jobs, step by step."""

from __future__ import annotations

from dataclasses import replace
from enum import IntEnum

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from customer_sources import State
from customer_sources.contract.states import TERMINAL
from tests.integration.ledger_machine import expected, permits
from tests.integration.ledger_machine.machine import PICK, WORKER, Machine
from tests.integration.ledger_machine.runs import Commit, Defer, Job, Run
from tests.integration.ledger_machine.stripe import Answer, Request
from worker.replies import Claimed, Refused, Word

ANSWERS = st.sampled_from([*[Answer.OK] * 5, *Answer])


class Fate(IntEnum):
    """How far a run gets at once. The steps that are left can be made one by one."""

    HELD = 0
    OUT = 1
    EXECUTED = 2
    READ = 3
    RECORDED = 4


WAYS = st.sampled_from(["arrives", "arrives", "vanishes", "unreachable"])
NOTHING_DONE = st.sampled_from([State.FAILED, State.CANCELLED])
HEAR = st.sampled_from(["once", "once", "twice", "never"])
LOST = st.sampled_from([*[False] * 5, True])
FATES = st.sampled_from([*Fate, Fate.EXECUTED, Fate.RECORDED])
Claim = tuple[int, int, bool, Fate, Answer]
CLAIMS = st.tuples(WORKER, PICK, st.booleans(), FATES, ANSWERS)


class Workers(Machine):
    """Claim, send, read or miss the answer, write down; and do all that twice."""

    @rule(claims=st.lists(CLAIMS, min_size=1, max_size=4), lost=LOST)
    def claim(self, claims: list[Claim], *, lost: bool) -> None:
        """Claim jobs, and get some way with them; then the store may know nothing."""
        self.claim_all(claims)
        if lost:
            self.go_back(0)

    def pass_time(self, ms: int) -> None:
        """Let time pass. Requests do not stay under way for ever."""
        self.stripe.arrive_until(self.world.now + ms)
        self.world.pass_time(ms)

    def claim_all(self, claims: list[Claim]) -> None:
        """Let workers claim jobs, one after another."""
        for worker, pick, alone, fate, answer in claims:
            job = self.claimable(pick)
            self.try_claim(worker, job, alone=alone, fate=fate, answer=answer)
            self.look()

    @rule(worker=WORKER, hear=HEAR, fate=FATES, answer=ANSWERS)
    def ring(self, worker: int, hear: str, fate: Fate, answer: Answer) -> None:
        """Deliver a message from the queue; twice, perhaps; or lose it."""
        for job_id in self.world.next_message(again=hear == "twice"):
            if job_id in self.book.jobs and hear != "never":
                job = self.book.jobs[job_id]
                self.try_claim(worker, job, alone=True, fate=fate, answer=answer)
                self.look()

    def try_claim(
        self, worker: int, job: Job, *, alone: bool, fate: Fate, answer: Answer
    ) -> None:
        token = f"token-{self.world.number()}"
        wanted = expected.claim(
            self.before,
            self.book,
            job,
            self.world.now,
            alone=alone,
            shaken=job.id in self.shaken,
        )
        ledger = self.world.ledger(worker)
        got = self.world.call(lambda: ledger.claim(job.id, token, alone=alone))
        said = "CLAIMED" if isinstance(got, Claimed) else got.value
        assert said in wanted, (
            f"{job.id} answered {said}, not {wanted}; it was "
            f"{self.before.record(job.id)} of {self.before.account()}"
        )
        if isinstance(got, Refused):
            return
        before = self.before.record(job.id)
        if got.leave is Word.GO:
            may_go = permits.may_go_now(self.before, before, self.world.now)
            assert may_go, f"{job.id} went before others"
        if "unknown" in got.record and "unknown" not in before:
            assert job.id in self.shaken, f"{job.id} is in doubt without a reason"
            expected.doubt_begins(got, self.world.now)
        self.shaken.discard(job.id)
        expected.horizon(before, got, self.world.now)
        if job.effect == "keyed":
            assert got.record.get("key", job.id) == job.subject, "under another key"
        run = Run.of(job, token, self.world.boots[worker], got, self.world.now)
        self.runs.append(run)
        if fate >= Fate.OUT and run.may_send:
            self.leave(run, answer, arrives=True)
        if fate >= Fate.EXECUTED and run.out:
            self.stripe.arrive(run.out, self.world.now)
        if fate >= Fate.READ and run.out:
            run.read(self.world.now)
        if fate >= Fate.RECORDED and run.decision:
            self.write_down(run)

    @precondition(lambda self: self.runs)
    @rule(pick=PICK, lies=st.booleans(), state=NOTHING_DONE)
    def claim_again(self, pick: int, *, lies: bool, state: State) -> None:
        """Repeat a claim whose answer was lost; and try to end what is unknown."""
        run = self.run(pick)
        if lies and expected.is_mine(self.before, run):
            with pytest.raises(RuntimeError, match="unknown"):
                self.world.record(run, Commit(state, unknown=True))
            assert self.unchanged(), "an unproven end changed something"
        elif expected.is_running(self.before, run):
            ledger = self.world.ledger(0)
            got = self.world.call(lambda: ledger.claim(run.job.id, run.token))
            assert isinstance(got, Claimed)
            assert got.leave is None
            assert self.unchanged(), "a repeated claim changed something"

    @precondition(lambda self: any(run.may_send for run in self.runs))
    @rule(pick=PICK, answer=ANSWERS, way=WAYS)
    def send_request(self, pick: int, answer: Answer, way: str) -> None:
        """Use the ledger's leave; or find that nobody can be connected to."""
        able = [run for run in self.runs if run.may_send]
        run = able[pick % len(able)]
        if way == "unreachable":
            run.give_up()
        else:
            self.leave(run, answer, arrives=way == "arrives")

    def leave(self, run: Run, answer: Answer, *, arrives: bool) -> None:
        """Let a request's bytes leave, if the run's own clock lets them."""
        if run.is_late(self.world.now):
            self.stop(run)
            return
        job = run.job
        run.leave = None
        run.out = Request(
            job.id, job.effect, job.subject, answer, self.world.now, arrives
        )
        self.stripe.requests.append(run.out)

    @precondition(lambda self: any(one.in_flight for one in self.stripe.requests))
    @rule(pick=PICK)
    def arrive(self, pick: int) -> None:
        flying = [one for one in self.stripe.requests if one.in_flight]
        self.stripe.arrive(flying[pick % len(flying)], self.world.now)

    @precondition(lambda self: any(run.out for run in self.runs))
    @rule(pick=PICK, read=st.booleans())
    def answer(self, pick: int, *, read: bool) -> None:
        """Read the answer; or wait for it in vain."""
        out = [run for run in self.runs if run.out]
        run = out[pick % len(out)]
        if read and run.out and run.out.answer:
            run.read(self.world.now)
        else:
            run.lose(self.world.now)

    @precondition(lambda self: self.runs)
    @rule(pick=PICK)
    def ask_to_send(self, pick: int) -> None:
        """Ask for one more request, after one without an answer or with a bad one."""
        run = self.run(pick)
        if run.out or run.leave or isinstance(run.decision, Commit):
            return
        valid = expected.is_running(self.before, run)
        ledger = self.world.ledger(0)
        word, wait_ms, *_ = self.world.call(
            lambda: ledger.send(run.job.id, run.token, unknown=run.unknown)
        )
        assert (word is not Word.SUPERSEDED) == valid
        if not valid:
            assert self.unchanged(), "a stale send changed something"
            self.stop(run)
            return
        run.decision = None
        if word is Word.GO:
            self.pass_time(wait_ms)
        run.hear(word, self.world.now)
        record = self.world.look().record(run.job.id)
        if word is Word.GO:
            assert record.get("sent") == "1"
            assert record.get("unknown") == "1" or not run.unknown

    @precondition(lambda self: any(one.unknown for one in self.runs))
    @rule(pick=PICK)
    def look_at_stripe(self, pick: int) -> None:
        """Where nothing can arrive any more, reading tells what became of it."""
        doubted = [run for run in self.runs if run.unknown]
        run = doubted[pick % len(doubted)]
        if run.out is None and not run.quiet_for(self.world.now):
            run.look(done=self.stripe.effects[run.job.subject] > 0, now=self.world.now)

    @precondition(lambda self: any(run.decision for run in self.runs))
    @rule(pick=PICK, twice=st.booleans())
    def record(self, pick: int, *, twice: bool) -> None:
        decided = [run for run in self.runs if run.decision]
        run = decided[pick % len(decided)]
        self.write_down(run)
        if twice:
            self.repeat(run)

    def write_down(self, run: Run) -> None:
        """Commit or defer, as the run has decided."""
        assert run.decision is not None
        mine = expected.is_mine(self.world.look(), run)
        if mine and not run.decision.unknown:
            self.proved.add(run.job.id)
        written = self.world.record(run, run.decision)
        assert (written is not None) == mine, f"{run} was answered {written}"
        self.stop(run)

    @precondition(lambda self: self.past)
    @rule(pick=PICK)
    def record_again(self, pick: int) -> None:
        self.repeat(self.past[-1 - pick % len(self.past)])

    def repeat(self, run: Run) -> None:
        """Write the same down again, because the answer was lost; or much too late."""
        if run.decision is None:
            return
        before = self.world.look()
        if expected.is_mine(before, run):  # the store has lost it: then it is new
            self.runs.append(run)
            self.write_down(run)
            return
        written = self.world.record(run, run.decision)
        assert (written is not None) == expected.is_written(before, run)
        assert self.world.look().lasting() == before.lasting(), f"{run} wrote again"

    @precondition(lambda self: self.past)
    @rule(
        pick=PICK,
        nonsense=st.booleans(),
        state=st.sampled_from(sorted(TERMINAL)),
        unknown=st.booleans(),
        ends=st.booleans(),
    )
    def write_with_a_stale_token(
        self, pick: int, *, nonsense: bool, state: State, unknown: bool, ends: bool
    ) -> None:
        run = self.past[-1 - pick % len(self.past)]
        token = "nonsense" if nonsense else run.token
        stale = replace(run, token=token)
        if expected.is_mine(self.before, stale) or (
            expected.is_written(self.before, stale, ends=ends)
        ):
            return
        decision = Commit(state, unknown=unknown) if ends else Defer(unknown, 0)
        ledger = self.world.ledger(0)
        beats = [(run.job.id, token)]
        lost = self.world.call(lambda: ledger.heartbeat(beats))
        sent = self.world.call(lambda: ledger.send(run.job.id, token, unknown=unknown))
        assert lost == [token]
        assert sent.word is Word.SUPERSEDED
        assert self.world.record(stale, decision) is None
        assert expected.without_workers(self.world.look()) == (
            expected.without_workers(self.before)
        ), "a stale token changed something"
