"""Tokens: made once, used once, but for the published ones, which never wear out."""

from msgspec import UNSET, structs

from sandbox import errors, failures, params, published
from sandbox.execution import Execution
from sandbox.instruments import (
    bank_account_from_form,
    card_from_form,
    published_bank_account,
    published_card,
)
from sandbox.journal import Change
from sandbox.objects import BankAccount, Card, Token
from sandbox.state import Candidate, StoredToken

NOTHING: frozenset[str] = frozenset()


def create(x: Execution) -> Token:
    """Make a single-use token of a card or of a bank account."""
    params.known(x.form, {"card", "bank_account", "expand"})
    params.expand(x.form, NOTHING)
    kind = params.one_of(x.form, ("card", "bank_account"))
    read = card_from_form if kind == "card" else bank_account_from_form
    made = read(x, params.section(x.form, kind), kind)
    source = made.source
    token = Token(
        id=x.ids.new("tok" if kind == "card" else "btok"),
        bank_account=source if isinstance(source, BankAccount) else UNSET,
        card=source if isinstance(source, Card) else UNSET,
        created=x.now,
        type=kind,
    )
    x.account.tokens[token.id] = StoredToken(token, made._replace(token=token.id))
    x.record(Change.TOKEN_CREATED, token.id)
    return token


def get(x: Execution) -> Token:
    """Return a token; `used` tells whether it still can be used."""
    params.known(x.form, {"expand"})
    params.expand(x.form, NOTHING)
    stored = x.account.tokens.get(x.call.id)
    if stored is None:
        raise errors.missing_in_path("token", x.call.id, "token")
    return stored.token


def candidate(x: Execution, token_id: str) -> Candidate:
    """Return what a token stands for, without using it up.

    Raises:
        FailedError: there is no such token, or it was used before.
    """
    if token_id in published.CARD_TOKENS:
        return published_card(x, published.CARD_TOKENS[token_id])
    if token_id in published.BANK_TOKENS:
        return published_bank_account(x, published.BANK_TOKENS[token_id])
    stored = x.account.tokens.get(token_id)
    if stored is None:
        raise failures.missing_in_params("token", token_id, "source")
    if stored.token.used:
        raise failures.token_already_used(token_id)
    return stored.candidate


def use_up(x: Execution, token_id: str) -> None:
    """Note that a token was used; the published ones are not stored, and never are."""
    stored = x.account.tokens[token_id]
    used = structs.replace(stored.token, used=True)
    x.account.tokens[token_id] = stored._replace(token=used)
