"""The company's directory as it is stored: its settings, the sealed password, and its runs.

Settings are a document whose shape the actors know. The password of the service account comes and
goes sealed: nothing here can open it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast

from asyncpg import Record

from storage.audit import Event, record
from storage.database import Connection, notify
from storage.directory_types import Problem, SyncPlan
from storage.viewer import Viewer

Outcome = Literal["done", "refused", "failed"]
FAILURES_COUNTED = 20
PROBLEMS_KEPT = 200
"""Of more problems of one run the first are kept, and the number of all."""


@dataclass(frozen=True, slots=True)
class StoredDirectory:
    """The one directory. `sealed_password` is None where the service account needs none."""

    settings: Mapping[str, Any]
    sealed_password: bytes | None
    changed_at: datetime
    next_sync_at: datetime | None


@dataclass(frozen=True, slots=True)
class SyncRun:
    """One run; `outcome` is None while it is under way. `reason` says why it was not done."""

    id: int
    started_at: datetime
    done_at: datetime | None
    asked_by: str
    outcome: Outcome | None
    seen: int
    created: int
    changed: int
    disabled: int
    enabled: int
    problems: tuple[Problem, ...]
    problem_count: int
    reason: str


async def load(connection: Connection, viewer: Viewer) -> StoredDirectory | None:
    """The directory, or None where none is configured."""
    viewer.require_administrator()
    row = await connection.fetchrow(
        "select settings, sealed_password, changed_at, next_sync_at from directory"
    )
    return StoredDirectory(*row) if row else None


async def save(
    connection: Connection,
    viewer: Viewer,
    settings: Mapping[str, Any],
    sealed_password: bytes | None,
    event: Event,
    *,
    next_sync_at: datetime | None,
    now: datetime,
) -> None:
    """Store the settings; remember who did it."""
    viewer.require_administrator()
    await connection.execute(
        """
        insert into directory (settings, sealed_password, changed_at, next_sync_at)
        values ($1, $2, $3, $4)
        on conflict (one) do update set settings = excluded.settings,
            sealed_password = excluded.sealed_password, changed_at = excluded.changed_at,
            next_sync_at = excluded.next_sync_at
        """,
        dict(settings),
        sealed_password,
        now,
        next_sync_at,
    )
    await record(connection, event, now)
    await notify(connection, "due", "-")
    await notify(connection, "directory", "-")


async def remove(connection: Connection, viewer: Viewer, event: Event, now: datetime) -> bool:
    """Forget the directory; its people stay as they are. Whether there was one."""
    viewer.require_administrator()
    removed = await connection.fetchval("delete from directory returning true")
    if removed:
        await record(connection, event, now)
        await notify(connection, "directory", "-")
    return bool(removed)


async def plan_next(connection: Connection, next_sync_at: datetime | None) -> None:
    """Say when the next run is due; None is never."""
    await connection.execute("update directory set next_sync_at = $1", next_sync_at)
    await notify(connection, "due", "-")


async def is_due(connection: Connection, now: datetime) -> bool:
    """Whether a run is due."""
    return bool(
        await connection.fetchval(
            "select exists (select from directory where next_sync_at <= $1)", now
        )
    )


async def next_sync(connection: Connection, after: datetime) -> datetime | None:
    """When the next run is due later than `after`; None where none is planned."""
    found: datetime | None = await connection.fetchval(
        "select min(next_sync_at) from directory where next_sync_at > $1", after
    )
    return found


async def start_run(connection: Connection, asked_by: int | None, now: datetime) -> int:
    """Note that a run begins; its id. One that was cut off by the end of its process has failed."""
    await connection.execute(
        """
        update directory_sync set done_at = $1, outcome = 'failed', reason = 'cut off'
         where done_at is null and started_at < $1::timestamptz - interval '1 hour'
        """,
        now,
    )
    run_id: int = await connection.fetchval(
        "insert into directory_sync (started_at, asked_by) values ($1, $2) returning id",
        now,
        asked_by,
    )
    await notify(connection, "directory", "-")
    return run_id


async def end_run(
    connection: Connection,
    run_id: int,
    outcome: Outcome,
    now: datetime,
    *,
    plan: SyncPlan | None = None,
    reason: str = "",
) -> None:
    """Note how a run ended, and what it did or would have done."""
    plan = SyncPlan() if plan is None else plan
    kept = [list(problem) for problem in plan.problems[:PROBLEMS_KEPT]]
    await connection.execute(
        """
        update directory_sync
           set done_at = $2, outcome = $3, seen = $4, created = $5, changed = $6, disabled = $7,
               enabled = $8, problems = $9, reason = $10
         where id = $1
        """,
        run_id,
        now,
        outcome,
        plan.seen,
        len(plan.created),
        len(plan.changed),
        len(plan.disabled),
        len(plan.enabled),
        {"count": len(plan.problems), "first": kept},
        reason[:1000],
    )
    await notify(connection, "directory", "-")


async def failures_in_a_row(connection: Connection) -> int:
    """How many runs have failed since the last one that did not, at most twenty."""
    rows = await connection.fetch(
        "select outcome from directory_sync where outcome is not null order by id desc limit $1",
        FAILURES_COUNTED,
    )
    outcomes = [row["outcome"] for row in rows]
    return next((n for n, outcome in enumerate(outcomes) if outcome != "failed"), len(outcomes))


_RUN = """
select r.id, r.started_at, r.done_at, r.outcome, r.seen, r.created, r.changed, r.disabled,
       r.enabled, r.problems, r.reason,
       coalesce(nullif(trim(p.first_name || ' ' || p.last_name), ''), p.login, '') as asked_by
  from directory_sync r left join person p on p.id = r.asked_by
"""


def _run(row: Record) -> SyncRun:
    found: object = row["problems"]
    problems = cast("dict[str, Any]", found) if isinstance(found, dict) else {}
    return SyncRun(
        id=row["id"],
        started_at=row["started_at"],
        done_at=row["done_at"],
        asked_by=row["asked_by"],
        outcome=cast("Outcome | None", row["outcome"]),
        seen=row["seen"],
        created=row["created"],
        changed=row["changed"],
        disabled=row["disabled"],
        enabled=row["enabled"],
        problems=tuple(Problem(*one) for one in problems.get("first", ())),
        problem_count=problems.get("count", 0),
        reason=row["reason"],
    )


async def runs(
    connection: Connection, viewer: Viewer, offset: int, limit: int
) -> tuple[list[SyncRun], int]:
    """Runs, newest first, and how many there are."""
    viewer.require_administrator()
    rows = await connection.fetch(_RUN + "order by r.id desc offset $1 limit $2", offset, limit)
    total: int = await connection.fetchval("select count(*) from directory_sync")
    return [_run(row) for row in rows], total


async def run_of(connection: Connection, viewer: Viewer, run_id: int) -> SyncRun | None:
    """One run."""
    viewer.require_administrator()
    row = await connection.fetchrow(_RUN + "where r.id = $1", run_id)
    return _run(row) if row else None


async def people_of_directory(connection: Connection, viewer: Viewer) -> int:
    """How many enabled people came from the directory."""
    viewer.require_administrator()
    found: int = await connection.fetchval(
        "select count(*) from person where source = 'directory' and disabled_at is null"
    )
    return found
