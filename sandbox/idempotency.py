"""What was answered under which Idempotency-Key, for 24 hours."""

from dataclasses import dataclass
from hashlib import blake2b

import msgspec

from sandbox import errors
from sandbox.forms import Form
from sandbox.wire import Answer

MAX_KEY_LENGTH = 255

RETENTION = 24 * 60 * 60
"""Seconds after which a key may be forgotten, and is: a late retry must hurt here."""


@dataclass(slots=True)
class Entry:
    """The first request under a key, and its answer once there is one."""

    path: str
    digest: bytes
    first_seen: float
    request_id: str
    answer: Answer | None = None

    def is_expired(self, now: float) -> bool:
        """Return whether the key may be forgotten; never while it is in progress."""
        return self.answer is not None and now - self.first_seen >= RETENTION


class Keys:
    """The keys of one account. Each is in progress, answered, or unknown."""

    def __init__(self) -> None:
        # In the order of `first_seen`, so that the oldest are at the front.
        self._entries: dict[str, Entry] = {}

    def claim(
        self, key: str, *, path: str, form: Form, request_id: str, now: float
    ) -> Entry:
        """Return the entry of a key: answered before, or from now on in progress.

        The caller releases the entry when it is done with the request.

        Raises:
            RefusedError: 400 where the key is too long or was used for another
                request, 409 where that request is still in progress.
        """
        if len(key) > MAX_KEY_LENGTH:
            raise errors.key_too_long(MAX_KEY_LENGTH)
        self._forget_expired(key, now)
        digest = _digest(form)
        entry = self._entries.get(key)
        if entry is None:
            entry = Entry(path, digest, now, request_id)
            self._entries[key] = entry
            return entry
        if entry.path != path:
            raise errors.key_used_elsewhere(key, path, entry.path)
        if entry.digest != digest:
            raise errors.key_used_with_other_params(key)
        if entry.answer is None:
            raise errors.key_in_use(key)
        return entry

    def release(self, key: str, entry: Entry) -> None:
        """Forget a key whose request ended without an answer to save."""
        if entry.answer is None and self._entries.get(key) is entry:
            del self._entries[key]

    def _forget_expired(self, key: str, now: float) -> None:
        """Forget `key` if it is expired, and the oldest keys as long as they are."""
        wanted = self._entries.get(key)
        if wanted and wanted.is_expired(now):
            del self._entries[key]
        while self._entries:
            oldest = next(iter(self._entries))
            if not self._entries[oldest].is_expired(now):
                return
            del self._entries[oldest]


def _digest(form: Form) -> bytes:
    """Return what is equal for equal parameters, whatever their order."""
    return blake2b(msgspec.json.encode(form, order="sorted"), digest_size=16).digest()
