"""Follows the directory when its time has come: one task, woken by the scheduler.

When that is stands in the row of the directory; a run that fails says there when to try again.
"""

from __future__ import annotations

import trio

from actors.directory import DirectoryService
from storage import directory as stored
from storage.audit import Event
from storage.database import Database
from telephony.clock import Clock


class DirectorySync:
    """Runs of the house's own accord, and those somebody asked for."""

    def __init__(self, database: Database, clock: Clock, service: DirectoryService) -> None:
        self._database = database
        self._clock = clock
        self._service = service
        self._wake = trio.Event()

    def hint(self) -> None:
        """Look whether a run is due. Never blocks; many hints are one."""
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled. Raises `StorageUnavailable` where the database is away."""
        while True:
            await self.follow_if_due()
            await self._wake.wait()
            self._wake = trio.Event()

    async def follow_if_due(self) -> None:
        """One run, where one is due."""
        if not await self._database.unit_of_work(stored.is_due, self._clock()):
            return
        asked_by, self._service.asked_by = self._service.asked_by, None
        await self._service.sync(Event("sync_applied", asked_by, "" if asked_by else "Ringfence"))
