"""The proof of the books: every charge from its call, every balance from the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import partial
from typing import NamedTuple

from asyncpg import Record

from rating.engine import price
from rating.tariff import TariffVersion
from storage import budgets, tariffs
from storage.company import company, load_plant
from storage.copying import beside_the_loop
from storage.database import Connection
from storage.rater import NOBODY
from storage.traces import dial_site, number_as_read
from telephony.money import plain
from telephony.plant import Plant

MOST_TOLD = 1000
"""Differences listed; a broken book need not print all of itself."""
_CHUNK = 10_000


class Verification(NamedTuple):
    """How much was recomputed, and a line for whatever differs."""

    calls: int
    entries: int
    periods: int
    differences: tuple[str, ...]


async def verify(connection: Connection) -> Verification:
    """Recompute everything that money rests on, within one snapshot. Changes nothing."""
    await connection.execute("set transaction isolation level repeatable read")
    calls, by_price = await _charges(connection)
    entries, by_ledger = await _ledger(connection)
    balances = await budgets.verify_balances(connection)
    differences = [*by_price, *by_ledger, *(str(difference) for difference in balances)]
    periods = await connection.fetchval("select count(*) from budget_period")
    return Verification(calls, entries, periods, tuple(differences[:MOST_TOLD]))


async def _charges(connection: Connection) -> tuple[int, list[str]]:
    """Every priced call's cost, priced again by the version it was priced by."""
    known = await company(connection)
    plant = await load_plant(connection) if known else NOBODY
    used = await connection.fetch(
        "select distinct tariff_version_id from call where tariff_version_id is not null"
    )
    versions: dict[int, TariffVersion | None] = {
        row[0]: await tariffs.load_version(connection, row[0]) for row in used
    }
    count, differences = 0, list[str]()
    chunk: list[Record] = []
    async for row in connection.cursor(_PRICED, prefetch=_CHUNK):
        chunk.append(row)
        if len(chunk) == _CHUNK:
            differences += await beside_the_loop(partial(_differences, chunk, versions, plant))
            count, chunk = count + len(chunk), []
    differences += await beside_the_loop(partial(_differences, chunk, versions, plant))
    return count + len(chunk), differences


_PRICED = """
    select c.key::text, c.number, c.e164, c.started_at, c.call_duration_s, c.answered, c.cost,
           c.currency, c.gateway_id, c.tariff_version_id, c.site_id, c.unrated
    from call c
    where c.counted and (c.cost <> 0 or c.tariff_version_id is not null)
    order by c.key
"""


def _differences(
    rows: Sequence[Record], versions: dict[int, TariffVersion | None], plant: Plant
) -> list[str]:
    found: list[str] = []
    for row in rows:
        site = dial_site(row, plant)
        charge = price(
            versions.get(row["tariff_version_id"]),
            number_as_read(row, site),
            row["started_at"],
            row["call_duration_s"],
            row["answered"],
            site,
            row["currency"],
        )
        if charge.cost != row["cost"] or (charge.unrated and row["answered"]) != row["unrated"]:
            found.append(
                f"call {row['key']}: stored {plain(row['cost'])}, "
                f"recomputed {plain(charge.cost)} {row['currency']}"
            )
    return found


async def _ledger(connection: Connection) -> tuple[int, list[str]]:
    """Per call: one row that bears the cost, and entries that come to just that."""
    entries = await connection.fetchval("select count(*) from ledger")
    rows = await connection.fetch(
        """
        with cost as (
            select key, sum(cost) as cost, count(*) filter (where cost <> 0) as bearing,
                   count(*) filter (where counted) as counted, max(revision) as revision
            from call group by key
        ), posted as (select call_key, sum(amount) as amount from ledger group by call_key)
        select coalesce(c.key, p.call_key)::text as key, coalesce(c.cost, 0) as cost,
               coalesce(p.amount, 0) as amount, c.bearing, c.counted
        from cost c full join posted p on p.call_key = c.key
        where coalesce(c.cost, 0) <> coalesce(p.amount, 0) or c.bearing > 1 or c.counted <> 1
        limit $1
        """,
        MOST_TOLD,
    )
    return entries, [_told(row) for row in rows]


def _told(row: Record) -> str:
    cost: Decimal = row["cost"]
    if cost != row["amount"]:
        return f"call {row['key']}: costs {plain(cost)}, the ledger says {plain(row['amount'])}"
    return f"call {row['key']}: {row['bearing']} rows bear its cost, {row['counted']} are counted"
