"""Making job ids: random and time-ordered, or derived from an idempotency key."""

from __future__ import annotations

import hashlib
import re
import secrets

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's: no i, l, o, u
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
_SHIFTS = range(120, -1, -10)  # 26 characters of 5 bits each, for 128 bits
_JOB_ID = re.compile(r"job_[0-9a-hjkmnp-tv-z]{26}\Z")


def _encode(value: int) -> str:
    """Write 128 bits as 26 characters that sort like the number."""
    return "".join([_PAIRS[(value >> shift) & 1023] for shift in _SHIFTS])


def new_job_id(now_ms: int) -> str:
    """Make an id that nobody else makes and that sorts by time of submit."""
    return "job_" + _encode((now_ms << 80) | secrets.randbits(80))


def new_watch_id(now_ms: int) -> str:
    """Make the id of a watch, likewise."""
    return "watch_" + _encode((now_ms << 80) | secrets.randbits(80))


def job_id_for_key(account: str, idempotency_key: str) -> str:
    """Derive the id from the producer's key: the same key finds the same job.

    The id is also the Idempotency-Key that Stripe sees. So even if the whole store
    were lost, a producer that repeats its key within Stripe's 24 hours gets the
    first result again instead of a second effect.
    """
    seed = f"{account}\n{idempotency_key}".encode()
    digest = hashlib.blake2b(seed, digest_size=16, person=b"customer-sources").digest()
    return "job_" + _encode(int.from_bytes(digest))


def replay_id(job_id: str) -> str:
    """Derive the id of a job's replay: two operators at once make one job.

    It is the new job's Idempotency-Key too, where it has a new one. So a replay that
    the store lost, and that is done again, still is one replay to Stripe.
    """
    digest = hashlib.blake2b(job_id.encode(), digest_size=16, person=b"sources-replay")
    return "job_" + _encode(int.from_bytes(digest.digest()))


def derived_id(prefix: str, seed: str, person: bytes) -> str:
    """Derive an id: the same seed makes the same one, anywhere and at any time.

    Args:
        prefix: what the id begins with, `job_` say.
        seed: what it is made of.
        person: at most 16 bytes that tell one kind of seed from another.
    """
    digest = hashlib.blake2b(seed.encode(), digest_size=16, person=person).digest()
    return prefix + _encode(int.from_bytes(digest))


def is_job_id(text: str) -> bool:
    """Whether this has the shape of a job id."""
    return _JOB_ID.match(text) is not None


def new_token() -> str:
    """Make the nonce that fences one run: 64 random bits, never a counter.

    A counter could be valid again after a store has lost its last second.
    """
    return secrets.token_hex(8)
