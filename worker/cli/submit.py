"""`sources create | list | get | update | delete | verify`: submit one command.

The options of each command are made from the operation's parameters in the contract,
so that none can be forgotten here; only their help stands in this file.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from types import NoneType
from typing import Annotated, Any, get_args

import msgspec
import typer

from customer_sources import CustomerSources
from customer_sources.contract.names import (
    ACCOUNT_RULE,
    DEFAULT_ACCOUNT,
    PREFIX,
    Keys,
)
from customer_sources.contract.operations import OPERATIONS, Effect, Operation
from customer_sources.submission import build
from worker.cli import typed
from worker.cli.live import warn_where_live
from worker.cli.tell import Out, Output, Prefix, Url, tell

_PARAMETER_HELP = {
    "source": "A token or source: tok_..., btok_..., src_...",
    "card": "A card token.",
    "bank_account": "A bank account token.",
    "alipay_account": "A legacy token.",
    "metadata": "KEY=VALUE; repeatable.",
    "validate": "Passed on to Stripe.",
    "expand": "Field for Stripe to expand; repeatable.",
    "limit": "Sources on a page, 1 to 100; with --all-pages it changes nothing.",
    "starting_after": "Source after which the page begins.",
    "ending_before": "Source before which the page ends.",
    "object": "Only this kind: card, bank_account or source.",
    "account_holder_name": "Of a bank account.",
    "account_holder_type": "Of a bank account: individual or company.",
    "name": "Of a card.",
    "exp_month": "Of a card.",
    "exp_year": "Of a card.",
    "owner": 'Of a legacy source, as JSON: {"email": "a@example.com"}.',
    "amounts": "A deposit in cents; give both, in the order in which they came.",
}
_ADDRESS_HELP = "Of a card."
_WHEN = "2030-01-31T12:00:00Z, PT2H or P3D from now, or a number of seconds from now"

_OWN: Mapping[str, Mapping[str, tuple[Any, Any, str]]] = {
    "create": {
        "no_marker": (
            bool,
            False,
            "Leave no mark of the job in the source's metadata.",
        ),
        "watch": (
            bool,
            False,
            "Follow up a bank account until it is verified, or is not going to be.",
        ),
    },
    "list": {"all_pages": (bool, False, "Follow the pages to the end.")},
    "delete": {
        "missing_ok": (bool, False, "Take a source that is not there for deleted."),
    },
    "verify": {
        "when": (
            str | None,
            None,
            "deposits_arrived: wait until they can have; needs --added-at.",
        ),
        "added_at": (
            str | None,
            None,
            "When the bank account was added: 2030-01-31T12:00:00Z.",
        ),
        "use_reserve": (
            bool,
            False,
            "Use the last of Stripe's three guesses, which is kept for a person.",
        ),
    },
}
"""What may be said of one operation alone: its kind, its default, its words."""

_WORDS = {
    "create": (
        "Attach a source to a customer.",
        "sources create --customer cus_1 --source tok_visa --wait",
    ),
    "list": (
        "List the sources of a customer.",
        "sources list --customer cus_1 --all-pages --wait -o json",
    ),
    "get": (
        "Retrieve a source.",
        "sources get --customer cus_1 --id card_1 --account default --wait -o json",
    ),
    "update": (
        "Change a source; an empty text unsets a field.",
        "sources update --customer cus_1 --id card_1 --name Ada --wait",
    ),
    "delete": (
        "Delete a card or bank account, detach a legacy source.",
        "sources delete --customer cus_1 --id card_1 --missing-ok --no-livemode --wait",
    ),
    "verify": (
        "Verify a bank account by its two deposits; Stripe allows three guesses.",
        "sources verify --customer cus_1 --id ba_1 --amounts 32 --amounts 45 --wait",
    ),
}

Option = inspect.Parameter


def commands() -> dict[str, Callable[..., None]]:
    """Make the function of each command, by its name."""
    return {name: _command(operation) for name, operation in OPERATIONS.items()}


def _command(operation: Operation) -> Callable[..., None]:
    def run(**given: Any) -> None:
        _submit(operation, given)

    headline, example = _WORDS[operation.name]
    signature = inspect.Signature([*_options(operation)])
    run.__name__ = operation.name
    run.__doc__ = f"{headline}\n\nExample: {example}"
    run.__signature__ = signature  # type: ignore[attr-defined]  # typer reads it
    run.__annotations__ = {p.name: p.annotation for p in signature.parameters.values()}
    return run


def _options(operation: Operation) -> list[Option]:
    """Describe a command's options: the ids, Stripe's parameters, then ours."""
    options = [_option("customer", str, ..., "The customer's id, cus_...")]
    if operation.longest_id:
        options.append(_option("id", str, ..., "The source's id."))
    for field in msgspec.structs.fields(operation.params):
        kind = _kind(field.name, field.type)
        said = _PARAMETER_HELP.get(field.name, _ADDRESS_HELP)
        options.append(_option(field.name, kind, None, said))
    for name, (kind, default, said) in _OWN.get(operation.name, {}).items():
        options.append(_option(name, kind, default, said))
    if operation.effect is Effect.NONE:
        said = "Do not wait for the customer's other jobs."
        options.append(_option("unordered", bool, False, said))
    return [*options, *_COMMON]


def _option(name: str, kind: Any, default: Any, said: str, *names: str) -> Option:
    flag = f"--{name.replace('_', '-')}"
    annotation = Annotated[kind, typer.Option(*(names or (flag,)), help=said)]
    missing = Option.empty if default is ... else default
    return Option(name, Option.KEYWORD_ONLY, default=missing, annotation=annotation)


def _kind(name: str, declared: Any) -> Any:
    """Say how a parameter of the contract is typed on a command line."""
    if name in {"metadata", "expand", "amounts"}:
        return list[str] | None
    kinds = {kind for kind in get_args(declared) if kind is not NoneType}
    return next((kind | None for kind in (bool, int) if kinds == {kind}), str | None)


_COMMON = [
    _option(
        "idempotency_key",
        str | None,
        None,
        "Your name for this command; repeating it is harmless.",
    ),
    _option(
        "account",
        str,
        DEFAULT_ACCOUNT,
        f"The account, as the workers name it: {ACCOUNT_RULE}.",
    ),
    _option(
        "livemode",
        bool | None,
        None,
        "Only with a live key, or only with a test key: else fail and send nothing.",
        "--livemode/--no-livemode",
    ),
    _option("not_before", str | None, None, f"Send nothing before {_WHEN}."),
    _option("deadline", str | None, None, f"Send nothing after {_WHEN}."),
    _option("reference", str, "", "Comes back in the event."),
    _option("priority", str, "interactive", "interactive or bulk."),
    _option(
        "harmless",
        list[str] | None,
        None,
        "Field whose value looks like a card number and is none; repeatable.",
    ),
    _option(
        "job_id",
        str | None,
        None,
        "Repeat a call that failed, with the id from its error.",
    ),
    _option("wait", bool, False, "Wait until the job has ended.", "--wait"),
    _option(
        "timeout", float | None, None, "With --wait: give up waiting after SECONDS."
    ),
    Option("output", Option.KEYWORD_ONLY, default=Output.TEXT, annotation=Out),
    Option("redis_url", Option.KEYWORD_ONLY, default=None, annotation=Url),
    Option("prefix", Option.KEYWORD_ONLY, default=PREFIX, annotation=Prefix),
]


def _submit(operation: Operation, given: Mapping[str, Any]) -> None:
    """Submit a command as it was typed, and tell what became of it."""
    params, options, problems = typed.read(operation, given)
    address = {"customer": given["customer"], "source_id": given.get("id", "")}
    # All that is wrong is said before a store is asked anything.
    keys = Keys(given["prefix"])
    build(keys, operation.name, params, options, **address, found=problems)
    if operation.effect is not Effect.NONE:
        warn_where_live(given["redis_url"], given["prefix"])
    with CustomerSources(given["redis_url"], prefix=given["prefix"]) as client:
        job = client.submit(operation.name, params, options, **address)
        tell(job, wait=given["wait"], timeout=given["timeout"], output=given["output"])
