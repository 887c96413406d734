"""The account of a chaos run as text, and as a section of a page. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from bench.chaos_account import RECOVERED_WITHIN, Account, Speed
from bench.chaos_witnesses import Weather

MOST_LINES = 40
BEGIN = "<!-- report: written by `python -m bench.chaos --markdown docs/chaos.md` -->"
END = "<!-- end of the report -->"

Row = tuple[str, str]


def rows(account: Account, weather: Weather) -> Iterator[Row]:
    """Say everything in pairs of a name and a value, in the order of reading."""
    yield "jobs accepted", str(sum(account.accepted.values()))
    yield from _parts(account.accepted)
    yield (
        "orders never accepted (Celery only)",
        str(sum(account.never_accepted.values())),
    )
    yield "jobs with a terminal event", str(account.ended)
    yield from _parts(account.states)
    yield "needs_review, by reason", str(sum(account.needs_review.values()))
    yield from _parts(account.needs_review)
    yield "failed, by Stripe's code", str(sum(account.failed.values()))
    yield from _parts(account.failed)
    yield "effects at Stripe", str(sum(account.effects.values()))
    yield from _parts(account.effects)
    yield "lost", str(account.lost)
    yield "double effects", str(account.double_effects)
    yield "terminal events told twice", str(account.repeated_events)
    yield "events retold after a store was killed", str(account.retold_events)
    yield from _by_account(account)
    yield from _speeds(account)
    yield from _weather(weather)


def text(account: Account, weather: Weather) -> str:
    """Write the report for a terminal."""
    lines = [f"{name:<44} {value:>14}" for name, value in rows(account, weather)]
    return "\n".join([*lines, "", *verdict(account)])


def verdict(account: Account) -> list[str]:
    """Say whether the promise held, and what did not."""
    if not account.broken:
        return ["The promise held."]
    more = len(account.broken) - MOST_LINES
    return [
        f"The promise was broken, {len(account.broken)} times:",
        *(f"  {line}" for line in account.broken[:MOST_LINES]),
        *([f"  and {more} more"] if more > 0 else []),
    ]


def markdown(account: Account, weather: Weather, played: str) -> str:
    """Write the report as a section for a page.

    Args:
        account: the sum.
        weather: what was done.
        played: the command line that plays it again.
    """
    table = [
        f"| {name.replace('  ', '&emsp;')} | {value} |"
        for name, value in rows(account, weather)
    ]
    words = verdict(account)
    return "\n".join(
        [
            f"`{played}`",
            "",
            f"**{words[0]}**",
            *(["", "```", *words[1:], "```"] if words[1:] else []),
            "",
            "| | |",
            "| --- | ---: |",
            *table,
        ]
    )


def write_section(page: Path, section: str) -> None:
    """Put a section between the markers of a page, instead of what is there.

    Raises:
        ValueError: the page has no markers.
    """
    before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{page} has no place for a report: {BEGIN} ... {END}")
    whole = f"{before}{BEGIN}\n\n{section}\n\n{END}{after}"
    page.write_text(whole, encoding="utf-8", newline="\n")


def _by_account(account: Account) -> Iterator[Row]:
    for name, part in account.parts.items():
        yield f"accepted for the account {name}", str(part.accepted)
        yield "  with a terminal event", str(part.ended)
        yield "  effects in its world", str(part.effects)
        yield "  lost", str(part.lost)
        yield "  double effects", str(part.double_effects)
        yield "  done or told in another account", str(part.astray)


def _speeds(account: Account) -> Iterator[Row]:
    limit = f"p99 below {RECOVERED_WITHIN:.0f} s"
    yield from _speed(f"killed workers' jobs, store up ({limit})", account.recovery)
    yield from _speed("the same, store away in between", account.recovery_with_outage)


def _speed(name: str, speed: Speed | None) -> Iterator[Row]:
    yield name, str(speed.count if speed else 0)
    if speed:
        yield "  claimed again after, p50", f"{speed.p50:.1f} s"
        yield "  p99", f"{speed.p99:.1f} s"
        yield "  longest", f"{speed.longest:.1f} s"


def _weather(weather: Weather) -> Iterator[Row]:
    yield "acts of chaos", str(sum(weather.acts.values()))
    yield from _parts(weather.acts)
    share = weather.struck / weather.requests if weather.requests else 0.0
    yield "requests to Stripe", str(weather.requests)
    yield "  struck by a fault", f"{weather.struck} ({share:.1%})"
    yield from _parts(weather.faults, indent="    ")
    yield "lines in the workers' logs", str(sum(weather.logged.values()))
    yield from _parts(weather.logged)
    yield "seconds in all", f"{weather.seconds:.0f}"
    yield "  after the last act, until all had ended", f"{weather.settled_seconds:.0f}"


def _parts(counts: Mapping[str, int], indent: str = "  ") -> Iterator[Row]:
    for name, count in counts.items():
        yield f"{indent}{name}", str(count)
