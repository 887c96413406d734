"""Speak to a running sandbox: read what it did, and tell it what should go wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import msgspec

from sandbox.auth import DEFAULT_ACCOUNT
from sandbox.faults import FaultRule
from sandbox.journal import Effect, RequestRecord
from sandbox.limits import Limits

Entry = TypeVar("Entry", Effect, RequestRecord)

TIMEOUT = 10.0
"""Seconds that the sandbox may take to answer; it answers from memory."""

PAGE = 10_000
"""Entries of the journal to ask for at once: the most there may be on a page."""


@dataclass(frozen=True, slots=True)
class RemoteSandbox:
    """A sandbox that runs elsewhere: in another thread, or in another process.

    Each call opens a connection of its own, so there is nothing to close. A sandbox
    that cannot be reached raises OSError.
    """

    url: str
    """What Stripe clients take as their API base: `http://127.0.0.1:PORT`."""

    def effects(self) -> list[Effect]:
        """Return all changes of state so far, oldest first."""
        return self._journal("effects", Effect)

    def requests(self) -> list[RequestRecord]:
        """Return all requests that were answered or cut so far, oldest first."""
        return self._journal("requests", RequestRecord)

    def seed(
        self, wanted: Mapping[str, Sequence[str]], account: str = DEFAULT_ACCOUNT
    ) -> None:
        """Put customers there, each with sources of given ids; no effect is noted.

        Args:
            wanted: ids of sources by the ids of their customers.
            account: whose customers: what `Stripe-Account` says, `acct_...`.

        Raises:
            ValueError: it is not a mapping of customers' ids to lists of cards' ids.
        """
        path = f"/_sandbox/sources?account={quote(account)}"
        self._call("POST", path, msgspec.json.encode(wanted))

    def bounce(
        self, customer: str, source: str, account: str = DEFAULT_ACCOUNT
    ) -> None:
        """Let the deposits of a bank account come back; no effect is noted.

        Its status is `verification_failed` then, though nobody has guessed.

        Args:
            customer: whose.
            source: a bank account that is not verified, `ba_...`.
            account: in which account: what `Stripe-Account` says, `acct_...`.

        Raises:
            ValueError: there is no such bank account.
        """
        path = f"/_sandbox/bounces?account={quote(account)}"
        body = {"customer": customer, "source": source}
        self._call("POST", path, msgspec.json.encode(body))

    def faults(self) -> list[FaultRule]:
        """Return the rules in force, with what is left of their counts."""
        answer = self._call("GET", "/_sandbox/faults")
        return msgspec.json.decode(answer, type=list[FaultRule])

    def set_faults(self, rules: Sequence[FaultRule | Mapping[str, Any]]) -> None:
        """Put rules in force instead of those before; `FaultRule` tells the fields.

        Raises:
            ValueError: a rule is malformed; none of them is in force then.
        """
        self._call("POST", "/_sandbox/faults", msgspec.json.encode(rules))

    def clear_faults(self) -> None:
        """Let nothing go wrong any more."""
        self._call("DELETE", "/_sandbox/faults")

    def limits(self) -> Limits:
        """Return the limits in force."""
        return msgspec.json.decode(self._call("GET", "/_sandbox/limits"), type=Limits)

    def set_limits(self, limits: Limits | Mapping[str, Any]) -> None:
        """Put limits in force instead of those before; `Limits` tells the fields.

        Raises:
            ValueError: they are malformed; those before stay in force.
        """
        self._call("POST", "/_sandbox/limits", msgspec.json.encode(limits))

    def now(self) -> float:
        """Return the time by its clock, in seconds since 1970."""
        return _time_in(self._call("GET", "/_sandbox/clock"))

    def advance(self, seconds: float) -> float:
        """Let its clock leap ahead, and return the time that it is then.

        Keys, deposits, limits and dates go by that clock; latency does not.

        Raises:
            ValueError: that would be backwards, or more than a century in all.
        """
        body = msgspec.json.encode({"advance": seconds})
        return _time_in(self._call("POST", "/_sandbox/clock", body))

    def reset(self) -> None:
        """Make it forget objects, keys, faults, the journal and leaps of its clock.

        The limits are those that it was started with again. A request in progress goes
        on, but leaves no trace any more.
        """
        self._call("POST", "/_sandbox/reset")

    def check_health(self) -> None:
        """Return if it is up and answering, and raise OSError if it is not."""
        self._call("GET", "/_sandbox/health")

    def _journal(self, kind: str, entry: type[Entry]) -> list[Entry]:
        entries: list[Entry] = []
        more = True
        while more:
            after = entries[-1].seq if entries else 0
            path = f"/_sandbox/journal?kind={kind}&after={after}&limit={PAGE}"
            page = msgspec.json.decode(self._call("GET", path))
            entries += msgspec.convert(page["data"], list[entry])  # type: ignore[valid-type]
            more = page["has_more"]
        return entries

    def _call(self, method: str, path: str, body: bytes = b"") -> bytes:
        connection = HTTPConnection(urlsplit(self.url).netloc, timeout=TIMEOUT)
        try:
            connection.request(method, path, body)
            response = connection.getresponse()
            answer = response.read()
        finally:
            connection.close()
        if response.status != 200:  # noqa: PLR2004 - the only success there is
            raise ValueError(answer.decode())
        return answer


def _time_in(answer: bytes) -> float:
    return msgspec.json.decode(answer, type=dict[str, float])["now"]
