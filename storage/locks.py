"""Who holds an extension locked: the rows `hold`, and how people see them.

An extension is locked while anybody holds it; no hold touches another. What the phone system has is
in `lines`; this is the one name callers know.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple, cast

from storage.database import Connection, notify
from storage.lines import (
    Actual,
    DialPlan,
    LineState,
    alarm_key,
    dial_plan,
    forget_failure,
    forget_line_id,
    line_state,
    lines,
    next_try,
    record_drift,
    record_failure,
    record_intent,
    record_locked,
    record_unlocked,
    retry_refused,
)
from storage.lock_notices import record_event
from storage.viewer import Viewer
from telephony.plant import ExtensionKey

__all__ = [
    "Actual",
    "DialPlan",
    "Hold",
    "HoldKind",
    "LineState",
    "LockView",
    "alarm_key",
    "dial_plan",
    "forget_failure",
    "forget_line_id",
    "known",
    "line_state",
    "lines",
    "next_try",
    "place",
    "record_drift",
    "record_failure",
    "record_intent",
    "record_locked",
    "record_unlocked",
    "release",
    "retry_refused",
    "set_hold",
    "view",
]

HoldKind = Literal["user", "admin", "budget", "fraud"]


class Hold(NamedTuple):
    """One reason why an extension is locked. `placed_by_name` is empty where the house did it."""

    kind: HoldKind
    source: str
    placed_by_name: str
    placed_at: datetime


@dataclass(frozen=True, slots=True)
class LockView:
    """An extension as people see it: `locked` while anybody holds it.

    `actual` is what the phone system has; `error` says in words why the two differ.
    """

    extension: ExtensionKey
    locked: bool
    holds: tuple[Hold, ...]
    actual: Actual
    error: str | None


async def view(connection: Connection, key: ExtensionKey) -> LockView:
    """The extension as people see it. One nobody ever held is unlocked and `unknown`."""
    rows = await connection.fetch(
        """
        select h.kind, h.source, h.placed_at,
               coalesce(nullif(trim(p.first_name || ' ' || p.last_name), ''), p.login, '') as name
          from hold h left join person p on p.id = h.placed_by
         where h.extension = $1 and h.partition = $2 order by h.placed_at, h.kind, h.source
        """,
        *key,
    )
    line = await connection.fetchrow(
        "select actual, error from line where extension = $1 and partition = $2", *key
    )
    holds = tuple(Hold(row["kind"], row["source"], row["name"], row["placed_at"]) for row in rows)
    actual = cast("Actual", line["actual"] if line else "unknown")
    return LockView(key, bool(holds), holds, actual, line["error"] if line else None)


async def own(connection: Connection, viewer: Viewer) -> list[LockView]:
    """The extensions that whoever looks has now, lowest number first."""
    rows = await connection.fetch(
        """
        select extension, partition from extension_owner
         where person_id = $1 and (from_at is null or from_at <= now())
           and (until_at is null or until_at > now())
         order by length(extension), extension, partition
        """,
        viewer.person_id,
    )
    return [await view(connection, ExtensionKey(*row)) for row in rows]


async def set_hold(
    connection: Connection,
    key: ExtensionKey,
    kind: HoldKind,
    *,
    held: bool,
    by: int | None,
    source: str,
    now: datetime,
) -> LockView:
    """Place or release one hold and no other; the extension as it stands then.

    Doing it twice does it once. The line is tried at once where it had been refused before, since
    somebody acted.
    """
    if held:
        changed = await place(connection, key, kind, by=by, source=source, now=now)
    else:
        changed = await release(connection, key, kind, by=by, source=source, now=now)
    if changed:
        await connection.execute(
            """
            update line set next_try_at = null
             where extension = $1 and partition = $2 and error_kind = 'refused'
            """,
            *key,
        )
    return await view(connection, key)


async def place(
    connection: Connection,
    key: ExtensionKey,
    kind: HoldKind,
    *,
    by: int | None,
    source: str,
    now: datetime,
) -> bool:
    """Place a hold; False where it stands already. The line's actor is told at commit."""
    placed = await connection.fetchval(
        """
        insert into hold (extension, partition, kind, source, placed_by, placed_at)
        values ($1, $2, $3, $4, $5, $6) on conflict do nothing returning true
        """,
        *key,
        kind,
        source,
        by,
        now,
    )
    if placed:
        await record_event(
            connection, key, "hold", now, kind=kind, by=by, details={"source": source}
        )
        await notify(connection, "line", key)
    return bool(placed)


async def release(
    connection: Connection,
    key: ExtensionKey,
    kind: HoldKind,
    *,
    by: int | None,
    source: str,
    now: datetime,
) -> bool:
    """Release exactly one hold; False where it does not stand. The line's actor is told."""
    released = await connection.fetchval(
        """
        delete from hold where extension = $1 and partition = $2 and kind = $3 and source = $4
        returning true
        """,
        *key,
        kind,
        source,
    )
    if released:
        details = {"source": source}
        await record_event(connection, key, "release", now, kind=kind, by=by, details=details)
        await notify(connection, "line", key)
    return bool(released)


async def known(connection: Connection, text: str) -> tuple[ExtensionKey, ...]:
    """The extensions `731` or `731@PT` may mean: owned by somebody now, held, or seen.

    None where there is no such extension, several where a bare number is in several partitions.
    """
    asked = ExtensionKey.parse(text.strip())
    rows = await connection.fetch(
        """
        select distinct extension, partition from (
            select extension, partition from extension_owner where until_at is null
            union all select extension, partition from hold
            union all select extension, partition from line) k
         where extension = $1 order by partition
        """,
        asked.number,
    )
    keys = tuple(ExtensionKey(*row) for row in rows)
    if asked in keys:
        return (asked,)
    if asked.partition:
        return tuple(key for key in keys if not key.partition)  # owned wherever it is
    return keys
