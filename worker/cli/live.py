"""The banner over every command that would change real customers.

A producer has no Stripe key, and need not know which one the workers have. So they
write down its mode when they start, and whoever is about to change something reads it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from config.keys import LIVE_KEYS
from config.masks import mask_url
from config.settings import Settings
from customer_sources.contract.names import Keys
from customer_sources.store import connect, in_our_words
from worker.cli.say import warn_of_live_key

KEY = str(Settings.variables()["stripe_api_key"])


def warn_where_live(url: str | None, prefix: str) -> None:
    """Print the banner where this store's workers, or this shell, have a live key.

    A store that does not answer ends the command here, before it has changed anything:
    without the workers' word nobody could say what it would change.

    Args:
        url: the store; None takes the default.
        prefix: of its keys.

    Raises:
        LedgerUnavailable: the store did not answer; nothing was written.
    """
    url = url or Settings.model_fields["redis_url"].default
    if live_here(os.environ):
        warn_of_live_key(f"{KEY} here")
    elif live_there(url, prefix):
        warn_of_live_key(f"the workers of {mask_url(url)}")


def live_here(environment: Mapping[str, str]) -> bool:
    """Whether a worker started here would have a live key; names ignore case."""
    return any(
        name.upper() == KEY and value.startswith(LIVE_KEYS)
        for name, value in environment.items()
    )


def live_there(url: str, prefix: str) -> bool:
    """Ask the store for its workers' word. Where none has ever started there is none.

    Raises:
        LedgerUnavailable: the store did not answer.
    """
    with in_our_words(), connect(url) as store:
        mode: object = store.hget(Keys(prefix).meta, "mode")
    return mode == "live"
