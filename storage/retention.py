"""Forgets calls after the time the company has set, leaving no balance that cannot be proved.

A budget period's balance is the sum of its ledger entries, so a period goes whole or not at all:
first the closed periods that ended before the limit, then the calls and their entries that ended
before every period that is left. Budgets' history, which names amounts and no numbers, stays.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from storage import day_totals
from storage.database import Connection

BATCH = 5_000
"""Calls per transaction: short enough for calls to be stored meanwhile."""


class Forgotten(NamedTuple):
    """What one step removed."""

    calls: int
    legs: int


async def close_books(connection: Connection, before_at: datetime) -> datetime:
    """Remove closed periods that ended by `before_at`; up to when calls may now be forgotten."""
    await connection.execute(
        "delete from budget_period where closed_at is not null and ends_at <= $1", before_at
    )
    return await connection.fetchval(
        "select least($1::timestamptz, (select min(starts_at) from budget_period))", before_at
    )


async def forget_calls(connection: Connection, before_at: datetime) -> Forgotten:
    """Remove some calls that ended before `before_at` and their records; zeros when done."""
    keys = [
        row["key"]
        for row in await connection.fetch(
            "select distinct key from call where ended_at < $1 limit $2", before_at, BATCH
        )
    ]
    await connection.execute("delete from ledger where call_key = any($1)", keys)
    gone = await connection.fetch("delete from call where key = any($1) returning started_at", keys)
    await day_totals.reopen(connection, {row["started_at"] for row in gone})
    epoch = int(before_at.timestamp())
    legs = await connection.fetchval(
        "with gone as (delete from leg where pkid in (select pkid from leg"
        " where greatest(originated, disconnected) < $1 limit $2) returning 1)"
        " select count(*) from gone",
        epoch,
        BATCH,
    )
    measured = await connection.fetchval(
        "with gone as (delete from cmr where pkid in (select pkid from cmr"
        " where stamped < $1 limit $2) returning 1) select count(*) from gone",
        epoch,
        BATCH,
    )
    await connection.execute("delete from cdr_reject where rejected_at < $1", before_at)
    return Forgotten(len(keys), legs + measured)
