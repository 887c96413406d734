"""The Celery message that wakes workers up, field for field as Celery writes it.

One audited producer: a malformed message kills Celery workers in turn, so nothing
else may push to the queues. It holds job ids only. Losing, repeating or delaying it
does no harm, because every live job also has a wake-up in the ledger.

Source: Celery's message protocol, version 2, and kombu's Redis transport.
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import Sequence

import msgspec

from customer_sources.contract.names import TASK

MOST_IDS = 100
"""Ids in one message. A message costs a worker 1.7-3 ms whatever it says."""

_EMBED = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}


def envelope(queue: str, job_ids: Sequence[str]) -> str:
    """Write the list entry that makes a worker run `jobs.run(job_ids)`."""
    message_id = str(uuid.uuid4())
    arguments = [[list(job_ids)], {}, _EMBED]
    body = base64.b64encode(msgspec.json.encode(arguments)).decode()
    message = msgspec.json.encode(
        {
            "body": body,
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": _headers(message_id, job_ids),
            "properties": {
                "correlation_id": message_id,
                "reply_to": "",
                "delivery_mode": 2,
                "delivery_info": {"exchange": "", "routing_key": queue},
                "priority": 0,
                "body_encoding": "base64",
                "delivery_tag": str(uuid.uuid4()),
            },
        }
    )
    return message.decode()


def _headers(message_id: str, job_ids: Sequence[str]) -> dict[str, object]:
    return {
        "lang": "py",
        "task": TASK,
        "id": message_id,
        "shadow": None,
        "eta": None,
        "expires": None,
        "group": None,
        "group_index": None,
        "retries": 0,
        "timelimit": [None, None],
        "root_id": message_id,
        "parent_id": None,
        "argsrepr": f"({list(job_ids)!r},)",
        "kwargsrepr": "{}",
        "origin": "customer-sources",
        "ignore_result": True,
        "replaced_task_nesting": 0,
        "stamped_headers": None,
        "stamps": {},
    }
