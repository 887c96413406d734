"""Answers that are not Stripe's: one job waits or comes to review, nothing breaks."""

from __future__ import annotations

import json

import pytest
from structlog.testing import capture_logs

from config.accounts import accounts_of
from config.settings import Settings
from customer_sources import CustomerSources, State
from tests.integration.conftest import NoWait
from tests.integration.wire_server import Peer, answer, wire_server
from worker.clock import lease_clock
from worker.engine import Engine
from worker.leases import Leases
from worker.ledger import Ledger
from worker.rates import Rates
from worker.sending import Sender
from worker.stripe_api import StripeApi


def nested(depth: int) -> bytes:
    return b'{"a":' * depth + b"1" + b"}" * depth


def card(**changed: object) -> bytes:
    good = {"id": "card_1", "object": "card", "customer": "cus_1", "last4": "4242"}
    return json.dumps({**good, **changed}).encode()


def refusal(**error: object) -> bytes:
    return json.dumps({"error": error}).encode()


BODIES: dict[str, tuple[bytes, bytes]] = {
    "a word": (b"200 OK", b"OK"),
    "a list": (b"200 OK", b"[]"),
    "a number": (b"200 OK", b"1e999"),
    "null": (b"200 OK", b"null"),
    "nothing": (b"200 OK", b""),
    "no text": (b"200 OK", b'{"id": "\xff\xfe"}'),
    "half a surrogate": (b"200 OK", b'{"id": "\\ud800"}'),
    "nested beyond reading": (b"200 OK", nested(100_000)),
    "nested beyond writing": (b"200 OK", nested(900)),
    "a card nested within": (b"200 OK", card(metadata=json.loads(nested(900)))),
    "an empty object": (b"200 OK", b"{}"),
    "an id that is a number": (b"200 OK", card(id=7)),
    "an id that is an object": (b"200 OK", card(id={"id": 1})),
    "a kind that is a list": (b"200 OK", card(object=["card"])),
    "a customer that is a number": (b"200 OK", card(customer=7.5)),
    "metadata that is a list": (b"200 OK", card(metadata=[1, None])),
    "an error that is a word": (b"402 Payment Required", b'{"error": "no"}'),
    "an error that is a list": (b"400 Bad Request", b'{"error": []}'),
    "no error": (b"402 Payment Required", b"{}"),
    "a code that is a number": (b"400 Bad Request", refusal(code=7, message=[])),
    "a code that is long": (b"402 Payment Required", refusal(code="x" * 500_000)),
    "a refusal that is a page": (b"403 Forbidden", b"<html>blocked</html>"),
    "a status that does not exist": (b"799 What", card()),
    "a redirect": (b"302 Found", b"{}"),
}


@pytest.mark.parametrize("name", BODIES)
async def test_an_answer_of_any_shape_breaks_nothing(
    name: str,
    client: CustomerSources,
    ledger: Ledger,
    rates: Rates,
    settings: Settings,
) -> None:
    status, body = BODIES[name]

    async def says_it_always(peer: Peer) -> None:
        while True:
            await peer.hear()
            await peer.say(answer(body, status=status))

    leases = Leases(settings.lease_seconds, lease_clock)
    async with wire_server(says_it_always) as server:
        api = StripeApi(api_base=server.base, key="sk_test_x")
        sender = Sender(ledger, rates, api, {**accounts_of(settings)}.get)
        engine = Engine(
            ledger, sender, leases, settings, clock=lease_clock, rng=NoWait()
        )
        job = client.customer.source.create(customer="cus_1", source="tok_visa")
        with capture_logs() as lines:
            await engine.run_all([job.id])
        await api.aclose()

    told = {line["event"] for line in lines if line["log_level"] != "info"}
    assert told == set()
    assert job.refresh().state is not State.RUNNING
    assert len(list(client.events(after="0", timeout=0))) == job.state.is_terminal
