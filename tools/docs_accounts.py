"""The section of `docs/configuration.md` on many accounts, with its example file."""

from config.rates import BURST_SECONDS, IN_FLIGHT, MARGIN, STRIPE_RATES
from config.rates import STRIPE_OPERATION_RATE as EACH
from customer_sources.contract.operations import OPERATIONS
from tools.docs_markdown import table

EXAMPLE = """\
[[account]]
name = "acme"                   # what commands say in `account`
key_file = "acme.key"           # a file with the key alone, beside this one
mode = "live"                   # optional: refuses a key of the other mode

[[account]]
name = "acme-test"
key = "sk_test_..."
rates = { account = 20, operation = 20, create = 10, in_flight = 16, burst = 0.1 }

[[account]]
name = "shop-7"
key_file = "/run/secrets/platform"
stripe_account = "acct_1Abc"    # a connected account, under a platform's key\
"""

INTRODUCTION = f"""\
## Several accounts

A worker acts for the account of `STRIPE_API_KEY`, which commands need not name (it is
called `default`), for those of the file that `SOURCES_ACCOUNTS_FILE` names, or for
both. Every worker of a ledger should have the same ones. The file is TOML:

```toml
{EXAMPLE}
```"""

AFTERWARDS = """\
A rate that is set stands as it is: no margin is taken from it.

The file, and the files of keys, are read again when they change, so that a key can be
replaced without a restart. A new version that is wrong changes nothing: the accounts
that were right before go on, and the line `accounts_file_invalid` in the log says all
that is wrong, by account and field. At its start a worker refuses such a file.
[`sources doctor`](cli.md#sources-doctor) says what it would take.

No key is ever logged, written to the store, or quoted by an error. A live key is
refused while `STRIPE_API_BASE` is not `https://`."""

A_SECOND = "requests a second"


def section() -> list[str]:
    """Give the blocks of the section."""
    rows = [(f"`{name}`", values, words) for name, values, words in _fields()]
    fields = table(("Field", "Values", "Meaning"), rows)
    return [INTRODUCTION, fields, AFTERWARDS]


def _fields() -> list[tuple[str, str, str]]:
    ours = {mode: f"{rate * (1 - MARGIN):g}" for mode, rate in STRIPE_RATES.items()}
    return [
        (
            "name",
            "1 to 40 characters of `a-z`, `0-9`, `_`, `-`; a letter or digit first",
            (
                "What commands say in `account`. Not `default` while `STRIPE_API_KEY` "
                "is set."
            ),
        ),
        ("key", "text", "A secret or restricted key."),
        (
            "key_file",
            "path",
            (
                "A file with nothing but the key, instead of `key`. A relative path "
                "counts from the folder of the accounts file."
            ),
        ),
        (
            "stripe_account",
            "`acct_...`",
            "Sent as `Stripe-Account`: a connected account under a platform's key.",
        ),
        ("mode", "`live` or `test`", "What the key has to be."),
        ("rates", "table", "How fast. Every field of it may be left out."),
        (
            "rates.account",
            A_SECOND,
            (
                f"Of the account, from all workers together. Otherwise {ours['live']} "
                f"with a live key and {ours['test']} with a test one: Stripe's "
                f"{STRIPE_RATES['live']:g} and {STRIPE_RATES['test']:g}, less "
                f"{MARGIN * 100:g} %."
            ),
        ),
        (
            "rates.operation",
            A_SECOND,
            (
                f"Of each operation. Otherwise {EACH * (1 - MARGIN):g}: Stripe's "
                f"{EACH:g}, less {MARGIN * 100:g} %."
            ),
        ),
        (
            "`, `".join(f"rates.{name}" for name in OPERATIONS),
            A_SECOND,
            "Of this operation, instead of `rates.operation`.",
        ),
        (
            "rates.in_flight",
            "whole number",
            (
                f"Requests in flight at once. Otherwise {IN_FLIGHT['live']} with a "
                f"live key, {IN_FLIGHT['test']} with a test one."
            ),
        ),
        (
            "rates.burst",
            "seconds",
            (
                "How long a pause may be made up for by requests that leave at once. "
                f"Otherwise `SOURCES_BURST_SECONDS`, {BURST_SECONDS:g} s."
            ),
        ),
    ]
