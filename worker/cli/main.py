"""The commands of `sources`, and how their errors look to a person."""

from __future__ import annotations

import sys

import pydantic
import typer

from config import problems
from config.accounts import AccountsInvalid
from config.settings import Settings
from customer_sources import (
    BatchEnded,
    BatchNotFound,
    CommandInvalid,
    JobConflict,
    JobNotFound,
    LedgerUnavailable,
    NotInReview,
    SettingInvalid,
    VerificationEnded,
    VerificationNotFound,
    __version__,
)
from customer_sources.batches.manifest import PlanInvalid
from worker.cli import (
    accounts,
    batch,
    demo,
    dev,
    doctor,
    events,
    jobs,
    limits,
    review,
    sandbox,
    schema,
    serve,
    settings,
    submit,
    verifications,
)
from worker.cli.env_file import read_env_file
from worker.cli.exits import Exit
from worker.cli.say import complain

app = typer.Typer(
    name="sources",
    help="Stripe customer-source operations as durable jobs.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    epilog="Start here: [bold]sources demo[/bold], then [bold]sources dev[/bold].",
)
app.command("dev", rich_help_panel="Try it")(dev.dev)
app.command("demo", rich_help_panel="Try it")(demo.demo)
for name, command in submit.commands().items():
    app.command(name, rich_help_panel="Submit")(command)
app.add_typer(batch.app, name="batch", rich_help_panel="Batches")
app.add_typer(jobs.app, name="jobs", rich_help_panel="Look")
app.add_typer(verifications.app, name="verifications", rich_help_panel="Look")
app.add_typer(review.app, name="review", rich_help_panel="Look")
app.add_typer(events.app, name="events", rich_help_panel="Look")
app.command("limits", rich_help_panel="Look")(limits.limits)
app.add_typer(accounts.app, name="accounts", rich_help_panel="Look")
app.command("schema", rich_help_panel="Look")(schema.schema)
app.command("sandbox", rich_help_panel="Try it", context_settings=sandbox.PASSED_ON)(
    sandbox.sandbox
)
app.command("worker", rich_help_panel="Run")(serve.worker)
app.command("doctor", rich_help_panel="Run")(doctor.doctor)
app.command("settings", rich_help_panel="Run")(settings.settings)


@app.command("version", rich_help_panel="Look")
def version() -> None:
    """Print the version.

    Example: sources version
    """
    typer.echo(f"customer-sources {__version__}")


def main() -> None:
    """Run `sources`; errors that a person can act on are told without a traceback."""
    try:
        app(obj=read_env_file())
    except CommandInvalid as error:
        complain("not submitted:", *map(str, error.problems))
        sys.exit(Exit.USAGE)
    except JobConflict as error:
        complain(str(error))
        sys.exit(Exit.USAGE)
    except PlanInvalid as error:
        complain(f"not applied: {error}", "`sources batch plan FILE -o DIR` writes one")
        sys.exit(Exit.USAGE)
    except (JobNotFound, BatchNotFound, VerificationNotFound) as error:
        complain(str(error))
        sys.exit(Exit.NOT_FOUND)
    except (NotInReview, BatchEnded, VerificationEnded) as error:
        complain(str(error))
        sys.exit(Exit.FAILED)
    except LedgerUnavailable as error:
        complain(
            str(error),
            "is SOURCES_REDIS_URL right? `sources dev` starts a store of its own",
        )
        sys.exit(Exit.UNAVAILABLE)
    except SettingInvalid as error:
        variables = "SOURCES_REDIS_URL or --redis-url, SOURCES_PREFIX or --prefix"
        complain(str(error), f"it comes from {variables}")
        sys.exit(Exit.CONFIG)
    except AccountsInvalid as error:
        complain("the accounts are wrong:", *error.problems)
        sys.exit(Exit.CONFIG)
    except pydantic.ValidationError as error:
        problems_told = problems.lines(error, Settings.variables())
        complain("the settings are wrong:", *problems_told)
        sys.exit(Exit.CONFIG)
