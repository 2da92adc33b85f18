"""What reports were run: each person's history, what they run most, and results that are kept.

A history is its person's alone. A result is what the report was then; it is kept for a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple, cast

from asyncpg import Record

from storage.database import Connection
from storage.saved_reports import VISIBLE
from storage.viewer import Viewer

RunFormat = Literal["page", "xlsx", "pdf", "csv"]

USED_WITHIN = timedelta(days=90)
"""What was run longer ago says nothing of what is used."""


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run that is over. `name` is the saved report's then, empty for one of the catalogue.

    `result` is what came of it, as bytes of `format`, kept until `kept_until`.
    """

    report: str
    options: Mapping[str, Any]
    started_at: datetime
    took_ms: int
    rows: int
    name: str = ""
    saved_id: int | None = None
    schedule_id: int | None = None
    format: RunFormat = "page"
    result: bytes | None = None
    kept_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a history. `has_result` tells whether its result can still be had."""

    id: int
    report: str
    name: str
    saved_id: int | None
    schedule_id: int | None
    options: Mapping[str, Any]
    started_at: datetime
    took_ms: int
    rows: int
    format: RunFormat
    has_result: bool


class RunPage(NamedTuple):
    """One page of a history, and how many runs there are."""

    rows: list[Run]
    total: int


class Result(NamedTuple):
    """A result that was kept, and the run it is of."""

    run: Run
    content: bytes


class UsedPublic(NamedTuple):
    """A report of the catalogue and how often it was run."""

    report: str
    runs: int


class UsedPersonal(NamedTuple):
    """A report somebody keeps and how often it was run."""

    saved_id: int
    name: str
    report: str
    runs: int


class MostUsed(NamedTuple):
    """What a person runs most, the most first."""

    public: list[UsedPublic]
    personal: list[UsedPersonal]


_COLUMNS = """
    id, report, name, saved_id, schedule_id, options, started_at, took_ms, rows, format,
    result is not null and coalesce(kept_until > $2, true) as has_result
"""


def _run(row: Record) -> Run:
    return Run(
        id=row["id"],
        report=row["report"],
        name=row["name"],
        saved_id=row["saved_id"],
        schedule_id=row["schedule_id"],
        options=row["options"],
        started_at=row["started_at"],
        took_ms=row["took_ms"],
        rows=row["rows"],
        format=cast("RunFormat", row["format"]),
        has_result=row["has_result"],
    )


async def add(connection: Connection, viewer: Viewer, run: NewRun) -> int:
    """Note a run in the viewer's history; its id."""
    run_id: int = await connection.fetchval(
        """
        insert into report_run (person_id, report, saved_id, schedule_id, name, options,
                                started_at, took_ms, rows, format, result, kept_until)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) returning id
        """,
        viewer.person_id,
        run.report,
        run.saved_id,
        run.schedule_id,
        run.name,
        dict(run.options),
        run.started_at,
        run.took_ms,
        run.rows,
        run.format,
        run.result,
        run.kept_until,
    )
    return run_id


async def keep_result(
    connection: Connection,
    viewer: Viewer,
    run_id: int,
    run_format: RunFormat,
    content: bytes,
    kept_until: datetime,
) -> bool:
    """Keep the result of a run of the viewer's; False where they have none of this id."""
    kept = await connection.fetchval(
        """
        update report_run set format = $3, result = $4, kept_until = $5
         where id = $1 and person_id = $2 returning true
        """,
        run_id,
        viewer.person_id,
        run_format,
        content,
        kept_until,
    )
    return bool(kept)


async def history(
    connection: Connection, viewer: Viewer, now: datetime, page: int, page_size: int
) -> RunPage:
    """A page of the viewer's runs, the newest first, pages counted from 1."""
    total: int = await connection.fetchval(
        "select count(*) from report_run where person_id = $1", viewer.person_id
    )
    rows = await connection.fetch(
        f"""
        select {_COLUMNS} from report_run where person_id = $1
         order by started_at desc, id desc limit $3 offset $4
        """,  # noqa: S608 - our own columns
        viewer.person_id,
        now,
        page_size,
        (page - 1) * page_size,
    )
    return RunPage([_run(row) for row in rows], total)


async def one(connection: Connection, viewer: Viewer, run_id: int, now: datetime) -> Run | None:
    """A run of the viewer's, its result left aside; None where they have none of this id."""
    row = await connection.fetchrow(
        f"select {_COLUMNS} from report_run where person_id = $1 and id = $3",  # noqa: S608 - our own columns
        viewer.person_id,
        now,
        run_id,
    )
    return _run(row) if row else None


async def result(
    connection: Connection, viewer: Viewer, run_id: int, now: datetime
) -> Result | None:
    """The result of a run of the viewer's; None where there is none, or no longer."""
    row = await connection.fetchrow(
        f"""
        select {_COLUMNS}, result from report_run
         where person_id = $1 and id = $3 and result is not null
           and coalesce(kept_until > $2, true)
        """,  # noqa: S608 - our own columns
        viewer.person_id,
        now,
        run_id,
    )
    return Result(_run(row), row["result"]) if row else None


async def most_used(connection: Connection, viewer: Viewer, now: datetime, most: int) -> MostUsed:
    """What the viewer has run most in the last ninety days, schedules left out.

    Reports of the catalogue, and those the viewer keeps or is shared with, under today's names.
    """
    since_at = now - USED_WITHIN
    public = await connection.fetch(
        """
        select report, count(*) from report_run
         where person_id = $1 and started_at > $2 and started_at <= $3
           and schedule_id is null and saved_id is null and name = ''
         group by report order by count(*) desc, max(started_at) desc limit $4
        """,
        viewer.person_id,
        since_at,
        now,
        most,
    )
    personal = await connection.fetch(
        f"""
        select s.id, s.name, s.report, count(*)
          from report_run r
          join saved_report s on s.id = r.saved_id
          join person o on o.id = s.person_id
          join person v on v.id = r.person_id
         where r.person_id = $1 and r.started_at > $2 and r.started_at <= $3
           and r.schedule_id is null and {VISIBLE}
         group by s.id order by count(*) desc, max(r.started_at) desc limit $4
        """,  # noqa: S608 - our own condition
        viewer.person_id,
        since_at,
        now,
        most,
    )
    return MostUsed([UsedPublic(*row) for row in public], [UsedPersonal(*row) for row in personal])


async def keep_last(connection: Connection, schedule_id: int, count: int) -> None:
    """Keep the results of the last `count` runs of a schedule, and of no earlier ones."""
    await connection.execute(
        """
        update report_run set result = null, kept_until = null
         where schedule_id = $1 and result is not null and id not in (
               select id from report_run where schedule_id = $1 and result is not null
                order by id desc limit $2)
        """,
        schedule_id,
        count,
    )


async def forget_results(connection: Connection, now: datetime, most: int) -> int:
    """Drop at most `most` of the results whose time is over; how many. The runs stay known."""
    rows = await connection.fetch(
        """
        update report_run set result = null, kept_until = null
         where id in (select id from report_run
                       where result is not null and kept_until <= $1 limit $2)
        returning id
        """,
        now,
        most,
    )
    return len(rows)


async def forget(connection: Connection, before_at: datetime, most: int) -> int:
    """Remove at most `most` of the runs before `before_at`, the oldest first; how many."""
    rows = await connection.fetch(
        """
        delete from report_run where id in (
            select id from report_run where started_at < $1 order by started_at, id limit $2)
        returning id
        """,
        before_at,
        most,
    )
    return len(rows)
