"""Say in one line what to do when the Python is too old. Runs on any Python."""

import sys

NEEDED = (3, 11)

if sys.version_info < NEEDED:
    sys.stderr.write(
        "customer-sources needs Python %d.%d or newer; %s is %d.%d.\n"
        "Name a newer one, for example: make PYTHON=python3.11 demo\n"
        % (NEEDED[0], NEEDED[1], sys.executable, sys.version_info[0], sys.version_info[1])
    )
    sys.exit(1)
