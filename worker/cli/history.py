"""Telling a person the story of a job, line by line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from customer_sources.contract.events import rfc3339
from customer_sources.history import Line

_WORDS = {
    "worker_gone": "the worker that ran it was gone; taken over",
    "lease_ran_out": "its worker was too slow to renew its lease; taken over",
    "store_restarted": (
        "the store was started again and may have lost its last writes; "
        "a request may have been sent unknown to it"
    ),
    "cancel_asked": "asked to cancel",
}
_DEEDS = {
    "replay_of": "a replay of",
    "replayed": "replayed as",
    "discarded": "discarded",
}
_SETTLED = {"replayed", "discarded"}
"""What can only come after the end."""


def told(record: Mapping[str, str], lines: Sequence[Line]) -> Iterator[tuple[str, str]]:
    """Tell the story in order: (time, words) of each step.

    Args:
        record: the job's record, which has its beginning and its end.
        lines: what the ledger kept in between.
    """
    if "at" in record:
        yield rfc3339(int(record["at"])), "submitted"
    settled = [line for line in lines if line.what in _SETTLED]
    for line in (line for line in lines if line.what not in _SETTLED):
        for number, words in enumerate(_line(line)):
            yield (rfc3339(line.at) if number == 0 else ""), words
    if not lines and "ended" in record and "request" in record:
        yield "", f"run 1: answered, {record['request']}"
    if "ended" in record:
        code = record.get("code", "")
        plain = code in {"", record["state"]}
        ending = record["state"] + ("" if plain else f" ({code})")
        yield rfc3339(int(record["ended"])), ending
    for line in settled:
        yield from ((rfc3339(line.at), words) for words in _line(line))


def _line(line: Line) -> Iterator[str]:
    if line.what in _DEEDS:
        yield _deed(line)
        return
    if line.what != "run":
        yield _WORDS.get(line.what, line.what.replace("_", " "))
        return
    facts = line.facts
    yield f"run {facts.get('run', '?')}: {_decision(facts)}"
    for attempt in facts.get("tries", ()):
        yield f"  +{attempt.get('ms', 0)} ms {_try(attempt)}"


def _deed(line: Line) -> str:
    """Write what a person did with a job in review, and why."""
    facts = line.facts
    other, actor = facts.get("replay") or facts.get("job"), facts.get("actor")
    words = [_DEEDS[line.what], *([other] if other else [])]
    words += [f"by {actor}"] if actor else []
    return f"{' '.join(map(str, words))}: {facts.get('reason', '')}"


def _decision(facts: Mapping[str, Any]) -> str:
    outcome, code = facts.get("outcome", ""), facts.get("code", "")
    if outcome != "later":
        return f"{outcome} ({code})" if code not in {"", outcome} else str(outcome)
    doubt = ", its outcome unknown" if facts.get("unknown") else ""
    return f"not decided ({code}){doubt}; again in {facts.get('again_in', 0)} s"


def _try(attempt: Mapping[str, Any]) -> str:
    looked = "looked: " if attempt.get("read") else ""
    return looked + _came_back(attempt)


def _came_back(attempt: Mapping[str, Any]) -> str:
    if "not_sent" in attempt:
        return f"not sent: {attempt['not_sent']}"
    if "no_answer" in attempt:
        return f"no answer: {attempt['no_answer']}"
    words = [str(attempt.get("status", ""))]
    words += [str(attempt[name]) for name in ("code", "request") if name in attempt]
    if attempt.get("replayed"):
        words.append("(replayed)")
    return " ".join(words)
