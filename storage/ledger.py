"""The ledger: what was charged to whom, and the balances that it moves.

An entry is never edited. A call that comes to cost something else is reversed and charged anew.
Balances move in the same transaction as the entries; `spent` of a budget period is always the sum
of the entries of its account's people that ended within it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal, NamedTuple

from rating.charge import LedgerCharge
from storage.copying import copy_rows
from storage.database import Connection, notify_all

BUCKET_S = 900
"""Every budget period begins on a quarter of an hour in UTC, whatever the zone."""


class LedgerEntry(NamedTuple):
    """A posting. `amount` is negative in a reversal; `ended_at` is the end of the call."""

    call_key: str
    revision: int
    kind: Literal["charge", "reversal"]
    extension: str
    person_id: int | None
    department: str
    cost_centre: str
    amount: Decimal
    currency: str
    ended_at: datetime


def charge_entry(call_key: str, revision: int, charge: LedgerCharge) -> LedgerEntry:
    """The posting of a call's charge."""
    return LedgerEntry(call_key, revision, "charge", *charge)


async def reversals(connection: Connection, call_keys: Sequence[str]) -> list[LedgerEntry]:
    """What takes back the charges now standing for these calls, exactly as they were posted."""
    rows = await connection.fetch(
        """
        select c.call_key::text, c.revision, 'reversal', c.extension, c.person_id, c.department,
               c.cost_centre, -c.amount, c.currency, c.ended_at
        from ledger c
        where c.call_key = any($1::uuid[]) and c.kind = 'charge'
          and not exists (select from ledger r where r.call_key = c.call_key
                          and r.revision = c.revision and r.kind = 'reversal')
        order by c.call_key
        """,
        call_keys,
    )
    return [LedgerEntry(*row) for row in rows]


async def post(connection: Connection, entries: Sequence[LedgerEntry]) -> None:
    """Write the entries and move every balance that they touch."""
    if not entries:
        return
    await copy_rows(connection, "ledger", LedgerEntry._fields, entries)
    buckets = _buckets(entries)
    rows = await connection.fetch(
        """
        with entry as (
            select * from unnest(
                $1::int[], $2::text[], $3::text[], $4::timestamptz[], $5::numeric[]
            ) as e(person_id, department, cost_centre, ended_at, amount)
        ), account as (
            select a.id, a.person_id, b.target, lower(b.target_key) as target_key
            from budget_account a join budget b on b.id = a.budget_id
        ), matched as (
            select a.id, e.ended_at, e.amount from entry e join account a
                on a.person_id = e.person_id
            union all
            select a.id, e.ended_at, e.amount from entry e join account a
                on a.person_id is null and a.target = 'department'
                and e.department <> '' and a.target_key = lower(e.department)
            union all
            select a.id, e.ended_at, e.amount from entry e join account a
                on a.person_id is null and a.target = 'cost_centre'
                and e.cost_centre <> '' and a.target_key = lower(e.cost_centre)
        ), moved as (
            select p.account_id, p.starts_at, sum(m.amount) as amount
            from matched m join budget_period p
                on p.account_id = m.id and m.ended_at >= p.starts_at and m.ended_at < p.ends_at
            group by 1, 2
        )
        update budget_period p set spent = p.spent + moved.amount, revision = p.revision + 1
        from moved where p.account_id = moved.account_id and p.starts_at = moved.starts_at
        returning p.account_id
        """,
        [bucket[0] for bucket in buckets],
        [bucket[1] for bucket in buckets],
        [bucket[2] for bucket in buckets],
        [datetime.fromtimestamp(bucket[3], UTC) for bucket in buckets],
        list(buckets.values()),
    )
    await notify_all(connection, "account", sorted({row["account_id"] for row in rows}))


def _buckets(
    entries: Iterable[LedgerEntry],
) -> dict[tuple[int | None, str, str, int], Decimal]:
    """Sums by payer and quarter of an hour: a year of calls moves a balance once per batch."""
    sums: dict[tuple[int | None, str, str, int], Decimal] = {}
    for entry in entries:
        bucket = int(entry.ended_at.timestamp()) // BUCKET_S * BUCKET_S
        key = (entry.person_id, entry.department, entry.cost_centre, bucket)
        sums[key] = sums.get(key, Decimal(0)) + entry.amount
    return sums
