"""What people read of budgets: how they stand, what happened to them, whether the sums agree."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from asyncpg import Record

from rating.budget import carry
from storage.budget_accounts import PERSON_OF_ACCOUNT
from storage.budget_types import (
    BudgetLine,
    BudgetView,
    Difference,
    HistoryFilter,
    HistoryPage,
    HistoryRow,
)
from storage.database import Connection
from storage.viewer import Viewer
from telephony.money import ZERO

_OWNER = "coalesce((select login from person where id = a.person_id), b.target_key)"


async def for_person(
    connection: Connection,
    viewer: Viewer,
    now: datetime,  # noqa: ARG001 - part of the contract; the open period is the present one
) -> list[BudgetView]:
    """Every running budget that concerns whoever looks: their own, their shares, their pots."""
    rows = await connection.fetch(
        f"""
        select a.id as account_id, b.target, b.target_key, b.each, b.period, d.amount, d.carried,
               d.spent, d.amount + d.carried - d.spent as remaining, b.currency, d.starts_at,
               d.ends_at, a.time_zone, d.exhausted, b.locks, b.warn_at_percent
          from budget_account a join budget b on b.id = a.budget_id
          join budget_period d on d.account_id = a.id and d.closed_at is null
          join person p on p.id = $1 and {PERSON_OF_ACCOUNT}
         where a.closed_at is null and b.ended_at is null
         order by a.person_id is null, b.target = 'person' desc,
                  array_position(array['daily', 'weekly', 'monthly'], b.period), b.id
        """,  # noqa: S608 - our own text
        viewer.person_id,
    )
    return [_view(row) for row in rows]


def _view(row: Record) -> BudgetView:
    values: dict[str, Any] = dict(row)
    values["warn_at_percent"] = tuple(row["warn_at_percent"])
    return BudgetView(**values)


_HISTORY = f"""
  from budget_history h
  join budget_account a on a.id = h.account_id
  join budget b on b.id = a.budget_id
  join person p on p.id = $1
   and (a.person_id = p.id or (a.person_id is null and {PERSON_OF_ACCOUNT}))
  left join person whose on whose.id = coalesce(a.person_id, h.person_id)
  cross join lateral (
      select coalesce(nullif(trim(whose.first_name || ' ' || whose.last_name), ''), whose.login, '')
                 as person_name,
             coalesce((select o.extension from extension_owner o
                        where o.person_id = whose.id and o.until_at is null
                        order by o.id limit 1), '') as extension) w
 where (h.person_id is null or h.person_id = p.id)
   and ($2::timestamptz is null or h.at >= $2) and ($3::timestamptz is null or h.at < $3)
   and ($4 = '' or position(lower($4) in lower(
           concat_ws(' ', w.person_name, w.extension, b.target_key))) > 0)
   and ($5 = '' or h.action = $5)
   and ($6 = '' or exists (select from jsonb_each_text(h.details) e
                            where position(lower($6) in lower(e.value)) > 0))
"""  # noqa: S608 - our own text


async def history(
    connection: Connection,
    viewer: Viewer,
    filter: HistoryFilter,  # noqa: A002 - the contract's word
    page: int,
    size: int = 10,
) -> HistoryPage:
    """One page (from 1) of all that happened to the budgets of whoever looks, ended ones too.

    What concerns another member of a pot alone, such as a mail to them, is not shown.
    """
    values = (
        viewer.person_id,
        filter.from_at,
        filter.until_at,
        filter.budget_for,
        filter.action,
        filter.details,
    )
    total: int = await connection.fetchval(f"select count(*) {_HISTORY}", *values)
    order = "asc" if filter.sort == "asc" else "desc"
    rows = await connection.fetch(
        f"""
        select h.at, b.target, b.target_key, w.person_name, w.extension, h.action, h.details,
               b.currency
        {_HISTORY}
         order by h.at {order}, h.id {order} limit $7 offset $8
        """,
        *values,
        size,
        max(0, page - 1) * size,
    )
    return HistoryPage([HistoryRow(*row) for row in rows], total)


async def listing(
    connection: Connection,
    now: datetime,  # noqa: ARG001 - part of the contract; the open period is the present one
) -> list[BudgetLine]:
    """Every running account, by owner."""
    rows = await connection.fetch(
        f"""
        select {_OWNER} as owner, b.target, b.period, d.amount, d.carried, d.spent,
               d.amount + d.carried - d.spent as remaining, b.currency, d.ends_at as until,
               a.time_zone, d.exhausted
          from budget_account a join budget b on b.id = a.budget_id
          join budget_period d on d.account_id = a.id and d.closed_at is null
         where a.closed_at is null and b.ended_at is null
         order by lower({_OWNER}), a.id
        """  # noqa: S608 - our own text
    )
    return [BudgetLine(**dict(row)) for row in rows]


async def verify_balances(connection: Connection) -> list[Difference]:
    """Every period's `spent` from the ledger and every `carried` from its predecessor, recomputed.

    What differs, oldest first; nothing where all is well. Sees one instant: its snapshot.
    """
    rows = await connection.fetch(
        f"""
        select d.account_id, {_OWNER} as owner, d.starts_at, d.ends_at, d.amount, d.carried,
               d.spent, d.carry_over, coalesce(s.spent, 0) as computed
          from budget_period d
          join budget_account a on a.id = d.account_id
          join budget b on b.id = a.budget_id
          left join (
               select d.account_id, d.starts_at, sum(e.amount) as spent
                 from budget_period d join account_entry e
                   on e.account_id = d.account_id
                  and e.ended_at >= d.starts_at and e.ended_at < d.ends_at
                group by d.account_id, d.starts_at) s
            on s.account_id = d.account_id and s.starts_at = d.starts_at
         order by d.account_id, d.starts_at
        """  # noqa: S608 - our own text
    )
    found: list[Difference] = []
    before = None
    for row in rows:
        place = (row["account_id"], row["owner"], row["starts_at"])
        if row["spent"] != row["computed"]:
            found.append(Difference(*place, "spent", row["spent"], row["computed"]))
        follows = (
            before is not None
            and before["account_id"] == row["account_id"]
            and before["ends_at"] == row["starts_at"]
        )
        carried = ZERO
        if before is not None and follows and before["carry_over"]:
            carried = carry(before["amount"], before["carried"], before["spent"])
        if carried != row["carried"]:
            found.append(Difference(*place, "carried", row["carried"], carried))
        before = row
    return found
