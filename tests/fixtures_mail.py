"""A real SMTP server that keeps what it gets."""

from __future__ import annotations

import asyncio
import email
import email.policy
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult


class Catcher:
    """An SMTP server that keeps what it gets and can be told to refuse."""

    def __init__(self) -> None:
        self.messages = []
        self.refusals = []

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        if self.refusals:
            return self.refusals.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        parsed = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.messages.append((session.authenticated, parsed))
        return "250 OK"


def _authenticate(server: Any, session: Any, envelope: Any, mechanism: Any, data: Any) -> Any:
    right = (data.login, data.password) == (b"ringfence", b"secret")
    return AuthResult(success=right, handled=False)


class AnyPort(Controller):
    """A controller on a port the system chose."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@pytest.fixture
def catcher() -> Any:
    handler = Catcher()
    controller = AnyPort(
        handler,
        hostname="127.0.0.1",
        port=0,
        loop=asyncio.SelectorEventLoop(),  # not the one trio-asyncio would make
        authenticator=_authenticate,
        auth_require_tls=False,
        decode_data=False,
    )
    controller.start()
    handler.port = controller.port
    yield handler
    controller.stop()
