"""What producers, workers and consumers agree on. Pure: values in, values out.

Nothing in this package does I/O, so that the SDK, the worker and a test can all rely
on the very same definitions of a command, a state, an event and a name.
"""
