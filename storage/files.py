"""Call-record files: what has been read of each, rows set aside, and holes in the numbering."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from storage.database import Connection

MOST_MISSING = 5_000
"""A jump in a node's numbering wider than this is a counter set anew, not a row of lost files."""


class FileRecord(NamedTuple):
    """A file as it is known: `lines_done` lines of it are stored; `done` when all of it is."""

    id: int
    lines_done: int
    done: bool


class Reject(NamedTuple):
    """A row set aside. `line` counts from 1, the header being line 1."""

    line: int
    reason: str
    raw: str


class RejectRow(NamedTuple):
    """A row set aside, as an administrator sees it."""

    file_id: int
    file: str
    line: int
    reason: str
    raw: str
    header: str
    rejected_at: datetime


class Gap(NamedTuple):
    """Files of a node that its numbering says exist and that have not come."""

    cluster: str
    node: int
    kind: str
    first: int
    last: int
    noticed_at: datetime


async def find(connection: Connection, name: str, sha256: str) -> FileRecord | None:
    """The file of this name and content, if it was ever begun."""
    row = await connection.fetchrow(
        """
        select id, lines_done, done_at is not null from ingest_file
        where name = $1 and sha256 = $2
        """,
        name,
        sha256,
    )
    return FileRecord(*row) if row else None


async def begin(
    connection: Connection,
    name: str,
    sha256: str,
    size_bytes: int,
    kind: str,
    header: str,
    numbering: tuple[str, int, int] | None,
) -> FileRecord:
    """Register a file, or find it where it was begun before.

    `numbering` is (cluster, node, sequence) where the name gives them: a hole before it is noted,
    the one it fills is closed.
    """
    layout = hashlib.sha256(header.encode()).hexdigest()
    layout_id = await connection.fetchval(
        """
        with made as (
            insert into cdr_layout (sha256, header) values ($1, $2)
            on conflict (sha256) do nothing returning id)
        select id from made union all select id from cdr_layout where sha256 = $1 limit 1
        """,
        layout,
        header,
    )
    cluster, node, sequence = numbering or ("", None, None)
    await connection.execute(
        """
        insert into ingest_file (name, sha256, size_bytes, kind, layout_id, cluster, node, sequence)
        values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (name, sha256) do nothing
        """,
        name,
        sha256,
        size_bytes,
        kind,
        layout_id,
        cluster,
        node,
        sequence,
    )
    if numbering is not None:
        await _note_numbering(connection, kind, *numbering)
    found = await find(connection, name, sha256)
    assert found is not None  # noqa: S101  # inserted above, or there before
    return found


async def _note_numbering(
    connection: Connection, kind: str, cluster: str, node: int, sequence: int
) -> None:
    await connection.execute(
        """
        update file_gap set closed_at = now()
        where cluster = $1 and node = $2 and kind = $3 and sequence = $4 and closed_at is null
        """,
        cluster,
        node,
        kind,
        sequence,
    )
    before = await connection.fetchval(
        """
        select max(sequence) from ingest_file
        where cluster = $1 and node = $2 and kind = $3 and sequence < $4
        """,
        cluster,
        node,
        kind,
        sequence,
    )
    if before is None or not 1 < sequence - before <= MOST_MISSING:
        return
    await connection.execute(
        """
        insert into file_gap (cluster, node, kind, sequence)
        select $1, $2, $3, missing from generate_series($4::bigint + 1, $5::bigint - 1) missing
        where not exists (select from ingest_file f where f.cluster = $1 and f.node = $2
                          and f.kind = $3 and f.sequence = missing)
        on conflict do nothing
        """,
        cluster,
        node,
        kind,
        before,
        sequence,
    )


async def advance(
    connection: Connection,
    file_id: int,
    lines_done: int,
    rows: int,
    stored: int,
    rejects: Sequence[Reject],
    *,
    done: bool,
) -> int:
    """Note how far a file has been read, and set its bad rows aside; how many of those are new."""
    fresh = 0
    if rejects:
        inserted = await connection.fetch(
            """
            insert into cdr_reject (file_id, line, reason, raw)
            select $1, * from unnest($2::int[], $3::text[], $4::text[])
            on conflict do nothing returning line
            """,
            file_id,
            [reject.line for reject in rejects],
            [reject.reason for reject in rejects],
            [reject.raw for reject in rejects],
        )
        fresh = len(inserted)
    await connection.execute(
        """
        update ingest_file set lines_done = $2, rows = rows + $3, stored = stored + $4,
            rejected = rejected + $5, done_at = case when $6 then now() else done_at end
        where id = $1
        """,
        file_id,
        lines_done,
        rows,
        stored,
        fresh,
        done,
    )
    return fresh


async def rejects(connection: Connection, limit: int | None = None) -> list[RejectRow]:
    """Rows set aside and not yet resolved, newest first."""
    rows = await connection.fetch(
        """
        select r.file_id, f.name, r.line, r.reason, r.raw, l.header, r.rejected_at
        from cdr_reject r join ingest_file f on f.id = r.file_id
            join cdr_layout l on l.id = f.layout_id
        where r.resolved_at is null order by r.rejected_at desc, r.file_id desc, r.line limit $1
        """,
        limit,
    )
    return [RejectRow(*row) for row in rows]


async def resolve(connection: Connection, file_id: int, lines: Sequence[int]) -> None:
    """Mark rows as read after all."""
    await connection.execute(
        "update cdr_reject set resolved_at = now() where file_id = $1 and line = any($2::int[])",
        file_id,
        lines,
    )


async def gaps(connection: Connection) -> list[Gap]:
    """Files that have not come, neighbouring numbers together."""
    rows = await connection.fetch(
        """
        select cluster, node, kind, min(sequence), max(sequence), min(noticed_at)
        from (select *, sequence - row_number() over (
                  partition by cluster, node, kind order by sequence) as run
              from file_gap where closed_at is null) missing
        group by cluster, node, kind, run order by 1, 2, 3, 4
        """
    )
    return [Gap(*row) for row in rows]


class IntakeTotals(NamedTuple):
    """Counts since the first file, for `doctor` and the metrics."""

    files: int
    rows: int
    stored: int
    rejects_open: int
    missing_files: int
    last_file_at: datetime | None


async def totals(connection: Connection) -> IntakeTotals:
    """What came in so far."""
    row = await connection.fetchrow(
        """
        select count(*), coalesce(sum(rows), 0)::bigint, coalesce(sum(stored), 0)::bigint,
               (select count(*) from cdr_reject where resolved_at is null),
               (select count(*) from file_gap where closed_at is null), max(done_at)
        from ingest_file
        """
    )
    assert row is not None  # noqa: S101  # an aggregate always gives a row
    return IntakeTotals(*row)
