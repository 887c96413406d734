"""The two accounts of a chaos run, and how its workers are told of them.

Each has a key of its own and, at the sandbox, a world of its own, with the same
customers and sources in it: what is done in the wrong one succeeds there, and shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from config.rates import FASTEST
from customer_sources.contract.names import DEFAULT_ACCOUNT
from sandbox import auth

SECOND = "second"
WORLDS: Mapping[str, str] = {
    DEFAULT_ACCOUNT: auth.DEFAULT_ACCOUNT,
    SECOND: "acct_second",
}
"""What the sandbox calls the world of each account."""
ACCOUNTS = tuple(WORLDS)
RATES: Mapping[str, int] = {
    "account": FASTEST,
    "operation": FASTEST,
    "in_flight": 1_000,
}
"""So high that nothing stands in line for long, since what storms take of them grows
back by hundreds a second: what is measured is the promise."""
_FILE = f"""\
[[account]]
name = "{SECOND}"
key = "sk_test_{SECOND}"
stripe_account = "{WORLDS[SECOND]}"
rates = {{ {", ".join(f"{name} = {rate}" for name, rate in RATES.items())} }}
"""


def settings_for(directory: Path) -> dict[str, str]:
    """Write the file of accounts. Returns the settings of workers that act for both.

    Args:
        directory: where the file goes.
    """
    path = directory / "accounts.toml"
    path.write_text(_FILE, encoding="utf-8")
    return {
        "accounts_file": str(path),
        "account_rate": str(RATES["account"]),
        "operation_rate": str(RATES["operation"]),
        "in_flight": str(RATES["in_flight"]),
    }


def named(world: str) -> str:
    """Give the account of a world at the sandbox; a strange world is its own name."""
    return next((name for name, its in WORLDS.items() if its == world), world)
