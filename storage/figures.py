"""How the whole state stands, in a handful of numbers: for `/metrics`, `/healthz` and `doctor`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from storage.database import Connection


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts of what is stored at this moment.

    `locks_wanted`: extensions somebody holds. `locks_actual`: lines the phone system has locked.
    `locks_differing`: extensions where the two disagree. `drifted`: lines changed by hand.
    """

    files_missing: int
    rejects_open: int
    calls_unrated: int
    alarms_standing: int
    locks_wanted: int
    locks_actual: int
    locks_differing: int
    drifted: int
    notifications_pending: int
    notifications_failed: int
    budgets_exhausted: int
    people: int
    administrators: int


async def read_figures(connection: Connection) -> Figures:
    """Count everything in one look."""
    row = await connection.fetchrow(
        """
        with wanted as (select distinct extension, partition, true as wanted from hold),
             actual as (select extension, partition, true as actual from line
                         where actual = 'locked')
        select
            (select count(*) from file_gap where closed_at is null) as files_missing,
            (select count(*) from cdr_reject where resolved_at is null) as rejects_open,
            (select count(*) from call where unrated) as calls_unrated,
            (select count(*) from alarm where cleared_at is null) as alarms_standing,
            (select count(*) from wanted) as locks_wanted,
            (select count(*) from actual) as locks_actual,
            (select count(*) from wanted w full join actual a using (extension, partition)
              where w.wanted is null or a.actual is null) as locks_differing,
            (select count(*) from line where actual = 'drift') as drifted,
            (select count(*) from notification where state = 'pending') as notifications_pending,
            (select count(*) from notification where state = 'failed') as notifications_failed,
            (select count(*) from budget_period
              where closed_at is null and exhausted) as budgets_exhausted,
            (select count(*) from person where disabled_at is null) as people,
            (select count(*) from person where disabled_at is null and password_hash is not null
              and role = 'administrator') as administrators
        """
    )
    return Figures(**dict(row)) if row else Figures(*[0] * 13)


class UnratedNumber(NamedTuple):
    """A number no rate covers, as dialled where it has no E.164, and how often it was called."""

    number: str
    calls: int


async def unrated_numbers(connection: Connection, limit: int) -> list[UnratedNumber]:
    """The numbers no rate covers, the most called first."""
    rows = await connection.fetch(
        """
        select coalesce(nullif(e164, ''), number) as number, count(*) as calls
          from call where unrated group by 1 order by 2 desc, 1 limit $1
        """,
        limit,
    )
    return [UnratedNumber(*row) for row in rows]


async def answers(connection: Connection) -> bool:
    """Whether the database answers at all; the cheapest question there is."""
    return await connection.fetchval("select true") is True
