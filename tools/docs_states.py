"""`docs/states.md`: the states of a job, drawn from the table the scripts implement."""

from pathlib import Path

from customer_sources.contract.states import TERMINAL, TRANSITIONS, State, Transition
from tools.docs_markdown import DocsError, code, page, table

SOURCE = "client/customer_sources/contract/states.py or tools/docs_states.py"
SCRIPTS = ("client/customer_sources/lua", "worker/lua")
ROOT = Path(__file__).resolve().parents[1]

MEANING = {
    State.QUEUED: "Accepted, and to be run as soon as it is first in its lane.",
    State.RUNNING: "A worker holds it under a lease and may be talking to Stripe.",
    State.WAITING: "To be looked at again at a known time: a date, or a pause.",
    State.SUCCEEDED: "Stripe did it; the job has the object that Stripe returned.",
    State.FAILED: "Stripe is known not to have done it; the error says why.",
    State.NEEDS_REVIEW: "Nobody can know what Stripe did; a person has to look.",
    State.CANCELLED: "Ended on request; Stripe is known to be unchanged by it.",
}

INTRODUCTION = """\
# The states of a job

A job starts as `queued`, or as `waiting` if it was asked to start later. It may run,
wait and run again as often as it takes. It ends in exactly one of four states."""

ENDING = """\
**Terminal is written once.** The script that writes a terminal state writes the job's
one terminal event in the same step, so there is never one without the other; and no
script changes a job that has ended. A worker that was taken for dead and comes back
late is told so by the store, and changes nothing."""

DRAWING = """\
## Every step

Each step is made by one Lua script, and the store does nothing else while a script
runs. A step that is not drawn here does not exist."""

LATE = """\
*Holder was only late*: the lease of a run ended, the job was queued again, and nobody
has taken it yet. Then the worker that had it may go on, because no other has begun."""


def states_page() -> str:
    """Write the page.

    Raises:
        DocsError: a state has no words here, or a script of the table no file.
    """
    return page(
        SOURCE,
        INTRODUCTION,
        table(("State", "Means", "Terminal"), [_state(state) for state in State]),
        ENDING,
        DRAWING,
        _diagram(TRANSITIONS),
        table(("From", "To", "Script", "When"), [_step(step) for step in TRANSITIONS]),
        LATE,
    )


def _state(state: State) -> tuple[str, str, str]:
    if state not in MEANING:
        raise DocsError(f"tools/docs_states.py: MEANING says nothing of {state!r}")
    return code(state), MEANING[state], "yes" if state in TERMINAL else ""


def _diagram(steps: tuple[Transition, ...]) -> str:
    """Draw one arrow for each pair of states, with the scripts that make the step."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for step in steps:
        scripts = arrows.setdefault((step.source or "[*]", step.target), [])
        if step.script not in scripts:
            scripts.append(step.script)
    lines = [
        f"    {source} --> {target} : {', '.join(scripts)}"
        for (source, target), scripts in arrows.items()
    ]
    lines += [f"    {state} --> [*]" for state in State if state in TERMINAL]
    return "\n".join(("```mermaid", "stateDiagram-v2", *lines, "```"))


def _step(step: Transition) -> tuple[str, str, str, str]:
    source = code(step.source) if step.source else "(new)"
    return source, code(step.target), _link(step.script), step.when


def _link(script: str) -> str:
    for folder in SCRIPTS:
        path = f"{folder}/{script}.lua"
        if (ROOT / path).is_file():
            return f"[{code(script)}](../{path})"
    raise DocsError(f"{SOURCE}: there is no script {script}.lua")
