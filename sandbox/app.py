"""The sandbox behind ASGI: Stripe's paths, and `/_sandbox/` to look in and steer."""

import asyncio

from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.abort import abort
from sandbox.control import CONTROL, control_app
from sandbox.core import Sandbox
from sandbox.wire import Answer, Flow, Request


def create_app(sandbox: Sandbox) -> ASGIApp:
    """Return the ASGI application of a sandbox.

    It has no middleware: that would wrap `send`, which `abort` must see bare.
    """
    control, stripe = control_app(sandbox), StripeApi(sandbox)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        chosen: ASGIApp = control if scope["path"].startswith(CONTROL) else stripe
        await chosen(scope, receive, send)

    return app


class StripeApi:
    """The endpoints that Stripe has too."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or cut its connection."""
        request = await _read(scope, receive)
        if request is None:
            return
        try:
            answer = await _run(self._sandbox.flow(request))
            if answer is not None:
                await _send(answer, send)
                return
        except asyncio.CancelledError:
            # The server stops during a pause. There is nobody to pass this on to, and
            # uvicorn would take it for a mistake of ours.
            pass
        await abort(receive, send)


async def _read(scope: Scope, receive: Receive) -> Request | None:
    """Return the request, None where the client left before it was sent completely."""
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return Request(
        method=scope["method"],
        path=scope["raw_path"].decode("latin-1"),
        query=scope["query_string"].decode("latin-1"),
        headers={
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in scope["headers"]
        },
        body=body,
    )


async def _run(flow: Flow) -> Answer | None:
    """Run a flow to its end, with others between its steps."""
    try:
        while True:
            pause = next(flow)
            await asyncio.sleep(pause)
    except StopIteration as done:
        answer: Answer | None = done.value
        return answer


async def _send(answer: Answer, send: Send) -> None:
    headers = [
        (name.lower().encode("latin-1"), value.encode("latin-1"))
        for name, value in answer.headers
    ]
    headers.append((b"content-length", b"%d" % len(answer.body)))
    await send(
        {"type": "http.response.start", "status": answer.status, "headers": headers}
    )
    if answer.body_delay:
        await asyncio.sleep(answer.body_delay)
    await send({"type": "http.response.body", "body": answer.body})
