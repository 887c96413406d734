"""Events: what consumers are told, as CloudEvents 1.0.

A job has exactly one terminal event; its `id` is `{job id}:terminal`, so a consumer
that sees it twice (after a store has been rolled back, say) can recognise it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from customer_sources.contract.card_data import (
    holds_card_number,
    looks_like_card_number,
)
from customer_sources.contract.commands import Command
from customer_sources.contract.errors import Problem
from customer_sources.contract.masking import (
    mask_numbers,
    mask_secrets,
    mask_sentence,
)
from customer_sources.contract.moments import LAST_MOMENT_MS
from customer_sources.contract.names import is_account_name
from customer_sources.contract.operations import OPERATIONS
from customer_sources.contract.states import State
from customer_sources.contract.texts import is_unicode

TYPE_PREFIX = "dev.customersources."
DATA_SCHEMA = "urn:customer-sources:event:1"

_SOURCE_FIELDS = (
    # who and what
    "id",
    "object",
    "customer",
    "livemode",
    "created",
    "deleted",
    "status",
    "type",
    "usage",
    "metadata",
    # cards
    "brand",
    "country",
    "cvc_check",
    "exp_month",
    "exp_year",
    "fingerprint",
    "funding",
    "last4",
    "name",
    "tokenization_method",
    "address_city",
    "address_country",
    "address_line1",
    "address_line1_check",
    "address_line2",
    "address_state",
    "address_zip",
    "address_zip_check",
    # bank accounts
    "account_holder_name",
    "account_holder_type",
    "account_type",
    "bank_name",
    "currency",
    "default_for_currency",
    "routing_number",
)
"""What of a Stripe object is told. Everything else stays behind: a field that Stripe
adds tomorrow, and `client_secret`, which opens a payment, today."""

_ERROR_FIELDS = ("code", "decline_code", "message", "param", "type", "request_id")
EVIDENCE_FIELDS = ("existing", "body_sha256")
"""What a worker adds to an error: the id of the bank account that exists already, the
beginning of the hash of the body that a key was not first used with."""


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One CloudEvent. Attribute names are CloudEvents', with its extensions."""

    id: str
    type: str
    source: str
    time: str
    specversion: str = "1.0"
    datacontenttype: str = "application/json"
    dataschema: str = DATA_SCHEMA
    subject: str = ""
    """The source's id, where one is known."""
    partitionkey: str = ""
    """The customer's id: events of one customer are in order."""
    correlationid: str = ""
    """The job's id."""
    causationid: str = ""
    """The producer's own reference."""
    data: dict[str, Any] = {}

    def encode(self) -> bytes:
        """Write the event as it stands on the stream. Defaults that matter included."""
        return msgspec.json.encode(
            {
                name: value
                for name, value in msgspec.structs.asdict(self).items()
                if value != ""
            }
        )


def terminal_event(
    job_id: str,
    command: Command | None,
    state: State,
    *,
    now_ms: int,
    details: Mapping[str, Any],
    outcome: str = "succeeded",
    attempts: Mapping[str, int] | None = None,
) -> Event:
    """Compose the one terminal event of a job.

    Args:
        job_id: the job.
        command: what was asked; None where it could not be read.
        state: the terminal state.
        now_ms: when, in milliseconds since the epoch.
        details: the Stripe object (`told`) or the error (`told_error`).
        outcome: of a success, the word for how it is known to be one.
        attempts: of a verify: `used` and `left` of the guesses at its account.
    """
    succeeded = state is State.SUCCEEDED
    verb = f"source_job.{state.value}"
    if succeeded and command is not None:
        verb = OPERATIONS[command.operation].event
    data: dict[str, Any] = {"state": state.value}
    if command is not None:
        data |= {"operation": command.operation, "account": command.account}
    if succeeded and outcome not in PLAIN_SUCCESSES:
        data["outcome"] = outcome
    if attempts:
        data["attempts"] = dict(attempts)
    what = "list" if details.get("object") == "list" else "source"
    data[what if succeeded else "error"] = dict(details)
    known_id = details.get("id") if succeeded else None
    return Event(
        id=f"{job_id}:terminal",
        type=TYPE_PREFIX + verb,
        source="/customer-sources" + (f"/{command.account}" if command else ""),
        time=rfc3339(now_ms),
        subject=str(known_id or (command.id if command else "")),
        partitionkey=command.customer if command else "",
        correlationid=job_id,
        causationid=command.reference if command else "",
        data=data,
    )


PLAIN_SUCCESSES = frozenset({"succeeded", "replayed"})
"""Stripe said so, to the first request or to its repeat: nothing needs to be added."""


def rejected_event(
    event_id: str, problems: Sequence[Problem], *, now_ms: int, asked: Mapping[str, Any]
) -> Event:
    """Compose the event of a command that could not become a job.

    Args:
        event_id: names the command: where it came from, its id there, and that it was
            rejected. An id there that must not be told is told as its hash.
        problems: what is wrong, each with its field; they quote no value.
        now_ms: when, in milliseconds since the epoch.
        asked: the command as far as it could be read.
    """

    def text(name: str) -> str:
        value = asked.get(name)
        short = isinstance(value, str) and len(value) <= _LONGEST_ECHO
        is_fit = short and _may_be_told(str(value))
        return mask_secrets(str(value)) if is_fit else ""

    account = asked.get("account")
    return Event(
        id=_told_id(event_id),
        type=f"{TYPE_PREFIX}source_job.rejected",
        source="/customer-sources",
        time=rfc3339(now_ms),
        partitionkey=text("customer"),
        causationid=text("reference"),
        data={
            "state": "rejected",
            "operation": text("operation"),
            **({"account": account} if is_account_name(account) else {}),
            "problems": [
                {"field": problem.field[:_LONGEST_ECHO], "message": problem.message}
                for problem in problems
            ],
        },
    )


_LONGEST_ECHO = 255
"""What of a rejected command comes back: enough to recognise it, no more."""


def _may_be_told(text: str) -> bool:
    return is_unicode(text) and not (
        looks_like_card_number(text) or holds_card_number(text)
    )


def _told_id(event_id: str) -> str:
    """Hide an id that a producer chose, should it be a card number or a token."""
    where, _, rest = event_id.partition(":")
    chosen, _, verb = rest.rpartition(":")
    hidden = mask_secrets(chosen) != chosen or len(event_id) > _LONGEST_ECHO
    if not hidden and _may_be_told(chosen):
        return event_id
    digest = hashlib.blake2b(chosen.encode(errors="surrogatepass"), digest_size=16)
    return f"{where}:#{digest.hexdigest()}:{verb}"


def told(stripe_object: Mapping[str, Any]) -> dict[str, Any]:
    """Reduce a Stripe object to the fields that may leave the worker."""
    kept = {
        name: stripe_object[name] for name in _SOURCE_FIELDS if name in stripe_object
    }
    if isinstance(kept.get("customer"), Mapping):  # expanded: a whole person
        kept["customer"] = kept["customer"].get("id")
    return {name: value for name, value in kept.items() if _is_flat(name, value)}


def _is_flat(name: str, value: object) -> bool:
    """Whether a field holds what its name says, with nothing hidden inside it."""
    if name == "metadata":
        return isinstance(value, Mapping)
    return value is None or isinstance(value, bool | int | float | str)


def told_list(page: Mapping[str, Any]) -> dict[str, Any]:
    """Reduce a list of Stripe's to objects that may leave the worker."""
    return {
        "object": "list",
        "has_more": page.get("has_more") is True,
        "data": [told(item) for item in page["data"] if isinstance(item, Mapping)],
    }


def told_error(error: Mapping[str, Any]) -> dict[str, Any]:
    """Reduce an error to the fields that may leave the worker, tokens masked."""
    kept = {
        name: str(error[name])
        for name in _ERROR_FIELDS
        if isinstance(error.get(name), str | int) and error[name]
    }
    about_amounts = kept.get("param", "").startswith("amounts")
    sentence = mask_numbers if about_amounts else mask_sentence
    masks = {"message": sentence, "param": mask_sentence}
    return {name: masks.get(name, mask_secrets)(value) for name, value in kept.items()}


def rfc3339(now_ms: int) -> str:
    """Write a time as CloudEvents wants it: `2026-01-31T12:00:00.123Z`.

    A moment past the year 9999, which no calendar here has, is told as its end.
    """
    moment = _EPOCH + timedelta(milliseconds=min(now_ms, LAST_MOMENT_MS))
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
