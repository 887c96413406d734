"""What an engineer types to see what of a file is so at Stripe already."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sandbox.remote import RemoteSandbox
from tests.acceptance.batch_commands import call, create, lines
from tests.acceptance.conftest import SourcesHere
from worker.cli.exits import Exit

FAST = ("--yes", "--check-rate", "200")


@pytest.fixture
def sources(batch_sources: SourcesHere) -> SourcesHere:
    return batch_sources


def file(folder: Path, sandbox: RemoteSandbox) -> None:
    """Ten rows, of which three are so already."""
    sandbox.seed({"cus_1": ["card_1", "card_2"], "cus_gone": []})
    call(sandbox, "DELETE", "/v1/customers/cus_gone")
    call(sandbox, "POST", "/v1/customers/cus_1/sources/card_1", name="Ada")
    card = {"card[number]": "4242424242424242", "card[exp_month]": "12"}
    card |= {"card[exp_year]": "2034", "card[cvc]": "123"}
    used, unused = (call(sandbox, "POST", "/v1/tokens", **card)["id"] for _ in range(2))
    call(sandbox, "POST", "/v1/customers/cus_other/sources", source=used)
    on_1 = {"customer": "cus_1", "id": "card_1"}
    rows = [
        {"operation": "update", **on_1, "name": "Ada"},
        {"operation": "update", **on_1, "name": "Eve"},
        {"operation": "delete", "customer": "cus_1", "id": "card_0"},
        {"operation": "delete", "customer": "cus_gone", "id": "card_9"},
        create("cus_gone"),
        create("cus_new", used),
        create("cus_other", used, reference="again"),
        create("cus_1", unused),
        {"operation": "delete", "customer": "cus_1", "id": "card_2"},
        {"operation": "list", "customer": "cus_1"},
    ]
    text = "".join(json.dumps(row) + "\n\n" for row in rows)
    (folder / "rows.jsonl").write_text(text)


def test_what_is_so_already_is_told_after_what_it_costs(
    sources: SourcesHere, sandbox: RemoteSandbox, tmp_path: Path
) -> None:
    file(tmp_path, sandbox)
    before = len(sandbox.requests())

    unasked = sources("plan", "rows.jsonl", "-o", "plan", "--check")
    assert unasked.returncode == Exit.USAGE
    assert "to look at all 9 rows that change something: " in unasked.stderr
    cost = "13 reads of the account default (5 for sources, 4 for customers' lists"
    assert cost in unasked.stderr
    assert "4 at most for tokens); at 5 a second: 0:00:03" in unasked.stderr
    assert "the plan is made, in plan" in unasked.stderr
    assert len(sandbox.requests()) == before

    sandbox.set_faults([{"fault": "rate_limited", "operation": "get", "count": 1}])
    plan = ("plan", "--force", "rows.jsonl", "-o", "plan")
    done = sources(*plan, "--check", *FAST)
    assert done.returncode == Exit.OK, done.stderr
    assert "looked at 9 rows that change something" in done.stdout
    assert "already so                              3  33.33 %" in done.stdout
    assert "Stripe had reads slowed down to 100 a second" in done.stderr
    assert "the plan has all its rows still" in done.stderr
    sent = sandbox.requests()[before:]
    assert {one.method for one in sent} == {"GET"}
    assert len(sent) == 12 + 1  # cus_gone's token is not read, one read is repeated
    checked = lines(tmp_path / "plan" / "checked.jsonl")
    assert [one["line"] for one in checked] == list(range(1, 18, 2))
    assert [(one["row"], one["standing"]) for one in checked] == [
        (1, "already_so"),
        (2, "not_yet_so"),
        (3, "already_so"),
        (4, "customer_missing"),
        (5, "customer_missing"),
        (6, "source_missing"),
        (7, "already_so"),
        (8, "not_yet_so"),
        (9, "not_yet_so"),
    ]

    words = (*plan, "--check", "4", *FAST, "--json")
    first, again = (json.loads(sources(*words).stdout)["checked"] for _ in range(2))
    assert (first["rows"], first["changes"]) == (4, 9)
    assert first == again
    assert sources(*plan).returncode == Exit.OK
    assert not (tmp_path / "plan" / "checked.jsonl").exists()


def test_a_key_that_may_not_read_leaves_the_plan_and_says_so(
    sources: SourcesHere,
    sandbox: RemoteSandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file(tmp_path, sandbox)
    sandbox.set_faults([{"fault": "unauthorized"}])

    refused = sources("plan", "rows.jsonl", "-o", "plan", "--check", *FAST)

    assert refused.returncode == Exit.CONFIG
    assert "Stripe refuses the account's key" in refused.stderr
    assert "the plan is made; 0 of 9 rows were looked at" in refused.stderr
    assert (tmp_path / "plan" / "manifest.json").exists()
    monkeypatch.delenv("STRIPE_API_KEY")
    keyless = sources("plan", "rows.jsonl", "-o", "other", "--check", "2", *FAST)
    assert keyless.returncode == Exit.CONFIG
    assert "no key is set for the account default" in keyless.stderr
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("sample", ["0", "1.5", "101%"])
def test_a_sample_of_nothing_or_of_more_than_all_is_refused_before_planning(
    sources: SourcesHere, tmp_path: Path, sample: str
) -> None:
    (tmp_path / "rows.jsonl").write_text(json.dumps(create("cus_1")))

    done = sources("plan", "rows.jsonl", "-o", "plan", "--check", sample)

    assert done.returncode == Exit.USAGE
    assert "expected 500, 0.01 or 1%" in done.stderr
    assert not (tmp_path / "plan").exists()
