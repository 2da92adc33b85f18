"""Serves the portal with hypercorn in our own nursery; stopped by its trigger, never cancelled."""

from __future__ import annotations

import logging
import socket

import trio
from hypercorn.config import Config as HypercornConfig
from hypercorn.trio import serve  # pyright: ignore[reportUnknownVariableType]
from quart import Quart

from daemon.config import WebSection
from telephony.errors import RingfenceError

GRACE_S = 1.0
"""Open pages that refresh by themselves never end; the others get this long to be answered."""

ANYWHERE = ("", "0.0.0.0", "::")  # noqa: S104 - compared with, not bound to


def open_socket(web: WebSection) -> socket.socket:
    """Bind the address of the portal, so that its port is known before anything is served.

    Raises `RingfenceError` where the address is taken or not ours.
    """
    family = socket.AF_INET6 if ":" in web.host else socket.AF_INET
    try:
        return socket.create_server((web.host, web.port), family=family, backlog=256)
    except OSError as error:
        raise RingfenceError(f"cannot listen on {web.host}:{web.port}: {error.strerror}") from error


def local_url(web: WebSection, bound: socket.socket) -> str:
    """Where the portal is reached without a proxy, without a slash at the end."""
    scheme = "https" if web.tls_certificate_file else "http"
    host = socket.gethostname() if web.host in ANYWHERE else web.host
    port = bound.getsockname()[1]
    if ":" in host:
        host = f"[{host}]"
    default = {"http": 80, "https": 443}[scheme]
    return f"{scheme}://{host}" + ("" if port == default else f":{port}")


async def serve_portal(
    app: Quart,
    web: WebSection,
    bound: socket.socket,
    stop: trio.Event,
    *,
    task_status: trio.TaskStatus[list[str]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Answer requests until `stop` is set and those being answered are through, or out of time."""
    settings = HypercornConfig()
    settings.bind = [f"fd://{bound.detach()}"]
    settings.errorlog = logging.getLogger("hypercorn.error")
    settings.accesslog = None
    settings.include_server_header = False
    settings.graceful_timeout = GRACE_S
    settings.shutdown_timeout = GRACE_S
    if web.tls_certificate_file:
        settings.certfile = web.tls_certificate_file
        settings.keyfile = web.tls_key_file
    await serve(app, settings, shutdown_trigger=stop.wait, task_status=task_status)
