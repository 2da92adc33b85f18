"""Tells systemd how the daemon fares: ready, stopping, alive. Says nothing where systemd is not.

The protocol is one datagram of `NAME=value` lines to the socket named in NOTIFY_SOCKET; see
sd_notify(3).
"""

from __future__ import annotations

import socket
from collections.abc import Mapping


class Notifier:
    """The way to systemd, or to nowhere."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        self._watchdog_us = environment.get("WATCHDOG_USEC", "")

    @property
    def watchdog_every_s(self) -> float | None:
        """How often to say that we are alive: half of what systemd allows. None: not asked for."""
        if not self._address or not self._watchdog_us.isdigit() or self._watchdog_us == "0":
            return None
        return int(self._watchdog_us) / 2_000_000

    def ready(self, status: str) -> None:
        """The daemon serves; `status` is what `systemctl status` shows."""
        self._send(f"READY=1\nSTATUS={status}")

    def stopping(self) -> None:
        """The daemon is going down by itself."""
        self._send("STOPPING=1\nSTATUS=stopping")

    def alive(self) -> None:
        """Feed the watchdog."""
        self._send("WATCHDOG=1")

    def status(self, text: str) -> None:
        """Change what `systemctl status` shows."""
        self._send(f"STATUS={text}")

    def _send(self, text: str) -> None:
        """Send without waiting; a systemd that does not listen is none of our business."""
        if not self._address.startswith(("/", "@")):
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as way:
            way.setblocking(False)
            try:
                way.sendto(text.encode(), address)
            except OSError:
                return
