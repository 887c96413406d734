"""`sources accounts`: which accounts there are, and letting a suspended one go on."""

from __future__ import annotations

import time
from typing import Annotated, Any

import redis
import typer
from typer.core import TyperGroup

from config.settings import Settings
from customer_sources.calls import EVENTS_HARD_CAP
from customer_sources.contract.names import (
    ACCOUNT_RULE,
    PREFIX,
    Keys,
    is_account_name,
)
from customer_sources.contract.notices import account_event
from customer_sources.review_calls import said
from customer_sources.store import connect, in_our_words
from worker import scripting
from worker.cli.exits import Exit
from worker.cli.limits_table import NOBODY, NOTHING, number
from worker.cli.live import warn_where_live
from worker.cli.say import note, out, print_columns, print_json
from worker.cli.tell import Out, Output, Prefix, Url
from worker.gauges import read_accounts
from worker.limits import announced
from worker.standing import Announced

HEADS = (
    "account",
    "mode",
    "key",
    "account/s",
    "operation/s",
    "own/s",
    "in flight",
    "suspended",
)
BY_A_PERSON = "resumed by an operator"
_WORDS = {
    "RESUMED": "resumed",
    "NOT_SUSPENDED": "not_suspended",
    "MISSING": "not_found",
}
_TOLD = {
    "resumed": "resumed; its jobs go on from their places in line",
    "not_suspended": "is not suspended",
    "not_found": "no such account",
}


class _ListFirst(TyperGroup):
    """A group that lists when it is not told what to do."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take options alone for those of `list`."""
        asks_for_list = not args or args[0].startswith("-")
        if asks_for_list and args[:1] != ["--help"]:
            args = ["list", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_ListFirst,
    help="List accounts; let a suspended one go on. Alone it lists them.",
)


def account_name(text: str) -> str:
    """Refuse what no account is called, without a word of it: it may be a key.

    Raises:
        typer.BadParameter: it is none.
    """
    if not is_account_name(text):
        raise typer.BadParameter(f"not a name: {ACCOUNT_RULE}")
    return text


@app.command("list")
def list_accounts(
    output: Out = Output.TEXT, redis_url: Url = None, prefix: Prefix = PREFIX
) -> None:
    """List the accounts that workers told of: mode, key, rates, and who is suspended.

    Rates are requests a second as they were configured, whatever was halved since; a
    key is shown as 12 digits that tell it from others, and nothing of it. `sources
    accounts` alone does the same.

    Example: sources accounts list -o json
    """
    url = redis_url or Settings.model_fields["redis_url"].default
    with connect(url) as store, in_our_words():
        accounts = [announced(one) for one in read_accounts(store, Keys(prefix))]
    if output is Output.JSON:
        print_json(accounts)
    elif accounts:
        print_columns(HEADS, map(_row, accounts))
    if not accounts:
        note(NOBODY)


@app.command()
def resume(
    account: Annotated[
        str, typer.Argument(parser=account_name, metavar="NAME", help="Its name.")
    ],
    reason: Annotated[str, typer.Option(help="Why; told in the event.")] = "",
    output: Out = Output.TEXT,
    redis_url: Url = None,
    prefix: Prefix = PREFIX,
) -> None:
    """Let the jobs of a suspended account go on, with the key that workers have.

    If that is refused again, the account is suspended again; no job fails of it. A key
    that was changed in its file needs no resuming. An account that is not suspended
    stays as it is, with exit code 0; exit code 4 where there is no such account.

    Example: sources accounts resume default --reason "the key has its rights again"
    """
    why = BY_A_PERSON
    if reason:
        why += f": {said(reason, '').reason}"
    warn_where_live(redis_url, prefix)
    url = redis_url or Settings.model_fields["redis_url"].default
    with connect(url) as store, in_our_words():
        word = _WORDS[_resume(store, Keys(prefix), account, why)]
    if output is Output.JSON:
        print_json({"account": account, "resume": word})
    else:
        out.print(f"{account}: {_TOLD[word]}", soft_wrap=True, markup=False)
    raise typer.Exit(Exit.NOT_FOUND if word == "not_found" else Exit.OK)


def _resume(store: redis.Redis, keys: Keys, account: str, why: str) -> str:
    """End a suspension. Returns the script's word."""
    now_ms = time.time_ns() // 1_000_000
    event = account_event(account, "resumed", now_ms=now_ms, facts={"reason": why})
    cap: Any = store.hget(keys.meta, "cap")
    script = scripting.register(store, ["resume"])["resume"]
    length = cap or EVENTS_HARD_CAP
    reply = script(args=[keys.prefix, account, event.encode(), length])
    return str(reply[0])


def _row(one: Announced) -> tuple[str, ...]:
    own = [f"{op} {number(rate)}" for op, rate in one.own_per_second.items()]
    since = f"{one.suspended.since} {one.suspended.refused}" if one.suspended else ""
    return (
        one.account,
        one.mode or NOTHING,
        one.key_id or NOTHING,
        number(one.account_per_second),
        number(one.operation_per_second),
        ", ".join(own) or NOTHING,
        number(one.in_flight),
        since or NOTHING,
    )
