"""Reports people keep: a report of the catalogue with options of one's own, under a name.

Only whoever made one changes it. Shared ones are found by whom they are shared with, as owner and
reader belong today; each runs them in their own scope.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast

from asyncpg import Record

from storage.audit import Event, record
from storage.database import Connection, StorageConflict
from storage.viewer import Viewer

SharedWith = Literal["nobody", "department", "cost_centre", "office", "everybody"]

MOST_SAVED = 500
"""Reports one person may keep."""


class NameTaken(StorageConflict):
    """The person keeps another report under this name; nothing was changed."""


class TooManySaved(StorageConflict):
    """The person keeps as many reports as one may; nothing was changed."""


@dataclass(frozen=True, slots=True)
class ReportDraft:
    """What a person decides about a report they keep. `options` are as `reports` writes them."""

    report: str
    category: str
    name: str
    description: str
    options: Mapping[str, Any]
    shared_with: SharedWith = "nobody"


@dataclass(frozen=True, slots=True)
class SavedReport:
    """One report somebody keeps. `is_own` tells whether whoever asked may change it."""

    id: int
    person_id: int
    owner: str
    is_own: bool
    draft: ReportDraft
    created_at: datetime
    changed_at: datetime


VISIBLE = """
    (s.person_id = v.id or s.shared_with = 'everybody' or case s.shared_with
        when 'department' then o.department <> '' and lower(o.department) = lower(v.department)
        when 'cost_centre' then o.cost_centre <> '' and lower(o.cost_centre) = lower(v.cost_centre)
        when 'office' then o.office <> '' and lower(o.office) = lower(v.office)
        else false end)
"""
"""SQL that is true of a report `s` of the owner `o` that the person `v` finds."""

_SELECT = f"""
select s.*, s.person_id = v.id as is_own,
       coalesce(nullif(trim(o.first_name || ' ' || o.last_name), ''), o.login) as owner
  from saved_report s
  join person o on o.id = s.person_id
  join person v on v.id = $1
 where {VISIBLE}
"""  # noqa: S608 - our own condition


def _saved(row: Record) -> SavedReport:
    return SavedReport(
        id=row["id"],
        person_id=row["person_id"],
        owner=row["owner"],
        is_own=row["is_own"],
        draft=ReportDraft(
            report=row["report"],
            category=row["category"],
            name=row["name"],
            description=row["description"],
            options=row["options"],
            shared_with=cast("SharedWith", row["shared_with"]),
        ),
        created_at=row["created_at"],
        changed_at=row["changed_at"],
    )


async def own(connection: Connection, viewer: Viewer) -> list[SavedReport]:
    """The viewer's reports, by name."""
    rows = await connection.fetch(
        _SELECT + " and s.person_id = v.id order by lower(s.name), s.id", viewer.person_id
    )
    return [_saved(row) for row in rows]


async def shared(connection: Connection, viewer: Viewer) -> list[SavedReport]:
    """Reports of others that are shared with the viewer, by name."""
    rows = await connection.fetch(
        _SELECT + " and s.person_id <> v.id order by lower(s.name), s.id", viewer.person_id
    )
    return [_saved(row) for row in rows]


async def one(connection: Connection, viewer: Viewer, saved_id: int) -> SavedReport | None:
    """A report of the viewer's, or one that is shared with them; None where there is none."""
    row = await connection.fetchrow(_SELECT + " and s.id = $2", viewer.person_id, saved_id)
    return _saved(row) if row else None


async def create(
    connection: Connection, viewer: Viewer, draft: ReportDraft, event: Event, now: datetime
) -> int:
    """Keep a report; its id. Raises `NameTaken`, `TooManySaved`."""
    kept = await connection.fetchval(
        "select count(*) from saved_report where person_id = $1", viewer.person_id
    )
    if kept >= MOST_SAVED:
        raise TooManySaved(f"there are already {MOST_SAVED} reports")
    saved_id: int | None = await connection.fetchval(
        """
        insert into saved_report (person_id, report, category, name, description, options,
                                  shared_with, created_at, changed_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $8)
        on conflict (person_id, lower(name)) do nothing
        returning id
        """,
        viewer.person_id,
        draft.report,
        draft.category,
        draft.name,
        draft.description,
        dict(draft.options),
        draft.shared_with,
        now,
    )
    if saved_id is None:
        raise NameTaken(f"there is already a report {draft.name}")
    await record(connection, event, now)
    return saved_id


async def edit(
    connection: Connection,
    viewer: Viewer,
    saved_id: int,
    draft: ReportDraft,
    event: Event,
    now: datetime,
) -> bool:
    """Change a report of the viewer's; False where they have none of this id.

    Raises `NameTaken`.
    """
    taken: bool = await connection.fetchval(
        """
        select exists (select from saved_report
                        where person_id = $1 and lower(name) = lower($2) and id <> $3)
        """,
        viewer.person_id,
        draft.name,
        saved_id,
    )
    if taken:
        raise NameTaken(f"there is already a report {draft.name}")
    changed = await connection.fetchval(
        """
        update saved_report
           set report = $3, category = $4, name = $5, description = $6, options = $7,
               shared_with = $8, changed_at = $9
         where id = $2 and person_id = $1 returning true
        """,
        viewer.person_id,
        saved_id,
        draft.report,
        draft.category,
        draft.name,
        draft.description,
        dict(draft.options),
        draft.shared_with,
        now,
    )
    if changed:
        await record(connection, event, now)
    return bool(changed)


async def delete(
    connection: Connection, viewer: Viewer, saved_id: int, event: Event, now: datetime
) -> bool:
    """Forget a report of the viewer's; False where they have none of this id.

    Its runs stay in the history; schedules made of it go on with the options they have.
    """
    gone = await connection.fetchval(
        "delete from saved_report where id = $1 and person_id = $2 returning true",
        saved_id,
        viewer.person_id,
    )
    if gone:
        await record(connection, event, now)
    return bool(gone)
