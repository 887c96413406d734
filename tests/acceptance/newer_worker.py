"""A worker of the version after this one, as far as the ledger can tell."""

from __future__ import annotations

import sys

from customer_sources.contract import names

if __name__ == "__main__":
    names.SCHEMA_VERSION += 1
    from worker.cli import main  # only now: others copy the number at their import

    sys.argv[1:] = ["worker", "--with-parent"]
    main()
