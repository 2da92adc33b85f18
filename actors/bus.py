"""Tells whoever watches that something changed. It only ever means *look again*.

Nothing here waits for a slow watcher: changes nobody has read yet coalesce, and a watcher that
falls too far behind is told to look at everything (`resync`).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import NamedTuple

import trio

BACKLOG = 1024
"""Different unread changes one watcher may have before it is told to resync instead."""


LONGEST_WAIT_S, SHORTEST_WAIT_S = 60.0, 0.05
"""How long whoever works by the clock waits for a change before looking again."""


class Change(NamedTuple):
    """Something changed; topics and keys are those of the NOTIFY channel."""

    topic: str
    key: str


RESYNC = Change("resync", "")
"""Changes were missed: look at everything."""


def seconds_until(next_at: datetime | None, now: datetime) -> float:
    """How long to wait for an instant; the longest there is where none is planned."""
    return LONGEST_WAIT_S if next_at is None else (next_at - now).total_seconds()


class Changes:
    """The changes one watcher has not read yet, each once, oldest first. Iterate it, for ever."""

    def __init__(self, wants: Callable[[Change], bool]) -> None:
        self._wants = wants
        self._unread: dict[Change, None] = {}
        self._arrived = trio.Event()

    def offer(self, change: Change) -> None:
        """Keep the change if it is wanted and not yet waiting. Never blocks."""
        if change != RESYNC and not self._wants(change):
            return
        if change == RESYNC or len(self._unread) >= BACKLOG:
            self._unread = {RESYNC: None}
        elif RESYNC not in self._unread:
            self._unread[change] = None
        self._arrived.set()

    def __aiter__(self) -> Changes:
        return self

    async def wait_for(self, topic: str, seconds: float) -> None:
        """Wait for a change of `topic`, or for one that may be of it, but no longer than that.

        Between an instant that has come already and a minute, since a clock may be set.
        """
        with trio.move_on_after(min(LONGEST_WAIT_S, max(SHORTEST_WAIT_S, seconds))):
            while (await self.__anext__()).topic not in {topic, RESYNC.topic}:
                pass

    async def __anext__(self) -> Change:
        """The oldest unread change; waits for one. Nothing is lost if cancelled."""
        await trio.lowlevel.checkpoint()
        while not self._unread:
            self._arrived = trio.Event()
            await self._arrived.wait()
        change = next(iter(self._unread))
        del self._unread[change]
        return change


class Bus:
    """Hands every published change to every watcher that wants it."""

    def __init__(self) -> None:
        self._watchers: set[Changes] = set()

    def publish(self, topic: str, key: str) -> None:
        """Tell every watcher. Never blocks and never fails."""
        change = Change(topic, key) if topic != RESYNC.topic else RESYNC
        for watcher in self._watchers:
            watcher.offer(change)

    @asynccontextmanager
    async def subscribe(self, wants: Callable[[Change], bool]) -> AsyncGenerator[Changes]:
        """Watch for as long as the block lasts. `RESYNC` comes through whatever `wants` says."""
        changes = Changes(wants)
        self._watchers.add(changes)
        try:
            yield changes
        finally:
            self._watchers.discard(changes)

    @property
    def watchers(self) -> int:
        """How many watch at this moment."""
        return len(self._watchers)
