"""Rows of `call` written as the tests need them, with what the ingest would have written beside."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

from storage import day_totals
from storage.database import Connection, notify_all

AT = datetime(2026, 3, 10, 9, 30, tzinfo=UTC)


async def _whose(
    connection: Connection, extension: str | None, at: datetime
) -> tuple[int | None, int | None]:
    """Who owned the extension at `at`, and the unit they are in now."""
    row = await connection.fetchrow(
        """
        select p.id, p.unit_id from extension_owner o join person p on p.id = o.person_id
         where o.extension = $1 and (o.from_at is null or o.from_at <= $2)
           and (o.until_at is null or o.until_at > $2)
        """,
        extension,
        at,
    )
    return (row["id"], row["unit_id"]) if row else (None, None)


async def add_call(
    connection: Connection,
    extension: str | None = "731",
    number: str = "00266771234",
    *,
    direction: str = "outgoing",
    e164: str = "",
    at: datetime = AT,
    seconds: int = 60,
    ring_s: int = 5,
    cost: str = "0",
    gateway: str | None = "Milano",
    other: str | None = None,
    values: Mapping[str, object] | None = None,
) -> str:
    """A call of one extension; its key. `other`: an internal call, with a row for that one too.

    `values` overrides any column of the first row.
    """
    key = str(uuid4())
    sides = [(extension, other or number)]
    if other is not None:
        direction, sides = "internal", [*sides, (other, extension or "")]
    for party, (side, called) in enumerate(sides):
        person, unit = await _whose(connection, side, at)
        row: dict[str, Any] = {
            "key": key, "party": party, "revision": 1, "counted": party == 0,
            "direction": direction, "extension": side, "person_id": person, "unit_id": unit,
            "number": called, "e164": "" if other else e164, "originated_at": at,
            "started_at": at, "ended_at": at + timedelta(seconds=seconds), "ring_s": ring_s,
            "duration_s": seconds, "call_duration_s": seconds, "answered": seconds > 0,
            "cost": Decimal(cost) if party == 0 else Decimal(0), "currency": "EUR",
            "gateway_id": None if other or gateway is None else await connection.fetchval(
                "select id from gateway where name = $1", gateway),
            "site_id": await connection.fetchval("select id from site where name = 'Milano'"),
            **(dict(values or {}) if party == 0 else {}),
        }  # fmt: skip
        names = ", ".join(row)
        slots = ", ".join(f"${n}" for n in range(1, len(row) + 1))
        await connection.execute(
            f"insert into call ({names}) values ({slots})",
            *row.values(),
        )
    await day_totals.reopen(connection, [at])
    people = [(await _whose(connection, side, at))[0] or 0 for side, _ in sides]
    await notify_all(connection, "calls", set(people))
    return key
