"""What benchmarks of rates and lanes make of what they saw: each verdict can fail."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from subprocess import Popen

import pytest

from bench import jobs_report, lanes, rates
from bench.door import door_to
from bench.jobs_report import Measure
from bench.lanes_run import plan
from bench.lanes_sums import compare, lost, overlaps
from bench.rates_outage import Seen, sums
from bench.rates_stage import RATE, alive, write_accounts
from bench.rates_sums import Span, back_at, p50, p99, refused, spread, took, use
from config.accounts import read_accounts
from sandbox.journal import Change, Effect, RequestRecord

OUTAGE = Span(100.0, 400.0)


def sent(began: float, ended: float | None = None, **more: object) -> RequestRecord:
    values = {
        "method": "POST",
        "customer": "cus_1",
        "idempotency_key": "key",
        "status": 200,
        "faults": [],
        **more,
    }
    return RequestRecord(
        seq=1,
        began=began,
        time=began if ended is None else ended,
        path="/v1/customers/cus_1/sources",
        operation="create",
        account="acct_1",
        replayed=False,
        request_id="req_1",
        **values,
    )


def made(name: str, customer: str = "cus_1", change: str = "source.created") -> Effect:
    return Effect(
        seq=1,
        time=1.0,
        change=Change(change),
        operation="create",
        account="acct_1",
        customer=customer,
        object="card_1",
        idempotency_key="key",
        metadata={"name": name},
        request_id="req_1",
    )


def test_use_counts_what_arrived_within_the_span_and_was_not_refused() -> None:
    records = [sent(9.9), sent(10), sent(10.5, status=429), sent(19.9), sent(20)]
    used = use(records, Span(10, 20), 0.4)
    assert (used.sent, used.percent) == (2, 50.0)
    assert str(used) == "2 requests of 4"
    assert refused(records) == 1


def test_a_rate_is_back_where_it_holds_for_a_while() -> None:
    slow = [sent(float(second)) for second in range(20)]
    assert back_at(slow, 0, rate=2) is None
    fast = [sent(20 + n / 2) for n in range(20)]
    assert back_at([*slow, *fast], 5.0, rate=2) == 15.0


def test_a_job_takes_from_its_submission_to_its_event() -> None:
    assert took({"a": 1.0}, {"a": 1.5, "b": 9.0}) == [500.0]
    with pytest.raises(RuntimeError, match="1 jobs have no event"):
        took({"a": 1.0, "b": 1.0}, {"a": 1.5})


def test_percentiles_are_of_the_samples() -> None:
    samples = [float(n) for n in range(1, 102)]
    assert (p50(samples), p99(samples)) == (51.0, 100.0)


def test_moments_are_spread_evenly_and_by_chance() -> None:
    moments = list(spread(10, 20.0, random.Random(1)))  # noqa: S311  dice
    assert [int(at // 2) for at in moments] == list(range(10))
    assert len({at % 2 for at in moments}) == 10


def outage(**changes: object) -> list[Measure]:
    after = [sent(400 + n / RATE) for n in range(300)]
    seen = Seen(OUTAGE, 290, 600.0, {"com.x.customer.source.created": 500}, 500, after)
    return list(sums(seen._replace(**changes)))


def test_an_outage_that_cost_nothing_meets_every_target() -> None:
    assert [measure.met for measure in outage()] == [True, True, True]
    assert "reached again: 0 s after it" in outage()[0].ours


@pytest.mark.parametrize(
    ("changes", "missed"),
    [
        ({"ends": {"com.x.customer.source.created": 499}}, 0),
        ({"ends": {"com.x.customer.source.created": 499, "com.x.failed": 1}}, 0),
        ({"records": [sent(400 + n / 26) for n in range(300)]}, 1),
        ({"in_vain": 900}, 2),
    ],
    ids=["one is lost", "one failed", "a stampede", "a storm"],
)
def test_an_outage_misses_the_target_that_it_should(
    changes: dict[str, object], missed: int
) -> None:
    measures = outage(**changes)
    assert [n for n, measure in enumerate(measures) if not measure.met] == [missed]


@pytest.mark.parametrize(
    "done",
    [["b", "a"], ["a"], ["a", "b", "b"], ["a", "b", "c"], []],
    ids=["out of order", "missing", "twice", "a stranger", "nothing"],
)
def test_effects_that_are_not_those_of_the_jobs_in_order_are_wrong(
    done: list[str],
) -> None:
    fine = made("z", "cus_2")
    order = compare({"cus_1": ["a", "b"], "cus_2": ["z"]}, [*map(made, done), fine])
    assert order.wrong == ["cus_1"]
    assert (order.customers, order.effects) == (2, len(done) + 1)


def test_effects_of_the_jobs_in_order_are_right() -> None:
    customer = made("", change="customer.created")
    done = [customer, made("a"), made("z", "cus_2"), made("b")]
    assert not compare({"cus_1": ["a", "b"], "cus_2": ["z"]}, done).wrong


@pytest.mark.parametrize(
    ("done", "wrong"),
    [("abcz", False), ("zabc", False), ("bacz", True), ("abc", True), ("abczz", True)],
)
def test_a_scheduled_job_has_a_place_of_its_own_and_one_effect(
    done: str, *, wrong: bool
) -> None:
    order = compare({"cus_1": list("abzc")}, [made(name) for name in done], {"z"})
    assert bool(order.wrong) is wrong


def test_an_effect_for_somebody_who_was_to_have_none_is_wrong() -> None:
    assert compare({}, [made("a")]).wrong == ["cus_1"]


def test_requests_one_after_another_or_of_two_customers_are_not_at_once() -> None:
    other = sent(0.5, 1.5, customer="cus_2")
    found = overlaps([sent(1, 2, idempotency_key="b"), other, sent(0, 1)], 1.0)
    assert (found.repeats, found.others) == (0, [])


@pytest.mark.parametrize(
    ("later", "repeats"),
    [
        (sent(1.2, 3), 1),
        (sent(1.2, 3, method="GET", idempotency_key=""), 1),
        (sent(1.2, 1.3, idempotency_key="other"), 0),
        (sent(0.2, 1.9), 0),
    ],
    ids=["a repeat", "a look", "another job", "a repeat too early"],
)
def test_at_once_is_only_who_gave_up_on_the_first(
    later: RequestRecord, repeats: int
) -> None:
    found = overlaps([sent(0, 2), later], timeout=1.0)
    assert (found.repeats, len(found.others)) == (repeats, 1 - repeats)


def test_an_overlap_is_found_behind_a_request_that_came_between() -> None:
    records = [sent(0, 10), sent(1, 2), sent(3, 4, idempotency_key="b")]
    assert len(overlaps(records, timeout=1.0).others) == 1


def test_faults_are_counted() -> None:
    assert lost([sent(1, faults=["x", "y"]), sent(2, faults=["x"])]) == {"x": 2, "y": 1}


def test_a_plan_says_which_effects_its_commands_have() -> None:
    later = datetime(2030, 1, 1, tzinfo=UTC)
    drawn = plan(200, 10, random.Random(1), later)  # noqa: S311  dice
    expected = [
        (one["customer"], one["metadata"]["name"])
        for one in drawn.commands
        if one["source"] == "tok_visa"
    ]
    told = [(c, name) for c, names in drawn.effects.items() for name in names]
    assert sorted(told) == sorted(expected)
    assert len(expected) < 200
    assert {one["priority"] for one in drawn.commands} == {"interactive", "bulk"}
    assert {one.get("not_before") for one in drawn.commands} == {None, later}
    assert compare(drawn.effects, [made(name, c) for c, name in expected]).wrong == []


def test_the_accounts_of_the_crowd_are_worlds_of_their_own(tmp_path: Path) -> None:
    accounts = read_accounts(write_accounts(tmp_path, ["bench01", "bench02"]))
    assert [a.stripe_account for a in accounts.values()] == [
        "acct_bench01",
        "acct_bench02",
    ]


def test_a_worker_that_ended_ends_the_measuring() -> None:
    with Popen(["true"]) as ended:  # noqa: S607  wherever it is
        ended.wait()
    with pytest.raises(RuntimeError, match="a worker ended"):
        alive([ended])


@pytest.mark.parametrize("bench", [rates.BENCH, lanes.BENCH])
def test_a_section_goes_between_the_marks_of_its_bench(
    bench: rates.figures.Bench, tmp_path: Path
) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{bench.marks.begin}\nold\n{bench.marks.end}\nafter\n")
    jobs_report.write_section(page, "new", bench.marks)
    assert page.read_text() == (
        f"before\n{bench.marks.begin}\n\nnew\n\n{bench.marks.end}\nafter\n"
    )
    assert bench.marks.begin in Path("docs/performance.md").read_text()


@contextmanager
def an_api() -> Iterator[str]:
    """Answer whatever is sent with the same."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection = listener.accept()[0]
                except OSError:
                    return
                with connection:
                    connection.sendall(connection.recv(100))

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def ask(url: str) -> bytes:
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        try:
            connection.sendall(b"hello")
            return connection.recv(100)
        except ConnectionError:  # cut: how that looks depends on what was under way
            return b""


def test_a_door_is_open_refuses_or_cuts_and_keeps_its_address() -> None:
    with an_api() as api, door_to(api) as door:
        url = door.url
        assert ask(url) == b"hello"
        door.shut("refused")
        with pytest.raises(ConnectionRefusedError):
            ask(url)
        door.shut("cut")
        assert ask(url) == b""
        door.open()
        assert ask(url) == b"hello"
