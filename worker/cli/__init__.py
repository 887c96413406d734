"""`sources`: the command line over the same functions that the service uses."""

from worker.cli.main import main

__all__ = ["main"]
