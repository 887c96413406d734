"""A stateful fake of Stripe's customer-source endpoints, faithful to the wire.

It shares no code with the rest of the project, so that it cannot agree with it by
accident. `sandbox.core` is the fake itself: plain data in, plain data out; the way of a
request through it is in `sandbox.world`. `sandbox.server` puts it behind a socket,
`sandbox.remote` speaks to one in another process, `python -m sandbox` runs one from a
shell, and `sandbox.pytest_plugin` has fixtures for the tests of others.
"""
