"""What may come out of the queues: every entry becomes one of two messages of ours.

Anybody who can write to the store can push anything to the lists that workers read,
and kombu and Celery believe what they find there: some shapes end the process, go
back to the list and end the next one; others are logged in full, tokens and all. So
they never see a foreign entry. It is replaced where it leaves the store: by a wake-up
of which only the job ids are kept, or by a message that holds the entry as plain text,
for a task to read at leisure (`tasks.messages`).

Both are written here and pass unchanged, so one that kombu puts back is read again.
"""

from __future__ import annotations

import base64
import functools
import uuid
from collections.abc import Sequence
from typing import Any, Literal

import msgspec
from kombu.transport import redis as kombu_redis

from customer_sources.contract.names import TASK

READ_TASK = "messages.read"
"""The task that gets a foreign entry: its text, and its length in bytes."""
LONGEST_ENTRY = 131_072
"""Bytes of an entry that is read: a command of the greatest length, as Celery wraps
it. Of a longer one only the headers are kept, to tell its sender."""
LONGEST_HEADERS = 8_192
_LONGEST_OURS = 12 * LONGEST_ENTRY
"""An entry of any content, written as text inside a message of ours."""


class _Headers(msgspec.Struct):
    task: str


class _Properties(msgspec.Struct):
    body_encoding: Literal["base64"]


class _Message(msgspec.Struct):
    headers: _Headers
    properties: _Properties
    body: str


class _Outline(msgspec.Struct):
    headers: msgspec.Raw


_MESSAGE = msgspec.json.Decoder(_Message)
_OUTLINE = msgspec.json.Decoder(_Outline)
_ARGUMENTS: dict[str, msgspec.json.Decoder[Any]] = {
    TASK: msgspec.json.Decoder(tuple[tuple[list[str]], dict[str, Any], Any]),
    READ_TASK: msgspec.json.Decoder(tuple[tuple[str, int], dict[str, Any], Any]),
}
_UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)
"""Not JSON, not of the type, not base64, not Unicode, or nested too deeply."""


def admit(entry: bytes, queue: str) -> bytes:
    """Replace an entry by a message that Celery cannot stumble over. Pure.

    Args:
        entry: whatever was in the list.
        queue: the list's name without the prefix; a message that is not started
            goes back there.
    """
    task, arguments = _ours(entry) or (READ_TASK, _sealed(entry))
    message_id = str(uuid.uuid4())
    body = msgspec.json.encode([arguments, {}, {}])
    return msgspec.json.encode(
        {
            "body": base64.b64encode(body).decode(),
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": {
                "lang": "py",
                "task": task,
                "id": message_id,
                "root_id": message_id,
                "argsrepr": "(...)",  # log records carry it
                "kwargsrepr": "{}",
                "ignore_result": True,
            },
            "properties": {
                "correlation_id": message_id,
                "delivery_info": {"exchange": "", "routing_key": queue},
                "delivery_tag": str(uuid.uuid4()),
                "body_encoding": "base64",
                "priority": 0,
            },
        }
    )


def _ours(entry: bytes) -> tuple[str, Sequence[Any]] | None:
    """Read a message of this software's; None: it is none, or a damaged one."""
    if len(entry) > _LONGEST_OURS:
        return None
    try:
        message = _MESSAGE.decode(entry)
        task = message.headers.task
        if task not in _ARGUMENTS:
            return None
        body = _ARGUMENTS[task].decode(base64.b64decode(message.body))
    except _UNREADABLE:
        return None
    return task, body[0]


def _sealed(entry: bytes) -> tuple[str, int]:
    """Keep an entry as text, for a task to read; too long a one without its body."""
    size = len(entry)
    if size > LONGEST_ENTRY:
        entry = _outline(entry)
    return entry.decode(errors="replace"), size


def _outline(entry: bytes) -> bytes:
    try:
        headers = bytes(_OUTLINE.decode(entry).headers)
    except _UNREADABLE:
        return b""
    return b'{"headers":%b}' % headers if len(headers) <= LONGEST_HEADERS else b""


class _Client(kombu_redis.PrefixedStrictRedis):
    """Reads the queues through the front door."""

    def parse_response(self, connection: Any, command_name: str, **options: Any) -> Any:
        """Read a reply; kombu asks for that of its `BRPOP` by itself."""
        reply = super().parse_response(connection, command_name, **options)  # type: ignore[no-untyped-call]  # kombu has no types
        if command_name != "BRPOP" or not reply:
            return reply
        queue, entry = reply
        return queue, admit(entry, queue.decode())


class _Channel(kombu_redis.Channel):
    do_restore = False  # what is unacknowledged at an end is in a thread's hands

    def _get_client(self) -> Any:
        super()._get_client()  # type: ignore[no-untyped-call]  # checks versions
        return functools.partial(_Client, global_keyprefix=self.global_keyprefix)


class Transport(kombu_redis.Transport):
    """kombu's Redis transport, with the front door in it."""

    Channel = _Channel
