"""The least that passes for Stripe: answers every request at once, and counts.

    python -m bench.bare_api [seconds before each answer]

The sandbox judges every request and would be the bottleneck of a benchmark; this takes
a fifth of a millisecond. It prints its address and ends with its standard input.
"""

from __future__ import annotations

import asyncio
import re
import sys
from typing import cast

from bench.orphans import end_with_parent

COUNT = "/count"
"""A GET of this returns how many other requests were answered, as JSON."""

_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_CARD = """{
  "id": "card_%024d",
  "object": "card",
  "address_city": null,
  "address_country": null,
  "address_line1": null,
  "address_line1_check": null,
  "address_line2": null,
  "address_state": null,
  "address_zip": null,
  "address_zip_check": null,
  "allow_redisplay": "unspecified",
  "brand": "Visa",
  "country": "US",
  "customer": "cus_%014d",
  "cvc_check": "pass",
  "dynamic_last4": null,
  "exp_month": 8,
  "exp_year": 2031,
  "fingerprint": "Xt5EWLLDS7FJjR1c",
  "funding": "credit",
  "last4": "4242",
  "metadata": {},
  "name": null,
  "regulated_status": "unregulated",
  "tokenization_method": null,
  "wallet": null
}
"""


class Api(asyncio.Protocol):
    """One connection, kept alive. Requests of one connection come one by one."""

    delay = 0.0
    answered = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin with nothing read."""
        self._transport = cast("asyncio.Transport", transport)
        self._unread = b""

    def data_received(self, data: bytes) -> None:
        """Answer what has arrived completely."""
        self._unread += data
        while (head_ends := self._unread.find(b"\r\n\r\n")) >= 0:
            head = self._unread[:head_ends]
            length = _LENGTH.search(head)
            end = head_ends + 4 + (int(length[1]) if length else 0)
            if len(self._unread) < end:
                return
            self._unread = self._unread[end:]
            if head.startswith(b"GET %b " % COUNT.encode()):
                self._write(b"%d" % Api.answered)
            elif self.delay:
                asyncio.get_running_loop().call_later(self.delay, self._answer)
            else:
                self._answer()

    def _answer(self) -> None:
        Api.answered += 1
        self._write((_CARD % (Api.answered, Api.answered)).encode())

    def _write(self, body: bytes) -> None:
        if self._transport.is_closing():
            return
        self._transport.write(
            b"HTTP/1.1 200 OK\r\n"
            b"Content-Type: application/json\r\n"
            b"Request-Id: req_%014d\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (Api.answered, len(body), body)
        )


async def serve() -> None:
    """Listen on a free port until cancelled."""
    loop = asyncio.get_running_loop()
    async with await loop.create_server(Api, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        print(f"http://{host}:{port}", flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    end_with_parent()
    Api.delay = float(sys.argv[1]) if len(sys.argv) > 1 else 0.0
    asyncio.run(serve())
