"""Keeps the analytic copy in step while nobody asks, so that whoever asks waits for little.

Nothing depends on it: every question takes over what has changed before it is answered.
"""

from __future__ import annotations

from contextlib import suppress

import trio

from actors.bus import RESYNC, Bus, Changes
from storage.facts.copy import FactsCopy, NotReady

QUIET_S = 2.0
"""Calls that come one after another, as in an import, are taken over together."""

LONGEST_S = 60.0


class AnalyticCopy:
    """One task; it makes the copy at the first start, then follows the calls."""

    def __init__(self, copy: FactsCopy, bus: Bus) -> None:
        self._copy = copy
        self._bus = bus

    async def run(self) -> None:
        """Work until cancelled. Raises `StorageUnavailable` where the database is away."""
        topics = {"calls", "company"}
        async with self._bus.subscribe(lambda change: change.topic in topics) as changes:
            while True:
                with suppress(NotReady):  # whoever looks at a report is making it
                    await self._copy.refresh()
                with trio.move_on_after(LONGEST_S):
                    await self._changed(changes)

    async def _changed(self, changes: Changes) -> None:
        """Wait for a change, and then until nothing has changed for a moment."""
        while (await anext(changes)).topic not in {"calls", "company", RESYNC.topic}:
            pass
        quiet = False
        while not quiet:
            with trio.move_on_after(QUIET_S) as scope:
                await anext(changes)
            quiet = scope.cancelled_caught
