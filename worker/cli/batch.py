"""`sources batch`: a file of commands, planned, applied, watched and steered."""

from __future__ import annotations

import typer

from worker.cli import (
    batch_apply,
    batch_check,
    batch_plan,
    batch_reconcile,
    batch_results,
    batch_retry,
    batch_steer,
    batch_watch,
)

app = typer.Typer(
    help="Run a file of many commands: plan it, apply it, watch and steer it.",
    no_args_is_help=True,
)
app.command("plan", cls=batch_check.Checkable)(batch_plan.plan)
app.command("apply")(batch_apply.apply)
app.command("watch")(batch_watch.watch)
app.command("status")(batch_watch.status)
app.command("list")(batch_steer.list_batches)
app.command("pause")(batch_steer.pause)
app.command("resume")(batch_steer.resume)
app.command("throttle")(batch_steer.throttle)
app.command("cancel")(batch_steer.cancel)
app.command("results")(batch_results.results)
app.command("retry")(batch_retry.retry)
app.command("reconcile")(batch_reconcile.reconcile)
