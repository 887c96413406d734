"""`sources demo`: 400 jobs, lost responses, one worker killed half way. Adds up.

Everything is real but Stripe: a store, a sandbox and two workers, each a process of
its own, and SIGKILL is SIGKILL.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from subprocess import Popen
from typing import IO, Annotated, Any

import msgspec
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from customer_sources import CustomerSources, Event, State
from worker.cli import children
from worker.cli.account import Accepted, Effect, add_up
from worker.cli.demo_report import Kill, print_report
from worker.cli.exits import Exit
from worker.cli.say import complain, out

COMMANDS = Path(__file__).parents[2] / "examples" / "migration.jsonl"
WORKERS = 2
FAULTS = (
    {"fault": "drop_after_commit", "probability": 0.05},
    {"fault": "drop_before_commit", "probability": 0.02},
    {"fault": "rate_limited", "probability": 0.02},
    {"fault": "error_503_unsaved", "probability": 0.01},
    {"fault": "error_500_unsaved", "probability": 0.01},
    {"fault": "error_500_saved", "probability": 0.005},
    {"fault": "garbage", "probability": 0.01},
    {"fault": "lock_timeout", "probability": 0.01},
    {"fault": "slow_body", "seconds": 4, "count": 3},
    {"fault": "latency", "seconds": 0.1},
)
"""One request in seven goes wrong; half of those after Stripe has done it.

A body is slower than `HASTE` waits for, so its request counts as lost. Of all faults
only `unauthorized` is left out: a refused key suspends the account until a person mends
it, and the demo would only wait.
"""
HASTE = {
    **children.UNLIMITED,
    "read_seconds": "3",
    "request_seconds": "5",
    "quiet_seconds": "5",
}
"""Settings of the demo's workers: an unanswered request of a sandbox on this machine
cannot arrive a minute later, so a verdict of doubt need not wait so long."""
PATIENCE_SECONDS = 50.0


def demo(
    commands: Annotated[
        Path, typer.Argument(help="A JSONL file of commands.", show_default=False)
    ] = COMMANDS,
    count: Annotated[
        int | None,
        typer.Option(min=1, help="Only so many of them, from all over the file."),
    ] = None,
) -> None:
    """Run hundreds of jobs while everything goes wrong; check the promise.

    Answers get lost, the API breaks and limits, and one of two workers is killed.

    Example: sources demo --count 40
    """
    store_module = children.need_dev_extra()
    if not commands.is_file():
        complain(f"{commands} is not here", "without a file it runs in a checkout")
        raise typer.Exit(Exit.CONFIG)
    with ExitStack() as stack:
        logs = stack.enter_context(tempfile.TemporaryFile("w+"))
        try:
            rows = read_commands(commands, count)
            broken = _run(stack, store_module, logs, rows)
        except (store_module.StoreUnavailable, RuntimeError) as error:
            logs.seek(0)
            complain(str(error), *logs.read().splitlines()[-20:])
            raise typer.Exit(Exit.FAILED) from None
    raise typer.Exit(Exit.FAILED if broken else Exit.OK)


def read_commands(commands: Path, count: int | None) -> list[dict[str, Any]]:
    """Read the commands; of more than `count`, as many at even distances."""
    lines = commands.read_bytes().splitlines()
    most = min(count or len(lines), len(lines))
    some = [lines[turn * len(lines) // most] for turn in range(most)]
    return [msgspec.json.decode(line) for line in some]


def _run(
    stack: ExitStack, store_module: Any, logs: IO[str], rows: Sequence[dict[str, Any]]
) -> bool:
    """Set the stage, play, and print the report. True: a promise was broken."""
    customers = len({row["customer"] for row in rows})
    out.print(
        f"[bold]customer-sources demo[/bold]: {len(rows)} commands for {customers} "
        f"customers, {WORKERS} workers.\nSome commands fail on purpose, one request in "
        "seven goes wrong, and one worker will be killed.\n",
        soft_wrap=True,
    )
    store = stack.enter_context(store_module.Store.start())
    process, api_base = children.start_sandbox(seed=1, logs=logs)
    stack.callback(children.stop, process)
    workers = [
        children.start_worker(store.url, api_base, logs=logs, **HASTE)
        for _ in range(WORKERS)
    ]
    for worker in workers:
        stack.callback(children.stop, worker)
    client = stack.enter_context(
        CustomerSources(store.url, prefix=children.prefix_here())
    )
    children.wait_for_workers(client, WORKERS, *workers)
    sandbox = children.remote_sandbox(api_base)
    sandbox.seed(_sources_needed(rows))
    sandbox.set_faults(FAULTS)

    started = time.monotonic()
    jobs = _submit(client, rows)
    events, kill = _watch(client, jobs, workers[0])
    seconds = time.monotonic() - started

    effects = [
        Effect(e.change, e.object, e.metadata, e.idempotency_key)
        for e in sandbox.effects()
    ]
    account = add_up(jobs, events, effects)
    print_report(account, kill, sandbox.requests(), seconds)
    return bool(account.broken)


def _sources_needed(rows: Sequence[dict[str, Any]]) -> dict[str, list[str]]:
    """Name the sources that must be there already: those read or deleted by id."""
    needed: dict[str, list[str]] = {}
    for row in rows:
        known = needed.setdefault(row["customer"], [])
        if "id" in row and row["id"] not in known and not row.get("missing_ok"):
            known.append(row["id"])
    return needed


def _submit(client: CustomerSources, rows: Sequence[dict[str, Any]]) -> list[Accepted]:
    """Submit all rows.

    Raises:
        RuntimeError: one was refused.
    """
    results = client.submit_many(rows)
    refused = [str(result.error) for result in results if result.error]
    if refused:
        raise RuntimeError(f"{len(refused)} commands were refused: {refused[0]}")
    return [
        Accepted(
            result.job_id,
            row["operation"],
            row.get("id", ""),
            may_be_absent=row.get("missing_ok", False),
        )
        for result, row in zip(results, rows, strict=True)
    ]


def _watch(
    client: CustomerSources, jobs: Sequence[Accepted], victim: Popen[str]
) -> tuple[list[Event], Kill]:
    """Read events until every job has told its own, and kill half way.

    A job that stays silent ends the watch as well; the account will name it.
    """
    events: list[Event] = []
    told: set[str] = set()
    kill: Kill | None = None
    bar = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[news]}"),
    )
    with Progress(*bar, console=out) as progress:
        task = progress.add_task("terminal events", total=len(jobs), news="")
        for event in client.events(after="0", timeout=PATIENCE_SECONDS):
            events.append(event)
            told.add(event.correlationid)
            progress.update(task, completed=len(told))
            if kill is None and len(told) * 2 >= len(jobs):
                kill = _kill(client, victim, [j for j in jobs if j.job_id not in told])
                news = f"[red]kill -9 {victim.pid}[/red], {len(kill.held)} jobs in hand"
                progress.update(task, news=news)
            if len(told) == len(jobs):
                break
    if kill is None:
        raise RuntimeError("half of the jobs never ended; a worker's log says why")
    return events, kill.seen_through(events)


def _kill(
    client: CustomerSources, victim: Popen[str], unfinished: Sequence[Accepted]
) -> Kill:
    """Kill a worker and see what it had in its hands. The dead change nothing."""
    workers = set(client.workers())
    at = time.time()
    victim.kill()
    victim.wait()
    running = {}
    for job in unfinished:
        snapshot = client.snapshot(job.job_id)
        if snapshot.state is State.RUNNING:
            running[job.job_id] = snapshot.record["holder"]
    # The survivor's heartbeat drops the dead one from the list of workers.
    ends_at = time.monotonic() + PATIENCE_SECONDS
    while len(alive := set(client.workers())) == len(workers):
        if time.monotonic() > ends_at:
            raise RuntimeError("the killed worker is still listed as alive")
        time.sleep(0.02)
    (dead,) = workers - alive
    held = [job_id for job_id, holder in running.items() if holder == dead]
    return Kill(pid=victim.pid, at=at, held=held)
