"""Verifying a bank account by the amounts of two micro-deposits, in three guesses."""

from msgspec import structs

from sandbox import errors, failures, params
from sandbox.execution import Execution
from sandbox.forms import Form
from sandbox.journal import Change
from sandbox.objects import BankAccount
from sandbox.sources import keep, source_of
from sandbox.state import Account, CustomerRecord, Deposits
from sandbox.views import SOURCE_PATHS, source_view

RIGHT_AMOUNTS = [32, 45]
"""Cents, in this order; what Stripe publishes for test bank accounts."""

MOST_MISSES = 3
"""Guesses that may miss; the account cannot be verified after the last of them."""


def verify(x: Execution) -> BankAccount:
    """Verify a bank account, if the amounts are right and the deposits are there.

    Raises:
        RefusedError: the amounts are malformed, or the path names no bank account.
        FailedError: 402 for amounts that are wrong or come too early or too late, 400
            for an account that is verified. Only a 402 for wrong or early amounts is
            counted.
    """
    params.known(x.form, {"amounts", "expand"})
    expand = params.expand(x.form, SOURCE_PATHS)
    amounts = _amounts(x.form)
    owner = x.customer()
    account = source_of(x, owner)
    if not isinstance(account, BankAccount):
        raise errors.missing_in_path("bank_account", account.id, "id")
    if account.status == "verified":
        raise failures.already_verified()
    deposits = owner.deposits[account.id]
    if deposits.misses == MOST_MISSES:
        raise failures.attempts_used_up()
    if deposits.bounced:
        raise failures.deposits_bounced()
    arrived = deposits.have_arrived(x.now, x.options.deposit_days)
    if not arrived or amounts != RIGHT_AMOUNTS:
        _count_miss(x, owner, account, deposits)
        raise failures.amounts_do_not_match()
    verified = structs.replace(account, status="verified")
    keep(x, owner, verified)
    x.record(Change.SOURCE_VERIFIED, account.id, metadata=account.metadata)
    return source_view(verified, owner, expand)


def bounce(account: Account, customer_id: str, source_id: str) -> None:
    """Let the deposits of a bank account come back, as a bank does: it has failed then.

    This is no request: it leaves nothing in the journal.

    Raises:
        ValueError: the customer has no such bank account that is not verified.
    """
    owner = account.customers.get(customer_id)
    source = owner.sources.get(source_id) if owner else None
    if not owner or not isinstance(source, BankAccount) or source.status == "verified":
        raise ValueError(f"{customer_id} has no unverified bank account {source_id}")
    owner.deposits[source_id].bounced = True
    owner.sources[source_id] = structs.replace(source, status="verification_failed")


def _amounts(form: Form) -> list[int]:
    given = params.array(form, "amounts")
    if not given:
        raise errors.missing_param("amounts")
    if len(given) != len(RIGHT_AMOUNTS):
        message = f"You must provide exactly two amounts, not {len(given)}."
        raise errors.invalid_param("amounts", message)
    return [params.integer(given, position, "amounts") for position in given]


def _count_miss(
    x: Execution, owner: CustomerRecord, account: BankAccount, deposits: Deposits
) -> None:
    deposits.misses += 1
    if deposits.misses == MOST_MISSES:
        keep(x, owner, structs.replace(account, status="verification_failed"))
    x.record(Change.VERIFICATION_ATTEMPT_FAILED, account.id, metadata=account.metadata)
