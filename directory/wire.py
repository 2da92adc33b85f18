"""The connection to a directory's server, every wait on which ends at a deadline.

A time-out of a socket starts again with every byte; a server that drips would hold a thread for
ever. Here one deadline covers all the waits for one thing, and another thread may cut it short.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from typing import Any

Address = tuple[Any, ...]
"""One answer of `socket.getaddrinfo`."""

_MAX_ANSWER = 256 * 1024 * 1024
"""Bytes one answer may have; a page of a thousand entries has less than a hundredth of it."""


class CutShort(OSError):
    """Nobody waits for this conversation any longer."""


class Wire:
    """A TCP connection with a deadline, plain or TLS; what ldap3 takes for its socket.

    All but `cut` belongs to one thread.
    """

    def __init__(self, within_s: float) -> None:
        self._mutex = threading.Lock()
        self._socket: socket.socket | None = None
        self._is_cut = False
        self._received = 0
        self._deadline = time.monotonic() + within_s

    def within(self, seconds: float) -> None:
        """Set the deadline, from now, for whatever is waited for next."""
        self._deadline = time.monotonic() + seconds
        self._received = 0

    def connect(self, addresses: Sequence[Address]) -> None:
        """Connect to the first of the addresses that answers. Raises `OSError`."""
        trouble: OSError = OSError("the name has no address")
        for left, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
            try:
                self._connect(address, self._left_s() / left)
            except CutShort:
                raise
            except OSError as error:
                trouble = error
                self.close()
            else:
                return
        raise trouble

    def _connect(self, address: Address, within_s: float) -> None:
        made = socket.socket(*address[:3])
        self._hold(made)
        made.settimeout(within_s)
        made.connect(address[4])
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _hold(self, held: socket.socket) -> None:
        with self._mutex:
            self._socket = held
            is_cut = self._is_cut
        if is_cut:
            self.close()
            raise CutShort

    def secure(self, context: ssl.SSLContext, host: str) -> str:
        """Speak TLS from here on; the name of the protocol. Raises `OSError`, as `ssl` does."""
        plain = self._ready()
        plain.settimeout(self._left_s())
        secured = context.wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False)
        self._hold(secured)
        secured.do_handshake()
        return secured.version() or "TLS"

    def recv(self, size: int) -> bytes:
        """Some bytes, none at the end. Raises `OSError`, past the deadline `TimeoutError`."""
        ready = self._ready()
        ready.settimeout(self._left_s())
        data = ready.recv(size)
        self._received += len(data)
        if self._received > _MAX_ANSWER:
            raise OSError("an answer without an end")
        return data

    def sendall(self, data: bytes) -> None:
        """Send all of it. Raises `OSError`, past the deadline `TimeoutError`."""
        ready = self._ready()
        ready.settimeout(self._left_s())
        ready.sendall(data)

    def shutdown(self, how: int) -> None:
        """As a socket's. Raises `OSError`."""
        self._ready().shutdown(how)

    def close(self) -> None:
        """Close, also what is closed."""
        with self._mutex:
            held, self._socket = self._socket, None
        if held is not None:
            held.close()

    def cut(self) -> None:
        """End the conversation from another thread: who waits on it sees it broken off."""
        with self._mutex, contextlib.suppress(OSError):
            self._is_cut = True
            if self._socket is not None:
                # Not the SSL socket's own, which would take its state from under the other thread.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def _ready(self) -> socket.socket:
        if self._is_cut:
            raise CutShort
        if self._socket is None:
            raise OSError("closed")
        return self._socket

    def _left_s(self) -> float:
        left_s = self._deadline - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("timed out")
        return left_s


def trust(certificates: str) -> ssl.SSLContext:
    """What every server's certificate is held against: chain, time and host name, TLS 1.2 or later.

    `certificates` are PEM texts of the authorities to trust instead of the machine's own.

    Raises:
        ValueError: They cannot be read.
    """
    try:
        context = ssl.create_default_context(cadata=certificates.strip() or None)
    except (ssl.SSLError, ValueError):
        raise ValueError("no certificate can be read there") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
