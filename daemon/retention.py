"""Forgets what is older than the company keeps it, once a day and a little at a time."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import trio

from actors.house import House
from daemon.config import RetentionSection
from storage import audit, report_mail, report_runs
from storage.database import Connection, StorageError, StorageUnavailable
from storage.retention import BATCH, close_books, forget_calls

EVERY_S = 24 * 3600.0
AGAIN_S = 600.0
RUNS_KEPT = timedelta(days=366)
"""How long it is known that a report was run or mailed; its result goes earlier."""

_log = logging.getLogger("ringfence.retention")


async def forget_the_old(house: House, keep: RetentionSection) -> None:
    """Once a day forget what is older than the company keeps it; for ever."""
    while True:
        try:
            _say("results of reports forgotten", await forget_reports(house))
            if keep.calls_keep_days:
                calls = await forget_once(house, keep.calls_keep_days)
                _say("calls forgotten", calls)
            if keep.audit_keep_days:
                events = await forget_events(house, keep.audit_keep_days)
                _say("audit log forgotten", events)
        except (StorageUnavailable, StorageError) as error:
            _log.warning("not forgotten", extra={"why": str(error)})
            await trio.sleep(AGAIN_S)
        else:
            await trio.sleep(EVERY_S)


def _say(what: str, count: int) -> None:
    if count:
        _log.info(what, extra={"count": count})


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
    return await _all_of(house, audit.forget, before_at)


async def forget_reports(house: House) -> int:
    """Forget results whose time is over, and runs and mails of a year ago; how many in all."""
    now = house.clock()
    before_at = now - RUNS_KEPT
    return (
        await _all_of(house, report_runs.forget_results, now)
        + await _all_of(house, report_runs.forget, before_at)
        + await _all_of(house, report_mail.forget, before_at)
    )


async def _all_of(
    house: House, forget: Callable[[Connection, datetime, int], Awaitable[int]], at: datetime
) -> int:
    total = 0
    while gone := await house.database.unit_of_work(forget, at, BATCH):
        total += gone
    return total
