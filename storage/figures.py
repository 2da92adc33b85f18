"""How the whole state stands, in a handful of numbers: for `/metrics`, `/healthz` and `doctor`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from storage import alarms, calls, company, directory, files
from storage.alarms import Alarm
from storage.company import Company
from storage.database import Connection
from storage.directory import SyncRun
from storage.files import Gap, IntakeTotals, RejectRow
from storage.migrate import check as check_schema
from storage.viewer import OPERATOR


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


NAMED = 3
"""How many of many are read by name; the rest is counted."""


class LineTrouble(NamedTuple):
    """An extension whose lock is not as it should be, with what the phone system said."""

    extension: str
    error: str


class PhoneSystemKnown(NamedTuple):
    """What lines tell of the phone system: read last when, and what is wrong with some of them.

    `differing` and `drifted` are extensions, the first few of each.
    """

    read_at: datetime | None
    troubles: list[LineTrouble]
    differing: list[str]
    drifted: list[str]


class MailKnown(NamedTuple):
    """The queue of notifications: since when the oldest waits, and why the last was given up."""

    waiting_since: datetime | None
    last_error: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How everything stands that the database knows of, read in one look."""

    server: str
    schema: int
    size_bytes: int
    figures: Figures
    company: Company | None
    intake: IntakeTotals
    newest_call_at: datetime | None
    gaps: list[Gap]
    rejects: list[RejectRow]
    unrated: list[UnratedNumber]
    unknown_trunks: list[tuple[str, int]]
    phone_system: PhoneSystemKnown
    mail: MailKnown
    has_directory: bool
    last_sync: SyncRun | None
    alarms: list[Alarm]


async def read_standing(connection: Connection) -> Standing:
    """Read everything `ringfence doctor` and the page of the state tell of the database.

    Raises `SchemaMismatch` where the schema is not this program's.
    """
    schema = await check_schema(connection)
    row = await connection.fetchrow(
        """
        select current_setting('server_version') as server,
               pg_database_size(current_database()) as size_bytes,
               (select max(started_at) from call) as newest_call_at,
               exists (select from directory) as has_directory
        """
    )
    assert row is not None  # noqa: S101  # a select without a table gives one row
    figures = await read_figures(connection)
    syncs, _ = await directory.runs(connection, OPERATOR, 0, 1)
    return Standing(
        server=row["server"],
        schema=schema.version,
        size_bytes=row["size_bytes"],
        figures=figures,
        company=await company.company(connection),
        intake=await files.totals(connection),
        newest_call_at=row["newest_call_at"],
        gaps=await files.gaps(connection),
        rejects=await files.rejects(connection, NAMED),
        unrated=await unrated_numbers(connection, NAMED) if figures.calls_unrated else [],
        unknown_trunks=await calls.unknown_trunks(connection) if figures.calls_unrated else [],
        phone_system=await _phone_system(connection),
        mail=await _mail(connection),
        has_directory=row["has_directory"],
        last_sync=next(iter(syncs), None),
        alarms=await alarms.standing(connection),
    )


async def _phone_system(connection: Connection) -> PhoneSystemKnown:
    row = await connection.fetchrow("select max(checked_at) as read_at from line")
    troubles = await connection.fetch(
        """
        select extension, error from line where coalesce(error, '') <> ''
         order by changed_at desc, extension limit $1
        """,
        NAMED,
    )
    differing = await connection.fetch(
        """
        with wanted as (select distinct extension, partition from hold),
             actual as (select extension, partition from line where actual = 'locked')
        select extension from (
            (select * from wanted except select * from actual)
            union (select * from actual except select * from wanted)) differing
         order by length(extension), extension limit $1
        """,
        NAMED,
    )
    drifted = await connection.fetch(
        "select extension from line where actual = 'drift' order by extension limit $1", NAMED
    )
    return PhoneSystemKnown(
        row["read_at"] if row else None,
        [LineTrouble(*found) for found in troubles],
        [found["extension"] for found in differing],
        [found["extension"] for found in drifted],
    )


async def _mail(connection: Connection) -> MailKnown:
    waiting_since: datetime | None = await connection.fetchval(
        "select min(created_at) from notification where state = 'pending'"
    )
    last_error: str | None = await connection.fetchval(
        """
        select error from notification where state in ('failed', 'pending') and error is not null
         order by id desc limit 1
        """
    )
    return MailKnown(waiting_since, last_error or "")
