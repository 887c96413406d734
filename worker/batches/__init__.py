"""Batches, where the file is: it is read and planned, and results are written."""
