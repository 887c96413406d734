"""How a job runs: engine, policy, ledger, Stripe over HTTP."""
