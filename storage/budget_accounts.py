"""Which people, extensions and ledger entries belong to a budget's account."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from asyncpg import Record

from storage.budget_types import Account
from storage.database import Connection
from storage.locks import place, release
from telephony.money import plain
from telephony.plant import ExtensionKey

MEMBER_OF_BUDGET = """(p.disabled_at is null and (
    (b.target = 'person' and lower(p.login) = lower(b.target_key))
    or (b.target = 'department' and lower(p.department) = lower(b.target_key))
    or (b.target = 'cost_centre' and lower(p.cost_centre) = lower(b.target_key))))"""
"""SQL: whether person `p` is one of those budget `b` is for."""

PERSON_OF_ACCOUNT = f"""({MEMBER_OF_BUDGET} and (a.person_id is null or a.person_id = p.id))"""
"""SQL: whether person `p` is concerned by account `a` of budget `b`."""


async def hold_ledger_still(connection: Connection) -> None:
    """Wait for postings under way and let no new one begin before this transaction ends.

    A period's first sum and the postings that move it afterwards must not miss one another. Taken
    before any row is locked. Whoever posts inserts into the ledger first and moves periods second.
    """
    await connection.execute("lock table ledger in share mode")


_ACCOUNT = """
select a.id, a.budget_id, a.person_id, a.time_zone, b.target, b.target_key, b.each, b.amount,
       b.currency, b.period, b.carry_over, b.warn_at_percent, b.locks,
       a.closed_at is null and b.ended_at is null as live
  from budget_account a join budget b on b.id = a.budget_id
"""


def _account(row: Record) -> Account:
    values: dict[str, Any] = dict(row)
    values["warn_at_percent"] = tuple(row["warn_at_percent"])
    return Account(**values)


async def account(connection: Connection, account_id: int) -> Account | None:
    """The account and its budget's terms, locked against others who decide about it."""
    row = await connection.fetchrow(_ACCOUNT + "where a.id = $1 for no key update of a", account_id)
    return _account(row) if row else None


async def accounts_of(connection: Connection, budget_id: int) -> list[Account]:
    """The accounts of a budget, closed ones too."""
    rows = await connection.fetch(
        _ACCOUNT + "where b.id = $1 order by a.id for no key update of a", budget_id
    )
    return [_account(row) for row in rows]


async def live_accounts(connection: Connection) -> list[int]:
    """Every account of a running budget."""
    rows = await connection.fetch(
        """
        select a.id from budget_account a join budget b on b.id = a.budget_id
         where a.closed_at is null and b.ended_at is null order by a.id
        """
    )
    return [row["id"] for row in rows]


async def people_of(connection: Connection, account_id: int) -> list[int]:
    """The people an account concerns: its owner, or every present member of the pot."""
    rows = await connection.fetch(
        f"""
        select p.id from budget_account a join budget b on b.id = a.budget_id
          join person p on {PERSON_OF_ACCOUNT}
         where a.id = $1 order by p.id
        """,  # noqa: S608 - our own text
        account_id,
    )
    return [row["id"] for row in rows]


async def align_holds(
    connection: Connection, account_id: int, *, holding: bool, now: datetime
) -> tuple[tuple[ExtensionKey, ...], tuple[ExtensionKey, ...]]:
    """Make the account's `budget` holds exactly those it wants; extensions held, and released.

    Where `holding`, that is every present extension of the people concerned, else none.
    """
    source = str(account_id)
    rows = await connection.fetch(
        "select extension, partition from hold where kind = 'budget' and source = $1", source
    )
    has = {ExtensionKey(*row) for row in rows}
    wants = set(await _extensions(connection, account_id, now)) if holding else set[ExtensionKey]()
    held, released = sorted(wants - has), sorted(has - wants)
    for key in held:
        await place(connection, key, "budget", by=None, source=source, now=now)
    for key in released:
        await release(connection, key, "budget", by=None, source=source, now=now)
    return tuple(held), tuple(released)


async def _extensions(connection: Connection, account_id: int, now: datetime) -> list[ExtensionKey]:
    rows = await connection.fetch(
        f"""
        select distinct o.extension, o.partition
          from budget_account a join budget b on b.id = a.budget_id
          join person p on {PERSON_OF_ACCOUNT}
          join extension_owner o on o.person_id = p.id
           and (o.from_at is null or o.from_at <= $2) and (o.until_at is null or o.until_at > $2)
         where a.id = $1
        """,  # noqa: S608 - our own text
        account_id,
        now,
    )
    return [ExtensionKey(*row) for row in rows]


async def write_history(
    connection: Connection,
    account_id: int,
    action: str,
    details: dict[str, Any],
    now: datetime,
) -> None:
    """Add one row to the budget's history; amounts become texts with six decimals."""
    await connection.execute(
        """
        insert into budget_history (account_id, person_id, at, action, details)
        select id, person_id, $2, $3, $4 from budget_account where id = $1
        """,
        account_id,
        now,
        action,
        {name: plain(v) if isinstance(v, Decimal) else v for name, v in details.items()},
    )
