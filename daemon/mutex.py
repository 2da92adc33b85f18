"""File mutexes: what keeps two commands on one data folder out of each other's way.

The kernel lets go of them when a process dies, however it dies.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from telephony.errors import RingfenceError

POLL_S = 0.02


class FileMutex:
    """One open mutex file: held by nobody, by one exclusively, or by many together."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def try_exclusive(self) -> bool:
        """Take it alone; False where somebody else holds it in any way."""
        return self._try(fcntl.LOCK_EX)

    def try_shared(self) -> bool:
        """Take it together with others; False where somebody holds it alone."""
        return self._try(fcntl.LOCK_SH)

    def _try(self, how: int) -> bool:
        try:
            fcntl.flock(self._handle, how | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        """Let go of it. The file stays: removing it would give two processes two mutexes."""
        os.close(self._handle)


@asynccontextmanager
async def exclusively(path: Path, timeout_s: float) -> AsyncGenerator[None]:
    """Hold the mutex file at `path` alone; `RingfenceError` when it stays taken for `timeout_s`."""
    mutex = FileMutex(path)
    try:
        with trio.move_on_after(timeout_s) as waiting:
            while not mutex.try_exclusive():  # noqa: ASYNC110 - the kernel tells nobody
                await trio.sleep(POLL_S)
        if waiting.cancelled_caught:
            raise RingfenceError(f"another command holds {path} for more than {timeout_s:.0f} s")
        yield
    finally:
        mutex.close()


@asynccontextmanager
async def only_daemon(data: Path) -> AsyncGenerator[None]:
    """Be the one daemon or demo of a data folder; `RingfenceError` where there is one already.

    Two would each have an actor for every lock and every budget. The folder must exist.
    """
    mutex = FileMutex(data / "daemon.mutex")
    try:
        if not mutex.try_exclusive():
            raise RingfenceError(f"a daemon runs on {data} already; choose another with --data")
        yield
    finally:
        mutex.close()
