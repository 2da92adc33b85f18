"""Makes the totals of days that are over, so that a month is added up from thirty rows.

Nothing waits for it: a day whose totals are not made is added up from its calls. Losing a round,
or never running at all, costs time and no figure.
"""

from __future__ import annotations

import logging
from datetime import UTC, timedelta

import trio

from storage import day_totals
from storage.database import Database
from telephony.clock import Clock

EVERY_S = 60.0
QUIET = timedelta(seconds=10)
"""A day is left alone while calls still come in for it, as in a large import."""

BREATH_S = 0.02
"""Between two days, for whoever else waits for the database."""

_log = logging.getLogger("ringfence.day_totals")


class DayTotals:
    """One task; its rounds are at start and every minute."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        every_s: float = EVERY_S,
        quiet: timedelta = QUIET,
    ) -> None:
        self._database = database
        self._clock = clock
        self._every_s = every_s
        self._quiet = quiet

    async def run(self) -> None:
        """Work until cancelled. Raises `StorageUnavailable` where the database is away."""
        while True:
            if closed := await self.round():
                _log.info("days closed", extra={"days": closed})
            await trio.sleep(self._every_s)

    async def round(self) -> int:
        """Close what is open before today (UTC), each day in a transaction; how many days."""
        today = self._clock().astimezone(UTC).date()
        days = await self._database.unit_of_work(day_totals.open_days, today, quiet=self._quiet)
        for day in days:
            await self._database.unit_of_work(day_totals.close, day)
            await trio.sleep(BREATH_S)
        return len(days)
