"""Cut a connection without a byte of an answer, which ASGI has no message for."""

from starlette.types import Receive, Send


async def abort(receive: Receive, send: Send) -> None:
    """Close the socket under an ASGI request now, and return when it is closed.

    Uvicorn's `send` is a method of an object that holds the connection's transport.
    That is no promise of uvicorn's, so it is relied on here and nowhere else; a test
    over a real socket holds it.

    Raises:
        RuntimeError: this `send` has no transport, so the fault cannot be had.
    """
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is None:
        raise RuntimeError("cannot cut the connection: uvicorn has changed its send")
    transport.abort()
    # The request was read, so what comes next is the disconnect. Uvicorn answers 500
    # for an application that returns without an answer, unless it has seen it by then.
    await receive()
