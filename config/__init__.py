"""Settings and logging of the service. Imports nothing of ours but the contract."""
