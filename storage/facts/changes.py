"""What the books say has changed since the analytic copy last looked, read in one snapshot.

A change names minutes. The copy reads all the calls of those minutes anew, so that taking the same
change twice, or one that came while the minutes were read, does no harm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Literal

from storage.database import Connection
from storage.facts.ask import Subject
from storage.facts.tables import CALLS_OF, QUALITY_OF, REFERENCES

COPY_TIMEOUT_S = 600.0
_QUERIES: dict[Subject, str] = {"calls": CALLS_OF, "quality": QUALITY_OF}

Minutes = tuple[int, int]
"""From a minute since 1970, UTC, to another, excluded."""


@dataclass(frozen=True, slots=True)
class Known:
    """Which books a copy was made of, and which reading of the reference tables it holds."""

    copy_id: str = ""
    reference: int = 0


@dataclass(frozen=True, slots=True)
class Taken:
    """What changed. `files` are CSV files by table: whole reference tables, or rows of `spans`.

    `ids` are the changes it covers: all there were, so that no transaction is taken by halves.
    """

    known: Known
    spans: Mapping[Subject, tuple[Minutes, ...]]
    files: Mapping[str, Path]
    ids: tuple[int, ...] = ()


Outlook = Literal["same", "changed", "anew"]


async def look(connection: Connection, known: Known) -> Outlook:
    """Whether anything has changed since a copy knew `known`; `anew`: these are other books."""
    row = await connection.fetchrow(
        "select copy_id::text, reference, exists (select from fact_change) as changed"
        " from fact_state"
    )
    if row is None or row["copy_id"] != known.copy_id:
        return "anew"
    if not row["changed"] and row["reference"] == known.reference:
        return "same"
    return "changed"


async def take(connection: Connection, known: Known, folder: Path) -> Taken:
    """Write what changed to files in `folder`, as of one instant."""
    await _one_instant(connection)
    state = await connection.fetchrow("select copy_id::text, reference from fact_state")
    assert state is not None  # the migration made it  # noqa: S101
    now = Known(state["copy_id"], state["reference"])
    files: dict[str, Path] = {}
    if now.reference != known.reference:
        files |= await _references(connection, folder)
    ids = await connection.fetch("select id from fact_change")
    rows = await connection.fetch(
        "select subject, array_agg(distinct minute) as minutes"
        " from fact_change, unnest(minutes) minute group by subject"
    )
    spans: dict[Subject, tuple[Minutes, ...]] = {}
    for row in rows:
        subject: Subject = row["subject"]
        spans[subject] = together(set(row["minutes"]))
        files[subject] = await _rows(connection, subject, spans[subject], folder)
    return Taken(now, spans, files, tuple(row["id"] for row in ids))


async def begin_anew(connection: Connection, folder: Path) -> tuple[Taken, list[datetime]]:
    """The reference tables, and the months that hold calls or reports, the latest first.

    Every change noted so far is forgotten: what is read from here on has it. The books get a new
    name for that, so that any other copy of them, which will miss those, is made anew as well.
    """
    await _one_instant(connection, read_only=False)
    # Before the instant: whoever changes people meanwhile waits, and is not what this trips over.
    await connection.execute("lock table fact_state in exclusive mode")
    state = await connection.fetchrow(
        "update fact_state set copy_id = gen_random_uuid() returning copy_id::text, reference"
    )
    await connection.execute("delete from fact_change")
    assert state is not None  # the migration made it  # noqa: S101
    first, last = await connection.fetchrow(
        "select least((select min(started_at) from call),"
        "             (select to_timestamp(min(stamped)) from cmr)),"
        "       greatest((select max(started_at) from call),"
        "             (select to_timestamp(max(stamped)) from cmr))"
    ) or (None, None)
    files = await _references(connection, folder)
    months = _months(first, last) if first and last else []
    return Taken(Known(state["copy_id"], state["reference"]), {}, files), months


def _months(first: datetime, last: datetime) -> list[datetime]:
    month = first.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    months: list[datetime] = []
    while month <= last:
        months.append(month)
        month = next_month(month)
    return months[::-1]


def next_month(month: datetime) -> datetime:
    """The first instant of the month after."""
    return (month + timedelta(days=32)).replace(day=1)


async def month(connection: Connection, begins_at: datetime, folder: Path) -> Taken:
    """Everything of one UTC month."""
    await _one_instant(connection)
    span = (_minute(begins_at), _minute(next_month(begins_at)))
    files = {
        str(subject): await _rows(connection, subject, (span,), folder) for subject in _QUERIES
    }
    return Taken(Known(), {"calls": (span,), "quality": (span,)}, files)


async def done(connection: Connection, ids: tuple[int, ...]) -> None:
    """Forget changes the copy has taken."""
    await connection.execute("delete from fact_change where id = any($1::bigint[])", list(ids))


async def _one_instant(connection: Connection, *, read_only: bool = True) -> None:
    mode = ", read only" if read_only else ""
    await connection.execute(f"set transaction isolation level repeatable read{mode}")
    await connection.execute("set local statement_timeout = '10min'")


async def _rows(
    connection: Connection, subject: Subject, spans: tuple[Minutes, ...], folder: Path
) -> Path:
    return await _csv(
        connection,
        folder / f"{subject}.csv",
        _QUERIES[subject],
        [_instant(span[0]) for span in spans],
        [_instant(span[1]) for span in spans],
    )


async def _references(connection: Connection, folder: Path) -> dict[str, Path]:
    return {
        name: await _csv(connection, folder / f"{name}.csv", reference.query)
        for name, reference in REFERENCES.items()
    }


async def _csv(connection: Connection, path: Path, query: str, *values: object) -> Path:
    await connection.copy_from_query(
        query, *values, format="csv", output=path, timeout=COPY_TIMEOUT_S
    )
    return path


def together(minutes: set[int]) -> tuple[Minutes, ...]:
    """Minutes as spans: those that follow each other are one."""
    ordered = sorted(minutes)
    if not ordered:
        return ()
    ends = [one for one, other in pairwise(ordered) if other > one + 1]
    starts = [other for one, other in pairwise(ordered) if other > one + 1]
    begins, until = [ordered[0], *starts], [*ends, ordered[-1]]
    return tuple((one, other + 1) for one, other in zip(begins, until, strict=True))


def _minute(at: datetime) -> int:
    return int(at.timestamp()) // 60


def _instant(minute: int) -> datetime:
    return datetime.fromtimestamp(minute * 60, UTC)
