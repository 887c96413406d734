"""Every name that more than one process has to know. One definition each.

The Lua side forms the same key names in its preludes; a test compares the two.
"""

from __future__ import annotations

import hashlib
import re
from enum import StrEnum

from customer_sources.contract.card_data import looks_like_card_number
from customer_sources.contract.encoding import path_segment
from customer_sources.contract.errors import SettingInvalid
from customer_sources.contract.masking import mask_secrets

PREFIX = "sources:"
"""Default prefix of every key, so that a shared store can be read by a person."""

DEFAULT_ACCOUNT = "default"
"""The account of a ledger whose workers have one `STRIPE_API_KEY`."""
ACCOUNT_NAME = "[a-z0-9][a-z0-9_-]{0,39}"
"""The pattern of a whole name. It becomes part of keys, lanes and the seeds of ids, so
it has none of the characters that part those."""
ACCOUNT_RULE = (
    "1 to 40 of a-z, 0-9, _ and -, a letter or digit first; "
    "no card number, key or token"
)

INBOX_GROUP = "workers"
"""The one consumer group, and the one consumer, that read the inbox: an entry that a
dead worker left is taken over by any other."""
PRODUCER_TASK = "sources."
"""Prefix of the tasks that plain Celery producers send: `sources.create` and so on."""
TASK = "jobs.run"
"""The one Celery task: an old worker throws a message with an unknown name away."""

SCHEMA_VERSION = 2
"""Highest version of a job's record and command that is known here. A worker leaves
newer ones to a newer one."""
FIRST_VERSION = 1
"""What any worker can run: it has no need of what version 2 brought, guesses that are
counted, jobs that find out when they may be sent, and watches."""

MARKER = "customer_sources_job"
"""Metadata key that create writes, so that a list can prove which job made a source.

Cards and bank accounts carry no time of creation (Stripe's OpenAPI description), so
without it nobody could tell our card from one that was there before.
"""


class Class(StrEnum):
    """How urgent a job is; decides its queue and, later, its share of the rate."""

    INTERACTIVE = "interactive"
    SCHEDULED = "scheduled"
    BULK = "bulk"

    @property
    def queue(self) -> str:
        """The Celery queue that jobs of this class are rung on."""
        return QUEUES[self]


INTERACTIVE_QUEUE = "sources.interactive"
BULK_QUEUE = "sources.bulk"
QUEUES = {
    Class.INTERACTIVE: INTERACTIVE_QUEUE,
    Class.SCHEDULED: BULK_QUEUE,
    Class.BULK: BULK_QUEUE,
}

_ACCOUNT_NAME = re.compile(ACCOUNT_NAME)
_LONGEST_FIELD = 64
"""A hash field over 64 bytes turns the whole record into a 4 times larger encoding."""


def is_account_name(name: object) -> bool:
    """Whether an account may be called so, by workers and by commands.

    Keys and card numbers have the shape of a name, and events tell names unmasked.
    """
    return (
        isinstance(name, str)
        and _ACCOUNT_NAME.fullmatch(name) is not None
        and not looks_like_card_number(name)
        and mask_secrets(name) == name
    )


def lane_name(account: str, customer: str) -> str:
    """Name the lane of one customer of one account, in at most 64 bytes."""
    name = f"{account}:{customer}"
    if len(name.encode()) <= _LONGEST_FIELD:
        return name
    return "#" + hashlib.blake2b(name.encode(), digest_size=16).hexdigest()


def target_name(account: str, customer: str, source: str) -> str:
    """Name one source of one customer of one account, likewise in at most 64 bytes."""
    name = f"{account}:{path_segment(customer)}/{path_segment(source)}"
    if len(name) <= _LONGEST_FIELD:
        return name
    return "#" + hashlib.blake2b(name.encode(), digest_size=16).hexdigest()


PREFIX_RULE = "must have 1 to 32 characters, no spaces, and none of * ? [ ] \\"
_PREFIX = re.compile(r"[!-~]{1,32}")


def is_prefix(text: object) -> bool:
    """Whether keys may begin so: never with nothing, nor with what a pattern means."""
    return (
        isinstance(text, str)
        and _PREFIX.fullmatch(text) is not None
        and not {*text} & {*"*?[]\\"}
    )


class Keys:
    """The keys of one ledger. Each line: type, content, life.

    Raises:
        SettingInvalid: the prefix is none.
    """

    def __init__(self, prefix: str = PREFIX) -> None:
        if not is_prefix(prefix):
            raise SettingInvalid(f"the prefix {PREFIX_RULE}")
        self.prefix = prefix
        self.events = f"{prefix}events"
        """Stream of CloudEvents; trimmed to a stated length."""
        self.inbox = f"{prefix}inbox"
        """Stream of commands from any language. An entry goes when it is a job."""
        self.pulse = f"{prefix}pulse"
        """String: time of the last upkeep pass (ms). Stays."""
        self.meta = f"{prefix}meta"
        """Hash: clock mark and schema version. Stays."""
        self.review = f"{prefix}review"
        """Sorted set: jobs that need review, by time. Trimmed by age."""
        self.workers = f"{prefix}workers"
        """Sorted set: boot ids of worker processes, by the time (ms) until which they
        are alive. Expires when none is."""
        self.poison = f"{prefix}poison"
        """List, bounded: wake-ups whose record could not be read. Expires."""
        self.accounts = f"{prefix}accounts"
        """Set: names of accounts that were announced or suspended. Stays."""
        self.gates = f"{prefix}gates"
        """Sorted set: `{account}|{operation}` by the time (ms) to look at its lines.
        Gone when nobody stands in one."""
        self.batches = f"{prefix}batches"
        """Sorted set: ids of batches, by the time (ms) of opening. Trimmed by age."""
        self.active_batches = f"{prefix}batches:active"
        """Set: batches that workers look after. Gone when empty."""
        self.urgent = f"{prefix}urgent"
        """Hash: lanes in which an interactive job stands behind others, and the place
        of the last of these. A lane goes when nobody stands before it."""
        self.watches = f"{prefix}watches"
        """Sorted set: bank accounts that are watched (`target_name`), by the time (ms)
        of the next look. Gone when empty."""
        self.ended_watches = f"{prefix}watches:ended"
        """Sorted set: those whose watch has ended, by when. Trimmed by age."""
        self.undecided = f"{prefix}undecided"
        """Sorted set: verify jobs that decided nothing, in order. Gone when empty."""
        self.sweep = f"{prefix}sweep"
        """Hash: the sweep over them that goes on, or was the last. Stays."""

    def job(self, job_id: str) -> str:
        """Hash: the record. No TTL while live, then the retention."""
        return f"{self.prefix}job:{job_id}"

    def command(self, job_id: str) -> str:
        """String: the command as submitted. As long as the job is live."""
        return f"{self.prefix}job:{job_id}:cmd"

    def result(self, job_id: str) -> str:
        """String: Stripe's object or the error, as JSON. The retention."""
        return f"{self.prefix}job:{job_id}:result"

    def log(self, job_id: str) -> str:
        """List: the job's story, a line for each run; bounded. With the record."""
        return f"{self.prefix}job:{job_id}:log"

    def tombstone(self, job_id: str) -> str:
        """String: fingerprint and state of a keyed job. The window of a key."""
        return f"{self.prefix}done:{job_id}"

    def lane(self, lane: str) -> str:
        """Sorted set: ids of a lane's jobs in order. Gone when empty."""
        return f"{self.prefix}lane:{lane}"

    def wake(self, job_class: str) -> str:
        """Sorted set: `j:{id}` by the time somebody must look. Gone when empty."""
        return f"{self.prefix}wake:{job_class}"

    def account(self, name: str) -> str:
        """Hash: how fast an account may send, what it has sent, its trouble. Stays."""
        return f"{self.prefix}account:{name}"

    def line(self, account: str, operation: str, job_class: str) -> str:
        """Sorted set: ids of jobs in line, by when it was accepted. Gone when empty."""
        return f"{self.prefix}waiting:{account}:{operation}:{job_class}"

    def flight(self, account: str, operation: str = "") -> str:
        """Sorted set: requests in flight, by when each is forgotten (ms). Expires."""
        return f"{self.prefix}flight:{account}" + (operation and f":{operation}")

    def batch(self, batch_id: str) -> str:
        """Hash: how far a batch is. Live: no TTL, then the retention of batches."""
        return f"{self.prefix}batch:{batch_id}"

    def batch_manifest(self, batch_id: str) -> str:
        """String: what was planned, as JSON. With the batch."""
        return f"{self.prefix}batch:{batch_id}:manifest"

    def batch_chunk(self, batch_id: str, number: int) -> str:
        """String: rows of a batch, compressed. With the batch."""
        return f"{self.prefix}batch:{batch_id}:chunk:{number}"

    def batch_outcomes(self, batch_id: str, number: int) -> str:
        """Hash of outcomes by row; a string, once the chunk is whole. Likewise."""
        return f"{self.prefix}batch:{batch_id}:out:{number}"

    def batch_live(self, batch_id: str) -> str:
        """Sorted set: `{chunk}:{job}` of rows in flight, by row. Gone when empty."""
        return f"{self.prefix}batch:{batch_id}:live"

    def attempts(self, target: str) -> str:
        """Hash: guesses at the amounts of a bank account (`target_name`). Expires."""
        return f"{self.prefix}attempts:{target}"

    def watch(self, target: str) -> str:
        """Hash: the watch of a bank account. Live: no TTL, then the retention."""
        return f"{self.prefix}watch:{target}"

    @property
    def sweep_slots(self) -> str:
        """Sorted set: rules by which sweeps come, by the last slot (ms). Stays."""
        return f"{self.sweep}:slots"

    def done_channel(self, job_id: str) -> str:
        """Pub/sub channel on which the end of a job is published."""
        return f"{self.prefix}ended:{job_id}"

    def queue(self, queue: str) -> str:
        """List: Celery messages, wake-ups only. Gone when empty."""
        return f"{self.prefix}{queue}"
