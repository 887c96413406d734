"""The fake itself: a request goes in, an answer comes out, and the state has changed.

No sockets and no threads. A request is a generator that is run step by step: between
two steps others may run, within a step none can, so nothing is ever half done.
"""

import time
from collections.abc import Callable, Mapping, Sequence

from sandbox.auth import DEFAULT_ACCOUNT
from sandbox.execution import Options
from sandbox.faults import Faults
from sandbox.journal import Journal
from sandbox.limiter import Limiter
from sandbox.wire import Answer, Flow, Request
from sandbox.world import World


class ConnectionCutError(Exception):
    """A fault cut the connection: there is no answer to this request."""


class Sandbox:
    """A fake Stripe.

    Args:
        options: how it behaves.
        clock: returns seconds since 1970; keys, deposits, limits and dates go by it.
    """

    def __init__(
        self,
        options: Options | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._options = options or Options()
        self._clock = clock
        self.reset()

    @property
    def journal(self) -> Journal:
        """What happened since the last reset."""
        return self._world.journal

    @property
    def faults(self) -> Faults:
        """What goes wrong on demand."""
        return self._world.faults

    @property
    def limiter(self) -> Limiter:
        """What holds the limits."""
        return self._world.limiter

    def now(self) -> float:
        """Return the time by the sandbox's clock, in seconds since 1970."""
        return self._world.clock()

    def advance(self, seconds: float) -> None:
        """Let the sandbox's clock leap ahead; latency in progress takes its time.

        Raises:
            ValueError: that would be backwards, or more than a century in all.
        """
        self._world.clock.advance(seconds)

    def reset(self) -> None:
        """Forget everything: objects, keys, faults, journal, leaps of the clock.

        The limits are those of the options again. A request in progress goes on in the
        world where it began, and leaves no trace in the new one.
        """
        self._world = World(self._options, self._clock)

    def seed(
        self, wanted: Mapping[str, Sequence[str]], account: str = DEFAULT_ACCOUNT
    ) -> None:
        """Put customers and sources of given ids there; see `seeding.plant`."""
        self._world.seed(wanted, account)

    def bounce(
        self, customer: str, source: str, account: str = DEFAULT_ACCOUNT
    ) -> None:
        """Let the deposits of a bank account come back; see `verification.bounce`."""
        self._world.bounce(customer, source, account)

    def handle(self, request: Request) -> Answer:
        """Carry out a request here and now, sleeping through its latency.

        Raises:
            ConnectionCutError: a fault left the request without an answer.
        """
        flow = self.flow(request)
        try:
            while True:
                time.sleep(next(flow))
        except StopIteration as done:
            answer: Answer | None = done.value
        if answer is None:
            raise ConnectionCutError
        return answer

    def flow(self, request: Request) -> Flow:
        """Carry out a request step by step; see `Flow`."""
        return self._world.flow(request)
