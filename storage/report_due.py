"""Reports that are sent by themselves, as the daemon works them: what is due, what came of it.

A run that is over is settled together with its mails, in one transaction, so that a crash repeats
the run and no mail.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from storage.database import Connection, notify
from storage.report_schedule_types import COLUMNS, Schedule, Settled, schedule_of

_DUE = """
    (r.asked_at <= $1 or r.active and (r.next_at <= $1 or exists (
        select from person p where p.id = r.person_id and p.disabled_at is not null)))
"""
"""One whose owner has been disabled is due at once: to be stopped."""


async def due(
    connection: Connection, now: datetime, busy: Sequence[int], limit: int
) -> list[Schedule]:
    """Schedules due at `now`, those that wait longest first, but for the `busy` ones."""
    rows = await connection.fetch(
        f"""
        select {COLUMNS} from report_schedule r
         where {_DUE} and r.id <> all($2)
         order by least(r.asked_at, r.next_at), r.id limit $3
        """,  # noqa: S608 - our own condition
        now,
        list(busy),
        limit,
    )
    return [schedule_of(row) for row in rows]


async def is_due(connection: Connection, now: datetime) -> bool:
    """Whether a schedule is due."""
    return bool(
        await connection.fetchval(
            f"select exists (select from report_schedule r where {_DUE})",  # noqa: S608 - our own condition
            now,
        )
    )


async def next_due(connection: Connection, after: datetime) -> datetime | None:
    """When the next schedule is due later than `after`; None where none is planned."""
    found: datetime | None = await connection.fetchval(
        "select min(next_at) from report_schedule where active and next_at > $1", after
    )
    return found


async def settle(connection: Connection, seen: Schedule, settled: Settled, now: datetime) -> bool:
    """Note what came of a run of the schedule as it was `seen` when it began.

    False, and nothing is noted, where somebody has changed, stopped or deleted it meanwhile: what
    was made is not wanted like this any more. Keeps the row until the transaction ends.
    """
    row = await connection.fetchrow(
        f"select {COLUMNS} from report_schedule r where r.id = $1 for update",  # noqa: S608 - our own columns
        seen.id,
    )
    if row is None or not _is_same(schedule_of(row), seen):
        return False
    await connection.execute(
        """
        update report_schedule
           set active = active and $3, next_at = case when active and $3 then $2::timestamptz end,
               asked_at = null, last_at = $4, last_message = $5, last_params = $6
         where id = $1
        """,
        seen.id,
        settled.next_at,
        settled.goes_on,
        now,
        settled.verdict,
        dict(settled.details),
    )
    await notify(connection, "due", "-")
    await notify(connection, "schedule", seen.person_id)
    return True


def _is_same(found: Schedule, seen: Schedule) -> bool:
    """Whether nothing was decided meanwhile; that it was asked for once more is no decision."""
    return found.draft == seen.draft and found.occasion_at == seen.occasion_at
