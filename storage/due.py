"""Every deadline of the house in one question: what is due now, and when the next thing is."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from storage import report_due
from storage.budget_periods import next_end
from storage.database import Connection
from storage.directory import is_due, next_sync
from storage.locks import next_try
from telephony.plant import ExtensionKey


class Due(NamedTuple):
    """Accounts whose period has ended, lines to be tried, and the next instant after those.

    `directory` where the company has to be compared with its directory, `reports` where one has to
    be run and sent.
    """

    accounts: tuple[int, ...]
    lines: tuple[ExtensionKey, ...]
    next_at: datetime | None
    directory: bool = False
    reports: bool = False


async def due(connection: Connection, now: datetime) -> Due:
    """What is due at `now`; `next_at` is later than `now`, None where nothing is planned."""
    accounts = await connection.fetch(
        "select account_id from budget_period where closed_at is null and ends_at <= $1", now
    )
    lines = await connection.fetch(
        "select extension, partition from line where next_try_at <= $1 and actual <> 'drift'", now
    )
    instants = [
        await next_end(connection, now),
        await next_try(connection, now),
        await next_sync(connection, now),
        await report_due.next_due(connection, now),
    ]
    return Due(
        tuple(row["account_id"] for row in accounts),
        tuple(ExtensionKey(*row) for row in lines),
        min((at for at in instants if at is not None), default=None),
        await is_due(connection, now),
        await report_due.is_due(connection, now),
    )
