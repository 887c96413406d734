"""`python -m worker.cli` is `sources`, wherever the script may be installed."""

from worker.cli.main import main

main()
