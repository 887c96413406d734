"""Watches: bank accounts that are followed up until they are verified."""
