"""Budgets as an administrator sets them: terms, who has an account of them, and when they end.

What happens to their periods is in `budget_periods`, what people read of them in `budget_views`;
this is the one name callers know.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from rating.periods import Period
from storage.budget_accounts import (
    MEMBER_OF_BUDGET,
    account,
    accounts_of,
    align_holds,
    hold_ledger_still,
    live_accounts,
    people_of,
    write_history,
)
from storage.budget_periods import (
    accounts_due,
    correct_carry,
    evaluate,
    next_end,
    open_period,
    roll_over,
    work_of,
)
from storage.budget_types import (
    Account,
    BudgetChange,
    BudgetLine,
    BudgetSpec,
    BudgetTarget,
    BudgetView,
    Difference,
    EvaluationResult,
    FieldChange,
    HistoryFilter,
    HistoryPage,
    HistoryRow,
)
from storage.budget_views import for_person, history, listing, verify_balances
from storage.database import Connection, StorageConflict, notify

__all__ = [
    "Account",
    "BudgetChange",
    "BudgetLine",
    "BudgetSpec",
    "BudgetTarget",
    "BudgetView",
    "Difference",
    "EvaluationResult",
    "FieldChange",
    "HistoryFilter",
    "HistoryPage",
    "HistoryRow",
    "accounts_due",
    "correct_carry",
    "end_budget",
    "evaluate",
    "find_budget",
    "for_person",
    "history",
    "hold_ledger_still",
    "listing",
    "live_accounts",
    "next_end",
    "open_period",
    "people_of",
    "roll_over",
    "set_budget",
    "sync_members",
    "verify_balances",
    "work_of",
]

_TERMS = ("amount", "carry_over", "warn_at_percent", "locks")


async def find_budget(
    connection: Connection, target: BudgetTarget, target_key: str, *, each: bool, period: Period
) -> int | None:
    """The running budget for this target, key (in any case), `each` and period; its id."""
    found: int | None = await connection.fetchval(
        """
        select id from budget where target = $1 and lower(target_key) = lower($2) and each = $3
           and period = $4 and ended_at is null for no key update
        """,
        target,
        target_key,
        each,
        period,
    )
    return found


async def set_budget(connection: Connection, spec: BudgetSpec, now: datetime) -> BudgetChange:
    """Create the budget, or make the running one what `spec` says; what that changed.

    New terms hold for the period under way at once, which counts calls already made in it. Setting
    the same again changes nothing. Raises `StorageConflict`, in words for a person, where there is
    no company yet, nobody of that login, or the terms make no sense.
    """
    await hold_ledger_still(connection)
    await _check(connection, spec)
    budget_id = await find_budget(
        connection, spec.target, spec.target_key, each=spec.each, period=spec.period
    )
    if budget_id is None:
        budget_id = await _create(connection, spec, now)
        await _sync(connection, budget_id, now)
        return BudgetChange(budget_id, created=True)
    changes = await _change(connection, budget_id, spec, now)
    await _sync(connection, budget_id, now)
    return BudgetChange(budget_id, created=False, changes=changes)


async def _check(connection: Connection, spec: BudgetSpec) -> None:
    if spec.amount < 0:
        raise StorageConflict("a budget's amount is zero or more")
    if not spec.target_key.strip():
        raise StorageConflict(f"a budget for a {spec.target} needs its name")
    if any(not 1 <= percent <= 100 for percent in spec.warn_at_percent):
        raise StorageConflict("warnings are percentages from 1 to 100")
    if spec.target != "person":
        return
    if spec.each:
        raise StorageConflict("`each` is for departments and cost centres, not for one person")
    if not await connection.fetchval(
        "select exists (select from person where lower(login) = lower($1))", spec.target_key
    ):
        raise StorageConflict(f"there is nobody with the login {spec.target_key}")


def _percents(spec: BudgetSpec) -> list[int]:
    return sorted(set(spec.warn_at_percent))


async def _create(connection: Connection, spec: BudgetSpec, now: datetime) -> int:
    budget_id: int | None = await connection.fetchval(
        """
        insert into budget (target, target_key, each, amount, currency, period, carry_over,
                            warn_at_percent, locks, created_at)
        select $1, $2, $3, $4, currency, $5, $6, $7, $8, $9 from company returning id
        """,
        spec.target,
        spec.target_key.strip(),
        spec.each,
        spec.amount,
        spec.period,
        spec.carry_over,
        _percents(spec),
        spec.locks,
        now,
    )
    if budget_id is None:
        raise StorageConflict("there is no company yet: apply a site file first")
    return budget_id


async def _change(
    connection: Connection, budget_id: int, spec: BudgetSpec, now: datetime
) -> tuple[FieldChange, ...]:
    row = await connection.fetchrow(
        "select amount, carry_over, warn_at_percent, locks from budget where id = $1", budget_id
    )
    wanted = (spec.amount, spec.carry_over, _percents(spec), spec.locks)
    changes = tuple(
        FieldChange(name, before, after)
        for name, before, after in zip(_TERMS, row or wanted, wanted, strict=True)
        if before != after
    )
    if not changes:
        return ()
    await connection.execute(
        """
        update budget set amount = $2, carry_over = $3, warn_at_percent = $4, locks = $5
         where id = $1
        """,
        budget_id,
        *wanted,
    )
    for one in await accounts_of(connection, budget_id):
        if one.live:
            await _apply_terms(connection, one, changes, now)
    return changes


async def _apply_terms(
    connection: Connection, of: Account, changes: Sequence[FieldChange], now: datetime
) -> None:
    await connection.execute(
        """
        update budget_period set amount = $2, carry_over = $3, revision = revision + 1
         where account_id = $1 and closed_at is null
        """,
        of.id,
        of.amount,
        of.carry_over,
    )
    details: dict[str, Any] = {}
    for change in changes:
        details[change.name] = _plainly(change.after)
        details[f"{change.name}_before"] = _plainly(change.before)
    await write_history(connection, of.id, "change", details, now)
    await notify(connection, "account", of.id)


def _plainly(value: object) -> object:
    if isinstance(value, (bool, Decimal)):
        return value
    if isinstance(value, (list, tuple)):
        return ", ".join(str(item) for item in value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - percentages
    return str(value)


async def end_budget(connection: Connection, budget_id: int, now: datetime) -> bool:
    """End a budget: its accounts close and its holds go; False where it had ended already."""
    await hold_ledger_still(connection)
    ended = await connection.fetchval(
        "update budget set ended_at = $2 where id = $1 and ended_at is null returning id",
        budget_id,
        now,
    )
    if ended is None:
        return False
    for one in await accounts_of(connection, budget_id):
        await _close(connection, one.id, now)
    await notify(connection, "due", "-")
    return True


async def sync_members(connection: Connection, now: datetime) -> int:
    """After people changed: give every member of a running budget an account, close the others'.

    Accounts follow their person's time zone from the next period on. How many accounts changed.
    """
    await hold_ledger_still(connection)
    rows = await connection.fetch("select id from budget where ended_at is null order by id")
    changed = 0
    for row in rows:
        changed += await _sync(connection, row["id"], now)
    return changed


async def _sync(connection: Connection, budget_id: int, now: datetime) -> int:
    wanted = await _wanted_accounts(connection, budget_id)
    changed = 0
    live = {one.person_id: one for one in await accounts_of(connection, budget_id) if one.live}
    for person_id, time_zone in wanted.items():
        if person_id not in live:
            await _open(connection, budget_id, person_id, time_zone, now)
            changed += 1
        elif live[person_id].time_zone != time_zone:
            await connection.execute(
                "update budget_account set time_zone = $2 where id = $1",
                live[person_id].id,
                time_zone,
            )
    for person_id, one in live.items():
        if person_id not in wanted:
            await _close(connection, one.id, now)
            changed += 1
    return changed


async def _wanted_accounts(connection: Connection, budget_id: int) -> dict[int | None, str]:
    """Whose accounts a running budget has (None is the pot), each with its time zone."""
    rows = await connection.fetch(
        f"""
        select p.id, coalesce(s.time_zone, c.time_zone) as time_zone
          from budget b cross join company c
          join person p on {MEMBER_OF_BUDGET}
          left join site s on s.id = p.site_id
         where b.id = $1 and (b.target = 'person' or b.each)
        union all
        select null, c.time_zone from budget b cross join company c
         where b.id = $1 and b.target <> 'person' and not b.each
        """,  # noqa: S608 - our own text
        budget_id,
    )
    return {row["id"]: row["time_zone"] for row in rows}


async def _open(
    connection: Connection,
    budget_id: int,
    person_id: int | None,
    time_zone: str,
    now: datetime,
) -> None:
    account_id: int = await connection.fetchval(
        """
        insert into budget_account (budget_id, person_id, time_zone, opened_at)
        values ($1, $2, $3, $4)
        on conflict (budget_id, coalesce(person_id, 0))
        do update set closed_at = null, time_zone = excluded.time_zone
        returning id
        """,
        budget_id,
        person_id,
        time_zone,
        now,
    )
    opened = await account(connection, account_id)
    if opened is None:  # pragma: no cover - it was written the moment before
        raise StorageConflict(f"there is no account {account_id}")
    await open_period(connection, opened, now)
    details = {"amount": opened.amount, "period": opened.period}
    await write_history(connection, account_id, "assign", details, now)


async def _close(connection: Connection, account_id: int, now: datetime) -> None:
    closed = await connection.fetchval(
        "update budget_account set closed_at = $2 where id = $1 and closed_at is null returning id",
        account_id,
        now,
    )
    if closed is None:
        return
    await connection.execute(
        """
        update budget_period set closed_at = $2, evaluated_revision = revision
         where account_id = $1 and closed_at is null
        """,
        account_id,
        now,
    )
    await align_holds(connection, account_id, holding=False, now=now)
    await write_history(connection, account_id, "unassign", {}, now)
    await notify(connection, "account", account_id)
