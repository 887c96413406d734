"""A machine that lets everything happen to a ledger, in any order, and looks.

- `picture`: all keys of a ledger at one moment; going back to it; letting it age.
- `stripe`: what was done at Stripe, by requests that leave, arrive late or never.
- `permits`: who may send now, and how many have sent.
- `runs`: what a worker knows in a run, and what it truthfully decides from that.
- `world`: a ledger with its clock in our hand, workers and a producer.
- `promise`: what must hold whatever happened.
- `rules`: what can happen.
"""
