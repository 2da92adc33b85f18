"""Reports that are sent by themselves, as people make, change, stop and list them.

When one runs, `reports.recurrence` knows; here are the instants. A person sees and changes their
own; an administrator sees everybody's, and may stop and delete them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import cast

from storage import saved_reports
from storage.audit import Event, record
from storage.database import Connection, notify
from storage.report_mail import withdraw
from storage.report_schedule_types import (
    COLUMNS,
    MOST_SCHEDULES,
    Delivery,
    ListedSchedule,
    Schedule,
    ScheduleDraft,
    ScheduleFilter,
    SchedulePage,
    Sorting,
    TooManySchedules,
    Verdict,
    schedule_of,
)
from storage.viewer import Viewer


async def create(
    connection: Connection,
    viewer: Viewer,
    draft: ScheduleDraft,
    next_at: datetime,
    event: Event,
    now: datetime,
) -> int:
    """Add a schedule of the viewer's; its id. Raises `TooManySchedules`."""
    count: int = await connection.fetchval(
        "select count(*) from report_schedule where person_id = $1", viewer.person_id
    )
    if count >= MOST_SCHEDULES:
        raise TooManySchedules(f"there are already {MOST_SCHEDULES} schedules")
    schedule_id: int = await connection.fetchval(
        """
        insert into report_schedule
               (person_id, report, saved_id, options, description, subject, body, addresses, format,
                skip_empty, starts_local, zone, every, unit, next_at, created_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
        returning id
        """,
        viewer.person_id,
        *await _values(connection, viewer, draft),
        next_at,
        now,
    )
    await _told(connection, viewer.person_id, event, now)
    return schedule_id


async def edit(
    connection: Connection,
    viewer: Viewer,
    schedule_id: int,
    draft: ScheduleDraft,
    next_at: datetime,
    event: Event,
    now: datetime,
) -> bool:
    """Change a schedule of the viewer's; False where they have none of this id.

    One that is stopped stays so, without a next time.
    """
    changed = await connection.fetchval(
        """
        update report_schedule
           set report = $3, saved_id = $4, options = $5, description = $6, subject = $7, body = $8,
               addresses = $9, format = $10, skip_empty = $11, starts_local = $12, zone = $13,
               every = $14, unit = $15, next_at = case when active then $16::timestamptz end
         where id = $1 and person_id = $2 returning true
        """,
        schedule_id,
        viewer.person_id,
        *await _values(connection, viewer, draft),
        next_at,
    )
    return await _told(connection, viewer.person_id, event, now, is_done=bool(changed))


async def _values(connection: Connection, viewer: Viewer, draft: ScheduleDraft) -> list[object]:
    """The draft's columns; of a report that is not the viewer's to see nothing is remembered."""
    saved_id = draft.saved_id
    if saved_id is not None and await saved_reports.one(connection, viewer, saved_id) is None:
        saved_id = None
    return [
        draft.report, saved_id, dict(draft.options), draft.description, draft.subject, draft.body,
        list(draft.addresses), draft.format, draft.skip_empty, draft.starts_local, draft.zone,
        draft.every, draft.unit,
    ]  # fmt: skip


async def _told(
    connection: Connection,
    owner_id: int | None,
    event: Event,
    now: datetime,
    *,
    is_done: bool = True,
) -> bool:
    """Remember and tell what was done to a schedule; whether anything was."""
    if is_done:
        await record(connection, event, now)
        await notify(connection, "due", "-")
        await notify(connection, "schedule", owner_id)
    return is_done


async def one(connection: Connection, viewer: Viewer, schedule_id: int) -> Schedule | None:
    """A schedule of the viewer's; an administrator sees everybody's."""
    row = await connection.fetchrow(
        f"select {COLUMNS} from report_schedule r"  # noqa: S608 - our own columns
        " where r.id = $1 and (r.person_id = $2 or $3)",
        schedule_id,
        viewer.person_id,
        viewer.is_administrator,
    )
    return schedule_of(row) if row else None


async def delete(
    connection: Connection, viewer: Viewer, schedule_id: int, event: Event, now: datetime
) -> bool:
    """Forget a schedule of the viewer's, for administrators anybody's, and its waiting mails.

    False where they see none of this id.
    """
    found = await one(connection, viewer, schedule_id)
    if found is None:
        return False
    await withdraw(connection, schedule_id)
    await connection.execute("delete from report_schedule where id = $1", schedule_id)
    return await _told(connection, found.person_id, event, now)


async def activate(
    connection: Connection,
    viewer: Viewer,
    schedule_id: int,
    next_at: datetime,
    event: Event,
    now: datetime,
) -> bool:
    """Have a schedule of the viewer's run again; False where they have none of this id."""
    changed = await connection.fetchval(
        """
        update report_schedule
           set active = true, next_at = case when active then next_at else $3 end
         where id = $1 and person_id = $2 returning true
        """,
        schedule_id,
        viewer.person_id,
        next_at,
    )
    return await _told(connection, viewer.person_id, event, now, is_done=bool(changed))


async def deactivate(
    connection: Connection, viewer: Viewer, schedule_id: int, event: Event, now: datetime
) -> bool:
    """Stop a schedule of the viewer's, for administrators anybody's.

    False where they see none of this id. An owner whose schedule another stops is told by whom.
    """
    found = await one(connection, viewer, schedule_id)
    if found is None:
        return False
    by_another = found.person_id != viewer.person_id
    await connection.execute(
        """
        update report_schedule
           set active = false, next_at = null, asked_at = null,
               last_message = case when $2 then 'stopped' else last_message end,
               last_params = case when $2 then $3::jsonb else last_params end
         where id = $1
        """,
        schedule_id,
        by_another,
        {"by": event.login},
    )
    return await _told(connection, found.person_id, event, now)


async def run_now(
    connection: Connection, viewer: Viewer, schedule_id: int, event: Event, now: datetime
) -> bool:
    """Have a schedule of the viewer's run at once, beside its times; stopped ones too.

    False where they have none of this id. Asked again before it ran, it runs once.
    """
    asked = await connection.fetchval(
        """
        update report_schedule set asked_at = coalesce(asked_at, $3)
         where id = $1 and person_id = $2 returning true
        """,
        schedule_id,
        viewer.person_id,
        now,
    )
    return await _told(connection, viewer.person_id, event, now, is_done=bool(asked))


_SORTED: Mapping[Sorting, str] = {
    "next": "r.next_at {} nulls last",
    "last": "r.last_at {} nulls last",
    "description": "lower(r.description) {}",
    "user": "lower(owner) {}",
}


async def listing(
    connection: Connection, viewer: Viewer, wanted: ScheduleFilter, page: int, page_size: int
) -> SchedulePage:
    """A page of the viewer's schedules, for administrators of everybody's, counted from 1."""
    condition = """
        (r.person_id = $1 or ($2 and not $3)) and ($4::boolean is null or r.active = $4)
        and ($5 = '' or position(lower($5) in lower(
             r.description || ' ' || r.report || ' ' || array_to_string(r.addresses, ' ')
             || ' ' || case when $2 then p.first_name || ' ' || p.last_name else '' end)) > 0)
    """
    values = (
        viewer.person_id, viewer.is_administrator, wanted.only_own, wanted.active, wanted.text,
    )  # fmt: skip
    total: int = await connection.fetchval(
        f"select count(*) from report_schedule r join person p on p.id = r.person_id"  # noqa: S608 - our own condition
        f" where {condition}",
        *values,
    )
    order = _SORTED[wanted.sort].format("desc" if wanted.falling else "asc")
    rows = await connection.fetch(
        f"""
        select * from (
            select {COLUMNS}, r.last_message, r.last_params,
                   coalesce(nullif(trim(p.first_name || ' ' || p.last_name), ''), p.login) as owner
              from report_schedule r join person p on p.id = r.person_id
             where {condition}) r
         order by {order}, r.id limit $6 offset $7
        """,  # noqa: S608 - our own condition, columns and order
        *values,
        page_size,
        (page - 1) * page_size,
    )
    deliveries = await _deliveries(connection, [row["id"] for row in rows])
    return SchedulePage(
        [
            ListedSchedule(
                schedule=schedule_of(row),
                owner=row["owner"],
                is_own=row["person_id"] == viewer.person_id,
                verdict=cast("Verdict", row["last_message"]),
                details=row["last_params"],
                delivery=deliveries.get(row["id"], Delivery(0, 0, 0, "")),
            )
            for row in rows
        ],
        total,
    )


async def _deliveries(connection: Connection, ids: Sequence[int]) -> dict[int, Delivery]:
    """How the mails of the last run of each schedule fared; they were queued as it was settled."""
    rows = await connection.fetch(
        """
        select r.id, count(*) filter (where m.state = 'pending') as waiting,
               count(*) filter (where m.state = 'sent') as sent,
               count(*) filter (where m.state = 'failed') as failed,
               coalesce(max(m.address || ': ' || m.error) filter (where m.error <> ''), '') as error
          from report_schedule r
          join report_mail m on m.schedule_id = r.id and m.created_at = r.last_at
         where r.id = any($1) group by r.id
        """,
        list(ids),
    )
    return {row["id"]: Delivery(*row[1:]) for row in rows}
