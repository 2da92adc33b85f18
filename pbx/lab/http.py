"""A small HTTP/1.1 server on Trio for the simulators: it can also be slow, and hang up mid-answer.

A full web framework offers no way to break off an answer, and that is what a phone system does
when it restarts. Binds to loopback addresses only.
"""

from __future__ import annotations

import base64
import binascii
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

import h11
import trio

MAX_BODY = 64 * 1024 * 1024
_IDLE_S = 60.0


@dataclass(frozen=True, slots=True)
class Request:
    """A request: `local` is the address of ours at which it arrived."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes
    local: str

    def credentials(self) -> tuple[str, str] | None:
        """User and password of HTTP Basic; None where there are none."""
        scheme, _, value = self.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return user, password


@dataclass(frozen=True, slots=True)
class Response:
    """An answer. `cut` hangs up after half of the body."""

    status: int = 200
    body: bytes = b""
    content_type: str = "text/xml; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    cut: bool = False


Handler = Callable[[Request], Awaitable[Response]]
Stream = trio.SocketStream | trio.SSLStream[trio.SocketStream]


async def listen(host: str, port: int) -> trio.SocketListener:
    """A listening socket on a loopback address; port 0 takes any that is free."""
    if not host.startswith("127."):
        raise ValueError(f"the lab listens on loopback addresses only, not on {host}")
    listeners = await trio.open_tcp_listeners(port, host=host)
    return listeners[0]


def port_of(listener: trio.SocketListener) -> int:
    """The port a listener got."""
    return int(listener.socket.getsockname()[1])


async def serve(
    listeners: Sequence[trio.SocketListener], handler: Handler, tls: ssl.SSLContext | None = None
) -> None:
    """Answer requests until cancelled. A broken connection ends that connection only."""

    async def one(stream: trio.SocketStream) -> None:
        local = str(stream.socket.getsockname()[0])
        secured: Stream = stream
        if tls is not None:
            secured = trio.SSLStream(stream, tls, server_side=True, https_compatible=True)
        try:
            async with secured:
                await _connection(secured, local, handler)
        except (OSError, trio.BrokenResourceError, trio.ClosedResourceError, h11.ProtocolError):
            return

    await trio.serve_listeners(one, list(listeners))


async def _connection(stream: Stream, local: str, handler: Handler) -> None:
    http = h11.Connection(h11.SERVER)
    while True:
        request: Request | None = None
        with trio.move_on_after(_IDLE_S):
            request = await _request(http, stream, local)
        if request is None:
            return
        response = await handler(request)
        await _answer(http, stream, response, head=request.method == "HEAD")
        if response.cut or http.our_state is not h11.DONE or http.their_state is not h11.DONE:
            return
        http.start_next_cycle()


async def _request(http: h11.Connection, stream: Stream, local: str) -> Request | None:
    head: h11.Request | None = None
    body = bytearray()
    while True:
        event = http.next_event()
        if event is h11.NEED_DATA:
            if http.they_are_waiting_for_100_continue:
                await stream.send_all(http.send(_continue()) or b"")
            http.receive_data(bytes(await stream.receive_some(65536)))
        elif isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > MAX_BODY:
                return None
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            return _as_request(head, bytes(body), local)
        else:
            return None


def _continue() -> h11.InformationalResponse:
    return h11.InformationalResponse(status_code=100, headers=[])


def _as_request(head: h11.Request, body: bytes, local: str) -> Request:
    parts = urlsplit(head.target.decode())
    headers = {name.decode().lower(): value.decode("latin-1") for name, value in head.headers}
    query = parse_qs(parts.query, keep_blank_values=True)
    return Request(head.method.decode(), parts.path, query, headers, body, local)


async def _answer(http: h11.Connection, stream: Stream, response: Response, *, head: bool) -> None:
    headers = {
        "content-type": response.content_type,
        "content-length": str(len(response.body)),
        **response.headers,
    }
    start = h11.Response(status_code=response.status, headers=list(headers.items()))
    await stream.send_all(http.send(start) or b"")
    if response.cut:
        half = response.body[: len(response.body) // 2]
        await stream.send_all(http.send(h11.Data(data=half)) or b"")
        return
    data = b"" if head else response.body
    sent = http.send(h11.Data(data=data)) or b""
    await stream.send_all(sent + (http.send(h11.EndOfMessage()) or b""))
