"""`sources create | list | get | update | delete | verify`: submit one command.

The options of each command are made from the operation's parameters in the contract,
so that none can be forgotten here; only their help stands in this file.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from datetime import timedelta
from types import NoneType
from typing import Annotated, Any, get_args

import msgspec
import typer

from customer_sources import CustomerSources
from customer_sources.contract.names import PREFIX
from customer_sources.contract.operations import OPERATIONS, Effect, Operation
from customer_sources.submission import Options
from worker.cli.tell import Out, Output, Prefix, Url, tell

_PARAMETER_HELP = {
    "source": "A token or source: tok_..., btok_..., src_...",
    "card": "A card token.",
    "bank_account": "A bank account token.",
    "alipay_account": "A legacy token.",
    "metadata": "KEY=VALUE; repeatable.",
    "validate": "Passed on to Stripe.",
    "expand": "Field for Stripe to expand; repeatable.",
    "limit": "Sources on a page, 1 to 100.",
    "starting_after": "Source after which the page begins.",
    "ending_before": "Source before which the page ends.",
    "object": "Only this kind: card, bank_account or source.",
    "account_holder_name": "Of a bank account.",
    "account_holder_type": "Of a bank account: individual or company.",
    "name": "Of a card.",
    "exp_month": "Of a card.",
    "exp_year": "Of a card.",
    "owner": 'Of a legacy source, as JSON: {"email": "a@example.com"}.',
    "amounts": "A deposit in cents; give it twice, in either order of arrival.",
}
_ADDRESS_HELP = "Of a card."

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
        "sources get --customer cus_1 --id card_1 --wait -o json",
    ),
    "update": (
        "Change a source; an empty text unsets a field.",
        "sources update --customer cus_1 --id card_1 --name Ada --wait",
    ),
    "delete": (
        "Delete a card or bank account, detach a legacy source.",
        "sources delete --customer cus_1 --id card_1 --missing-ok --wait",
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
    fields = msgspec.structs.fields(operation.params)

    def run(**given: Any) -> None:
        params = {field.name: given[field.name] for field in fields}
        _submit(operation, params, given)

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
    if operation.name == "list":
        options.append(
            _option("all_pages", bool, False, "Follow the pages to the end.")
        )
    if operation.name == "delete":
        said = "Take a source that is not there for deleted."
        options.append(_option("missing_ok", bool, False, said))
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
    if name in {"metadata", "expand"}:
        return list[str] | None
    if name == "amounts":
        return list[int] | None
    kinds = {kind for kind in get_args(declared) if kind is not NoneType}
    return next((kind | None for kind in (bool, int) if kinds == {kind}), str | None)


_COMMON = [
    _option(
        "idempotency_key",
        str | None,
        None,
        "Your name for this command; repeating it is harmless.",
    ),
    _option("not_before", float | None, None, "Send nothing for SECONDS."),
    _option("deadline", float | None, None, "Give up after SECONDS."),
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


def _submit(
    operation: Operation, params: dict[str, Any], given: Mapping[str, Any]
) -> None:
    """Submit a command as it was typed, and tell what became of it."""
    if "metadata" in params:
        params["metadata"] = _pairs(
            params["metadata"], unset=operation.name == "update"
        )
    if params.get("owner"):
        params["owner"] = _json("owner", params["owner"])
    for name in ("expand", "amounts"):  # typer gives an empty list for "not given"
        params = {**params, name: params.get(name) or None}
    params = {name: value for name, value in params.items() if value is not None}
    options = Options(
        idempotency_key=given["idempotency_key"],
        job_id=given["job_id"],
        not_before=_span(given["not_before"]),
        deadline=_span(given["deadline"]),
        reference=given["reference"],
        priority=given["priority"],
        ordered=not given.get("unordered", False),
        harmless=given["harmless"] or (),
        all_pages=given.get("all_pages", False),
        missing_ok=given.get("missing_ok", False),
    )
    with CustomerSources(given["redis_url"], prefix=given["prefix"]) as client:
        job = client.submit(
            operation.name,
            params,
            options,
            customer=given["customer"],
            source_id=given.get("id", ""),
        )
        tell(job, wait=given["wait"], timeout=given["timeout"], output=given["output"])


def _span(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)


def _pairs(given: list[str] | None, *, unset: bool) -> Mapping[str, str] | str | None:
    """Read KEY=VALUE options; one empty text unsets all metadata on update.

    Raises:
        typer.BadParameter: one has no `=`.
    """
    if unset and given == [""]:
        return ""
    pairs = [text.partition("=") for text in given or ()]
    for key, separator, _ in pairs:
        if not separator:
            raise typer.BadParameter(f"{key!r} is not KEY=VALUE", param_hint="metadata")
    return {key: value for key, _, value in pairs} or None


def _json(name: str, text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise typer.BadParameter(f"not JSON: {error}", param_hint=name) from None
