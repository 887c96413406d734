"""Batches: many commands from one file, planned, brought in, run, accounted for."""
