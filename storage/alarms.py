"""Alarms: what somebody has to look at. One stands per key until it clears, and is kept then."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from storage.database import Connection, notify


class Alarm(NamedTuple):
    """One alarm; `params` are the facts its text is made of."""

    key: str
    kind: str
    params: dict[str, str]
    raised_at: datetime
    cleared_at: datetime | None


async def raise_alarm(
    connection: Connection, key: str, kind: str, params: Mapping[str, str], now: datetime
) -> bool:
    """Let the alarm `key` stand with this kind and these facts; whether anything was new."""
    changed = await connection.fetchval(
        """
        insert into alarm (key, kind, params, raised_at) values ($1, $2, $3, $4)
        on conflict (key) where cleared_at is null
        do update set kind = excluded.kind, params = excluded.params
            where (alarm.kind, alarm.params) is distinct from (excluded.kind, excluded.params)
        returning id
        """,
        key,
        kind,
        dict(params),
        now,
    )
    if changed is not None:
        await notify(connection, "alarm", key)
    return changed is not None


async def clear_alarm(connection: Connection, key: str, now: datetime) -> bool:
    """End the alarm where it stands; whether it did."""
    cleared = await connection.fetchval(
        "update alarm set cleared_at = $2 where key = $1 and cleared_at is null returning id",
        key,
        now,
    )
    if cleared is not None:
        await notify(connection, "alarm", key)
    return cleared is not None


async def clear_kind(connection: Connection, kind: str, now: datetime) -> None:
    """End every alarm of a kind, such as those about tasks of a process that is no more."""
    await connection.execute(
        "update alarm set cleared_at = $2 where kind = $1 and cleared_at is null", kind, now
    )


async def standing(connection: Connection) -> list[Alarm]:
    """The alarms nobody has cleared, newest first."""
    rows = await connection.fetch(
        """
        select key, kind, params, raised_at, cleared_at from alarm
         where cleared_at is null order by raised_at desc, id desc
        """
    )
    return [Alarm(*row) for row in rows]
