"""Forgets old calls, and what the audit log says of old days, once a day and a little at a time."""

from __future__ import annotations

import logging
from datetime import timedelta

import trio

from actors.house import House
from daemon.config import RetentionSection
from storage import audit
from storage.database import StorageError, StorageUnavailable
from storage.retention import BATCH, close_books, forget_calls

EVERY_S = 24 * 3600.0
AGAIN_S = 600.0

_log = logging.getLogger("ringfence.retention")


async def forget_the_old(house: House, keep: RetentionSection) -> None:
    """Once a day forget what is older than the company keeps it; for ever."""
    while True:
        try:
            if keep.calls_keep_days:
                calls = await forget_once(house, keep.calls_keep_days)
                _say("calls forgotten", calls, keep.calls_keep_days)
            if keep.audit_keep_days:
                events = await forget_events(house, keep.audit_keep_days)
                _say("audit log forgotten", events, keep.audit_keep_days)
        except (StorageUnavailable, StorageError) as error:
            _log.warning("not forgotten", extra={"why": str(error)})
            await trio.sleep(AGAIN_S)
        else:
            await trio.sleep(EVERY_S)


def _say(what: str, count: int, keep_days: int) -> None:
    if count:
        _log.info(what, extra={"count": count, "keep_days": keep_days})


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


async def forget_events(house: House, keep_days: int) -> int:
    """Forget what the audit log says of days before `keep_days` ago; how many events that were."""
    before_at = house.clock() - timedelta(days=keep_days)
    total = 0
    while gone := await house.database.unit_of_work(audit.forget, before_at, BATCH):
        total += gone
    return total
