"""A stand-in for tests of your own service: no store, no worker, no network, no waits.

>>> from customer_sources.testing import InMemorySources
>>> sources = InMemorySources()
>>> sources.fail("create", "card_declined", once=True)
>>> job = sources.customer.source.create(customer="cus_1", source="tok_visa")
>>> job.result()
Traceback (most recent call last):
customer_sources.contract.errors.JobFailed: ...

It is a `CustomerSources` with the same validation, ids, idempotency, events and errors;
the parts that decide these are the real client's own. What Stripe would say is what the
test says, or a plausible object where it says nothing. Objects are not remembered: for
a Stripe that knows what was created, run the sandbox.
"""

from customer_sources.testing.clients import AsyncInMemorySources, InMemorySources

__all__ = ["AsyncInMemorySources", "InMemorySources"]
