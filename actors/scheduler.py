"""Wakes the actors whose instant has come: a period that ends, a line to be tried again.

The instants are in the rows. A wake-up that is lost is made good by the reconciler.
"""

from __future__ import annotations

from collections.abc import Callable

from actors.bus import Bus, seconds_until
from actors.messages import LookAgain
from actors.registry import Registry
from storage import due
from storage.database import Database
from telephony.clock import Clock
from telephony.plant import ExtensionKey


class Scheduler:
    """One task for every deadline of the house."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        bus: Bus,
        locks: Registry[ExtensionKey],
        budgets: Registry[int],
        directory: Callable[[], None] | None = None,
        reports: Callable[[], None] | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._bus = bus
        self._locks = locks
        self._budgets = budgets
        self._directory = directory
        self._reports = reports

    async def run(self) -> None:
        """Work until cancelled. Raises `StorageUnavailable` where the database is away."""
        async with self._bus.subscribe(lambda change: change.topic == "due") as changes:
            while True:
                await changes.wait_for("due", await self._wake_due())

    async def _wake_due(self) -> float:
        """Wake whoever is due; how many seconds until the next one is."""
        now = self._clock()
        found = await self._database.unit_of_work(due.due, now)
        for account_id in found.accounts:
            self._budgets.hint(account_id, LookAgain())
        for key in found.lines:
            self._locks.hint(key, LookAgain())
        if found.directory and self._directory is not None:
            self._directory()
        if found.reports and self._reports is not None:
            self._reports()
        return seconds_until(found.next_at, now)
