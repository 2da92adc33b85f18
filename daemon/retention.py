"""Forgets old calls once a day, a little at a time."""

from __future__ import annotations

import logging
from datetime import timedelta

import trio

from actors.house import House
from storage.database import StorageError, StorageUnavailable
from storage.retention import close_books, forget_calls

EVERY_S = 24 * 3600.0
AGAIN_S = 600.0

_log = logging.getLogger("ringfence.retention")


async def forget_old_calls(house: House, keep_days: int) -> None:
    """Once a day forget calls that ended more than `keep_days` ago; for ever."""
    while True:
        try:
            calls = await forget_once(house, keep_days)
        except (StorageUnavailable, StorageError) as error:
            _log.warning("calls not forgotten", extra={"why": str(error)})
            await trio.sleep(AGAIN_S)
        else:
            if calls:
                _log.info("calls forgotten", extra={"calls": calls, "keep_days": keep_days})
            await trio.sleep(EVERY_S)


async def forget_once(house: House, keep_days: int) -> int:
    """Forget what is old enough now; how many calls that were."""
    before_at = house.clock() - timedelta(days=keep_days)
    before_at = await house.database.unit_of_work(close_books, before_at)
    total = 0
    while True:
        gone = await house.database.unit_of_work(forget_calls, before_at)
        total += gone.calls
        if not any(gone):
            return total
