"""What only the demo does to a database: living through a past year, and beginning anew.

The past is written by the very functions the daemon uses, with the clock set back. Nothing here
may ever be called for a company that is not invented.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from storage import budgets, locks
from storage.company import company
from storage.database import Connection
from storage.notifications import mark_sent

Stage = Literal["empty", "real", "demo"]

MOMENT = timedelta(seconds=2)
"""How long after an event the daemon would have acted on it."""


async def stage(connection: Connection) -> Stage:
    """Whether the database holds nothing, a company that is not the demo's, or the whole demo."""
    found = await company(connection)
    if found is not None:
        return "demo" if found.demo else "real"
    somebody = await connection.fetchval("select exists (select from person)")
    return "real" if somebody else "empty"


async def finish(connection: Connection) -> None:
    """Say that the demo's seeding ran to its end."""
    await connection.execute("update company set demo = true")


async def wipe(connection: Connection) -> None:
    """Drop everything; the schema has to be migrated again. For a half-seeded demo alone."""
    await connection.execute("drop schema public cascade")
    await connection.execute("create schema public")


async def live_through(
    connection: Connection, after: datetime, seen_at: datetime, until_at: datetime
) -> None:
    """Let every budget live from `after` to `until_at`; the calls of that time are stored.

    Periods end at their ends, and at `seen_at` in between what was spent is looked at, as the
    daemon would have.
    """
    moment: datetime | None = after
    while (moment := await budgets.next_end(connection, moment)) and moment <= until_at:
        if after < seen_at < moment:
            await _look(connection, seen_at)
        await _look(connection, moment + MOMENT)
        after = moment
    if after < seen_at:
        await _look(connection, seen_at)


async def _look(connection: Connection, now: datetime) -> None:
    for account_id in await budgets.accounts_due(connection, now):
        result = await budgets.roll_over(connection, account_id, now)
        for key in (*result.held, *result.released):
            wanted = (await locks.line_state(connection, key)).wanted
            record = locks.record_locked if wanted else locks.record_unlocked
            await record(connection, key, "", now + MOMENT)


async def deliver(connection: Connection, before: datetime) -> None:
    """Take every notification of the past as delivered a moment after it was queued."""
    rows = await connection.fetch(
        """select id, created_at from notification
           where state = 'pending' and created_at < $1 order by created_at, id""",
        before,
    )
    for row in rows:
        await mark_sent(connection, row["id"], row["created_at"] + MOMENT)


async def forget_lines(connection: Connection) -> None:
    """The lab's phone system begins anew, with every line as it was installed: so do we."""
    await connection.execute("delete from line")
    await connection.execute("update alarm set cleared_at = now() where cleared_at is null")
