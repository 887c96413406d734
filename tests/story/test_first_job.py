"""What this project does, told once from end to end. Read this one first.

A service submits a command and goes on with its life. A worker, somewhere else,
carries it out. Whoever cares is told, exactly once.
"""

from __future__ import annotations

import pytest

from customer_sources import CustomerSources, JobFailed, State
from sandbox.remote import RemoteSandbox
from tests.acceptance.conftest import StartWorker, sandbox, start_worker

__all__ = ["sandbox", "start_worker"]  # fixtures, borrowed


def test_a_service_adds_a_card_and_billing_hears_of_it(
    client: CustomerSources, sandbox: RemoteSandbox, start_worker: StartWorker
) -> None:
    start_worker()

    # The service says what it wants, in the words of Stripe's own SDK.
    job = client.customer.source.create(
        customer="cus_ada", source="tok_visa", idempotency_key="signup-ada"
    )

    # It may wait, but does not have to.
    card = job.result(timeout=20)
    assert card["brand"] == "Visa"

    # It may stumble and ask again: it is the same job.
    again = client.customer.source.create(
        customer="cus_ada", source="tok_visa", idempotency_key="signup-ada"
    )
    assert (again.id, again.state) == (job.id, State.SUCCEEDED)

    # Another service is told once.
    (event,) = client.events(group="billing", timeout=0)
    assert event.type == "dev.customersources.customer.source.created"
    assert event.data["source"] == card

    # And Stripe has done it once.
    created = [e for e in sandbox.effects() if e.change == "source.created"]
    assert [effect.object for effect in created] == [card["id"]]


def test_what_stripe_refuses_is_told_in_stripes_words(
    client: CustomerSources, start_worker: StartWorker
) -> None:
    start_worker()
    job = client.customer.source.create(
        customer="cus_bob", source="tok_chargeDeclinedExpiredCard"
    )

    with pytest.raises(JobFailed) as refused:
        job.result(timeout=20)
    assert refused.value.code == "expired_card"
    assert job.state is State.FAILED
