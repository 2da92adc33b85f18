"""An SMTP server that keeps what it is sent, decoded, for people and tests to look at."""

from __future__ import annotations

import base64
import binascii
import email
import email.policy
import ssl
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage

import trio

from telephony.clock import Clock, iso_z, system_clock

_MAX_MESSAGE = 32 * 1024 * 1024
_KEPT = 5000


@dataclass(frozen=True, slots=True)
class LabMail:
    """A message as it arrived: the envelope, and subject and text decoded."""

    sender: str
    recipients: tuple[str, ...]
    subject: str
    text: str
    html: str
    received_at: datetime
    headers: dict[str, str] = field(default_factory=dict[str, str])

    def as_json(self) -> dict[str, object]:
        """For `GET /mail`."""
        return {
            "from": self.sender,
            "to": list(self.recipients),
            "subject": self.subject,
            "text": self.text,
            "html": self.html,
            "received_at": iso_z(self.received_at),
            "headers": self.headers,
        }


class MailCatcher:
    """Takes every message. With `credentials` it asks for them, with `tls` it offers STARTTLS.

    `fault` makes it answer so to every command but QUIT: `451 try later`, say.
    """

    def __init__(
        self,
        clock: Clock = system_clock,
        credentials: tuple[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.messages: list[LabMail] = []
        self.fault: str | None = None
        self.credentials = credentials
        self.tls = tls
        self._clock = clock
        self._arrived = trio.Event()

    async def serve(self, listener: trio.SocketListener) -> None:
        """Take mail until cancelled."""
        await trio.serve_listeners(self._session, [listener])

    async def arrived(self, count: int) -> list[LabMail]:
        """Wait until there are at least `count` messages; give them."""
        while len(self.messages) < count:
            await self._arrived.wait()
        return list(self.messages)

    async def _session(self, stream: trio.SocketStream) -> None:
        try:
            async with stream:
                await _Session(self, stream).run()
        except (OSError, trio.BrokenResourceError, trio.ClosedResourceError, ValueError):
            return

    def keep(self, sender: str, recipients: tuple[str, ...], data: bytes) -> None:
        """Decode a message and keep it."""
        parsed = email.message_from_bytes(data, policy=email.policy.default)
        assert isinstance(parsed, EmailMessage)  # noqa: S101 - the default policy makes no other
        self.messages.append(
            LabMail(
                sender,
                recipients,
                str(parsed.get("Subject", "")),
                _part(parsed, "plain"),
                _part(parsed, "html"),
                self._clock(),
                {name: str(value) for name, value in parsed.items()},
            )
        )
        del self.messages[:-_KEPT]
        self._arrived.set()
        self._arrived = trio.Event()


def _part(message: EmailMessage, kind: str) -> str:
    body = message.get_body(preferencelist=(kind,))
    return str(body.get_content()) if isinstance(body, EmailMessage) else ""


class _Session:
    """One connection of a mail client."""

    def __init__(self, catcher: MailCatcher, stream: trio.SocketStream) -> None:
        self._catcher = catcher
        self._stream: trio.SocketStream | trio.SSLStream[trio.SocketStream] = stream
        self._plain = stream
        self._buffer = bytearray()
        self._sender = ""
        self._recipients: list[str] = []
        self._secured = False
        self._known = catcher.credentials is None

    async def run(self) -> None:
        await self._say("220 lab.invalid ESMTP")
        while True:
            line = (await self._line()).decode("utf-8", "replace")
            verb, _, rest = line.partition(" ")
            verb = verb.upper()
            if verb == "QUIT":
                await self._say("221 bye")
                return
            if self._catcher.fault is not None:
                await self._say(self._catcher.fault)
            elif verb == "STARTTLS" and self._catcher.tls is not None and not self._secured:
                await self._start_tls(self._catcher.tls)
            elif verb == "AUTH":
                await self._authenticate(rest)
            elif verb == "DATA":
                await self._data()
            else:
                await self._say(self._reply(verb, rest))

    def _reply(self, verb: str, rest: str) -> str:
        if verb in ("EHLO", "HELO"):
            offers = ["lab.invalid", "8BITMIME", "SMTPUTF8"]
            offers += ["STARTTLS"] if self._catcher.tls and not self._secured else []
            offers += ["AUTH PLAIN LOGIN"] if self._catcher.credentials else []
            if verb == "HELO":
                offers = offers[:1]
            return "\r\n".join([f"250-{offer}" for offer in offers[:-1]] + [f"250 {offers[-1]}"])
        if verb in ("NOOP", "RSET"):
            self._recipients.clear()
            return "250 ok"
        if verb == "MAIL" and not self._known:
            return "530 5.7.0 Authentication required"
        if verb == "MAIL":
            self._sender = _address(rest)
            return "250 ok"
        if verb == "RCPT":
            self._recipients.append(_address(rest))
            return "250 ok"
        return "502 5.5.1 not implemented"

    async def _data(self) -> None:
        if not self._recipients:
            await self._say("503 5.5.1 no recipients")
            return
        await self._say("354 go on")
        data = bytearray()
        while (line := await self._line()) != b".":
            data += (line[1:] if line.startswith(b".") else line) + b"\r\n"
            if len(data) > _MAX_MESSAGE:
                raise ValueError("message too long")
        self._catcher.keep(self._sender, tuple(self._recipients), bytes(data))
        self._recipients.clear()
        await self._say("250 2.0.0 kept")

    async def _start_tls(self, context: ssl.SSLContext) -> None:
        await self._say("220 go on")
        secured = trio.SSLStream(self._plain, context, server_side=True)
        await secured.do_handshake()
        self._stream, self._secured = secured, True
        self._buffer.clear()

    async def _authenticate(self, rest: str) -> None:
        method, _, initial = rest.partition(" ")
        if method.upper() == "PLAIN":
            answer = initial or await self._ask("")
            _, _, both = answer_text(answer).partition("\0")
            user, _, password = both.partition("\0")
        else:
            user = answer_text(initial or await self._ask("VXNlcm5hbWU6"))
            password = answer_text(await self._ask("UGFzc3dvcmQ6"))
        self._known = (user, password) == self._catcher.credentials
        await self._say("235 2.7.0 ok" if self._known else "535 5.7.8 wrong user or password")

    async def _ask(self, challenge: str) -> str:
        await self._say(f"334 {challenge}")
        return (await self._line()).decode("ascii", "replace")

    async def _line(self) -> bytes:
        while (end := self._buffer.find(b"\n")) < 0:
            received = bytes(await self._stream.receive_some(65536))
            if not received:
                raise trio.BrokenResourceError
            self._buffer += received
            if len(self._buffer) > _MAX_MESSAGE:
                raise ValueError("line too long")
        line = bytes(self._buffer[:end]).rstrip(b"\r")
        del self._buffer[: end + 1]
        return line

    async def _say(self, text: str) -> None:
        await self._stream.send_all(f"{text}\r\n".encode())


def answer_text(encoded: str) -> str:
    """What a client said in base64; empty when it is none."""
    try:
        return base64.b64decode(encoded).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _address(rest: str) -> str:
    _, _, address = rest.partition(":")
    return address.strip().partition(" ")[0].strip("<>")
