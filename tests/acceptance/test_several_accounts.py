"""Several accounts in one worker: each with its key, its trouble and its customers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from customer_sources import CustomerSources, Job, JobFailed, State
from sandbox.remote import RemoteSandbox
from tests.acceptance.conftest import StartWorker
from tests.builders import wait_until

Accounts = Callable[..., Path]


@pytest.fixture
def accounts(tmp_path: Path) -> Accounts:
    """Write a file of accounts; each acts for a connected account of its name."""
    path = tmp_path / "accounts.toml"

    def write(**keys: str) -> Path:
        tables = [
            f'[[account]]\nname = "{name}"\nkey = "{key}"\n'
            f'stripe_account = "acct_{name}"'
            for name, key in keys.items()
        ]
        fresh = path.with_suffix(".new")
        fresh.write_text("\n\n".join(tables))
        fresh.replace(path)
        return path

    return write


def create(client: CustomerSources, account: str, **options: Any) -> Job:
    customer = f"cus_{account}"
    return client.customer.source.create(
        customer=customer, source="tok_visa", account=account, **options
    )


def told(client: CustomerSources, what: str) -> list[Any]:
    events = client.events(after="0", timeout=0)
    return [event.data for event in events if event.type.endswith(what)]


def test_a_refused_key_stops_its_account_alone_until_it_is_changed(
    client: CustomerSources,
    sandbox: RemoteSandbox,
    start_worker: StartWorker,
    accounts: Accounts,
) -> None:
    sandbox.set_faults([{"fault": "unauthorized", "customer": "cus_acme"}])
    start_worker(accounts_file=str(accounts(acme="sk_test_a", beta="sk_test_b")))

    stopped = [create(client, "acme") for _ in range(3)]
    assert create(client, "beta").result(timeout=20)["customer"] == "cus_beta"

    def suspended() -> list[Any]:
        return told(client, "source_account.suspended")

    (event,) = wait_until(suspended, "the suspension to be told")
    assert (event["account"], event["operation"]) == ("acme", "create")
    assert event["refused"] == "401 api_key_expired"
    assert "sk_test_a" not in str(event)
    assert create(client, "beta").result(timeout=20)["customer"] == "cus_beta"
    assert not any(job.refresh().state.is_terminal for job in stopped)

    sandbox.clear_faults()
    accounts(acme="sk_test_a2", beta="sk_test_b")

    for job in stopped:
        assert job.result(timeout=30)["customer"] == "cus_acme"
    assert len(told(client, "source_account.suspended")) == 1
    assert len(told(client, "source_account.resumed")) == 1
    refused = [r for r in sandbox.requests() if r.status == 401]
    assert len(refused) == 1, "the others of its lane were not spent on it"
    made = [e for e in sandbox.effects() if e.change == "source.created"]
    assert len(made) == len(stopped) + 2


def test_an_account_that_no_worker_knows_waits_for_its_key(
    client: CustomerSources, start_worker: StartWorker, accounts: Accounts
) -> None:
    start_worker(accounts_file=str(accounts(beta="sk_test_b")))

    early = create(client, "gamma")
    (event,) = wait_until(
        lambda: told(client, "source_account.suspended"), "the suspension to be told"
    )
    assert (event["account"], event["refused"]) == ("gamma", "account_unknown")
    accounts(beta="sk_test_b", gamma="sk_test_c")

    assert early.result(timeout=30)["customer"] == "cus_gamma"


def test_a_command_for_the_other_mode_is_refused_before_anything_is_sent(
    client: CustomerSources,
    sandbox: RemoteSandbox,
    start_worker: StartWorker,
    accounts: Accounts,
) -> None:
    start_worker(accounts_file=str(accounts(acme="sk_test_a")))

    with pytest.raises(JobFailed, match="livemode") as caught:
        create(client, "acme", livemode=True).result(timeout=20)

    assert caught.value.code == "livemode_mismatch"
    assert "acme has a test key" in str(caught.value)
    assert sandbox.requests() == []
    assert create(client, "acme", livemode=False).result(timeout=20)
    (event,) = told(client, "source_job.failed")
    assert event["account"] == "acme"
    assert event["state"] == State.FAILED
