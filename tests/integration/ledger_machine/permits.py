"""What an account may send, looked at from outside: who may go, who must wait.

The rules are those of docs/ledger.md. Marks are read in the store, and counted here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from config.rates import Rates
from customer_sources.contract.names import DEFAULT_ACCOUNT, Class
from tests.integration.ledger_machine.picture import Picture
from worker.rates import Granted

TIE_MS = 100
"""Moments that lie so close together may be taken for one another."""
GOOD_FOR_MS = 3_000
PROBE_MS = 60_000
AHEAD = {"interactive": 1.0, "scheduled": 0.75, "bulk": 0.5}
LOWER = {Class.SCHEDULED.value, Class.BULK.value}
ONE_IN = 10
"""Permits, of which one is for each lower class."""
MOST_KEPT = 60
"""Permits further back are no burst any more."""

LIMITS = (
    None,
    None,
    None,
    Rates(account=2, operation=1, in_flight=2),
    Rates(account=1, operation=5, create=0.5, in_flight=8, burst=1),
    Rates(account=10, operation=20, in_flight=3),
    Rates(account=5, operation=2, in_flight=1),
)
"""From which a ledger's are chosen; None: nobody has announced any."""


def has_permit(record: dict[str, str], now: int) -> bool | None:
    """Whether a job was granted a permit that is good; None: too close to tell."""
    left = int(record.get("permit", 0)) - now
    return left > 0 if abs(left) > TIE_MS else None


def line_of(record: dict[str, str]) -> str:
    """The line in which a job stands, or would."""
    return f"{DEFAULT_ACCOUNT}:{record['op']}:{record['class']}"


def may_be_put_in_line(
    picture: Picture, record: dict[str, str], now: int, *, shaken: bool
) -> bool:
    """Whether there is a reason to have a job wait for a permit.

    One that is to be cancelled ends at once, if it is known that nothing was sent:
    not if the store may have lost that (`shaken`).
    """
    deadline = int(record.get("deadline", 0))
    if deadline and deadline <= now - TIE_MS:
        return False
    if record.get("ask") == "1" and "unknown" not in record and not shaken:
        return False
    if has_permit(record, now):
        return False
    return bool(picture.lines().get(line_of(record))) or is_held_up(
        picture, record["op"], record["class"], now
    )


def may_go_now(picture: Picture, record: dict[str, str], now: int) -> bool:
    """Whether it is nobody else's turn: it was granted a permit, or nobody waits."""
    if has_permit(record, now) is not False:
        return True
    if picture.lines().get(line_of(record)):
        return False
    account = picture.account()
    return "suspended" not in account or int(account["probe_at"]) <= now + TIE_MS


def is_held_up(picture: Picture, operation: str, job_class: str, now: int) -> bool:
    """Whether an account may have no permit for this."""
    account = picture.account()
    if "suspended" in account:
        return True
    if "rate" not in account:
        return False
    marks = (float(account.get(name, 0)) for name in ("t", f"t:{operation}"))
    burst = float(account["burst"]) * AHEAD[job_class]
    if max(marks) - burst > now - TIE_MS:
        return True
    most = -(-int(account["cap"]) * (3 if job_class in LOWER else 4) // 4)
    return picture.in_flight(now - TIE_MS) >= max(1, most)


def granted(
    before: Picture, after: Picture, given: Granted, room: tuple[int, int], now: int
) -> None:
    """Hold what was granted against who stood in line."""
    ids, (most, lower) = list(given.ids), room
    classes = [before.record(job_id)["class"] for job_id in ids]
    assert len(ids) <= most, "more than there is room for"
    shares = sum(_is_share(before, after, before.record(job_id)) for job_id in ids)
    assert sum(one in LOWER for one in classes) <= lower + shares, "too many of them"
    for line, stood in before.lines().items():
        first = _in_order(stood)
        served = [job_id for job_id in ids if job_id in stood]
        assert served == first[: len(served)], f"{line} was not served in order"
    for job_id in ids:
        record = after.record(job_id)
        assert "line" not in record
        assert abs(int(record["permit"]) - now - GOOD_FOR_MS) <= TIE_MS
    assert (given.again_ms is None) == (not after.gates()), "nobody is to look again"
    if most and lower and not ids:
        waits = [gate for gate in before.gates() if _goes(before, gate, now)]
        assert waits == [], "nobody was let go who might"


def _is_share(before: Picture, after: Picture, record: dict[str, str]) -> bool:
    """Whether a lower class may be due one permit in ten, wherever others stand."""
    operation, job_class = record["op"], record["class"]
    counts = (
        (f"sent:{operation}", f"had:{operation}:{job_class}"),
        (
            "sent",
            f"had:{job_class}",
        ),
    )
    was, is_now = before.account(), after.account()
    return job_class in LOWER and all(
        int(is_now.get(sent, 0)) - int(was.get(had, 0)) >= ONE_IN
        for sent, had in counts
    )


def _goes(picture: Picture, gate: str, now: int) -> bool:
    """Whether somebody waits at this gate for nothing."""
    _, _, operation = gate.partition("|")
    lines = picture.lines()
    return picture.gates()[gate] <= now - TIE_MS and any(
        lines.get(f"{DEFAULT_ACCOUNT}:{operation}:{one}")
        and not is_held_up(picture, operation, one, now)
        for one in Class
    )


def _in_order(line: dict[str, float]) -> Sequence[str]:
    return sorted(line, key=lambda job_id: (line[job_id], job_id))


@dataclass
class Tally:
    """Permits as they were given, between one look and the next."""

    _given: dict[str, list[tuple[int, int, int]]] = field(default_factory=dict)
    """By what they were charged to: from when, until when, how many."""

    def note(
        self, before: Picture, after: Picture, since: int, now: int
    ) -> Iterator[str]:
        """Write down what was given, and name what was too much in some time."""
        was, account = before.account(), after.account()
        for name in [one for one in account if one.partition(":")[0] == "sent"]:
            count = int(account[name]) - int(was.get(name, 0))
            if not count:
                continue
            given = self._given.setdefault(name, [])
            given.append((since, now, count))
            del given[:-MOST_KEPT]
            yield from _too_many(given, name, _slot(account, name), account)
            if was.get("suspended") == account.get("suspended", "no"):
                yield from _too_many_probes(given[-2:], name, int(was["suspended"]))


def _slot(account: dict[str, str], name: str) -> float:
    """Milliseconds between two permits."""
    _, _, operation = name.partition(":")
    each = account.get(f"each:{operation}", account["each"])
    return 1000 / float(each if operation else account["rate"])


def _too_many(
    given: Sequence[tuple[int, int, int]],
    name: str,
    slot: float,
    account: dict[str, str],
) -> Iterator[str]:
    """Compare with the rate: for the burst, and once for each lower class, it bends."""
    until, count = given[-1][1] + TIE_MS, 0
    for since, _, number in reversed(given):
        count += number
        time = until - since + float(account["burst"])
        if count > time / slot + 1 + len(LOWER):
            yield f"{name}: {count} permits in {until - since} ms, one each {slot} ms"


def _too_many_probes(
    given: Sequence[tuple[int, int, int]], name: str, suspended_at: int
) -> Iterator[str]:
    """While an account is suspended, a minute has one request."""
    if given[-1][2] > 1:
        yield f"{name}: {given[-1][2]} at once while suspended"
    before = max(suspended_at, given[0][0] if len(given) > 1 else 0)
    if name == "sent" and given[-1][1] - before < PROBE_MS - TIE_MS:
        yield f"{name}: {given[-1][1] - before} ms after the refusal or the last one"
