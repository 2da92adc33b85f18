"""A budget's periods: opened, looked at, ended and corrected, each decision in one transaction.

`spent` is moved by whoever posts to the ledger; everything else in a period is written here.
Locks are taken in one order, so that nobody waits in a circle: ledger, account, its periods.
Looking at an account (`evaluate`) locks its open period alone and therefore needs no ledger.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from asyncpg import Record

from rating.budget import Exhaust, Standing, Warn, carry, decide
from rating.periods import Span, period_of
from storage.budget_accounts import (
    account,
    align_holds,
    hold_ledger_still,
    people_of,
    write_history,
)
from storage.budget_types import Account, EvaluationResult
from storage.database import Connection, notify
from storage.notifications import Channel, queue
from telephony.clock import iso_z
from telephony.money import ZERO, plain


@dataclass(frozen=True, slots=True)
class PeriodRow:
    """One period of one account as it is stored."""

    account_id: int
    starts_at: datetime
    ends_at: datetime
    amount: Decimal
    carried: Decimal
    spent: Decimal
    revision: int
    evaluated_revision: int
    warned_percent: tuple[int, ...]
    exhausted: bool
    carry_over: bool
    closed_at: datetime | None

    @property
    def hands_on(self) -> Decimal:
        """What the next period gets from this one."""
        return carry(self.amount, self.carried, self.spent) if self.carry_over else ZERO


_PERIOD = """
select account_id, starts_at, ends_at, amount, carried, spent, revision, evaluated_revision,
       warned_percent, exhausted, carry_over, closed_at
  from budget_period where account_id = $1
"""


def _period(row: Record) -> PeriodRow:
    values: dict[str, Any] = dict(row)
    values["warned_percent"] = tuple(row["warned_percent"])
    return PeriodRow(**values)


async def open_one(connection: Connection, account_id: int) -> PeriodRow | None:
    """The account's open period, locked against postings until this transaction ends."""
    row = await connection.fetchrow(_PERIOD + "and closed_at is null for update", account_id)
    return _period(row) if row else None


# Opening -----------------------------------------------------------------------------------------


async def open_period(connection: Connection, of: Account, now: datetime) -> None:
    """Open the period in which `now` lies, or open it again where it was closed early.

    Calls already made in it count. The caller holds the ledger still.
    """
    span = period_of(now, of.period, ZoneInfo(of.time_zone))
    newest = await connection.fetchrow(
        _PERIOD + "order by starts_at desc limit 1 for update", of.id
    )
    if newest is not None and newest["ends_at"] > now:
        span = Span(newest["starts_at"], newest["ends_at"])
    elif newest is not None:
        span = Span(max(span.starts_at, newest["ends_at"]), span.ends_at)
    await _open(connection, of, span)


async def _open(connection: Connection, of: Account, span: Span) -> None:
    before = await connection.fetchrow(_PERIOD + "and ends_at = $2", of.id, span.starts_at)
    await connection.execute(
        """
        insert into budget_period
               (account_id, starts_at, ends_at, amount, carried, carry_over, spent)
        select $1, $2, $3, $4, $5, $6, coalesce(sum(e.amount), 0) from account_entry e
         where e.account_id = $1 and e.ended_at >= $2 and e.ended_at < $3
        on conflict (account_id, starts_at) do update
           set closed_at = null, amount = excluded.amount, carry_over = excluded.carry_over,
               spent = excluded.spent, revision = budget_period.revision + 1
        """,
        of.id,
        *span,
        of.amount,
        _period(before).hands_on if before else ZERO,
        of.carry_over,
    )
    await notify(connection, "account", of.id)
    await notify(connection, "due", "-")


# Looking -----------------------------------------------------------------------------------------


class Work(NamedTuple):
    """What an account needs before it is evaluated."""

    roll_over: bool
    correct: bool


async def work_of(connection: Connection, account_id: int, now: datetime) -> Work:
    """Whether a period has ended, and whether a closed one changed since it was looked at."""
    row = await connection.fetchrow(
        """
        select coalesce(bool_or(closed_at is null and ends_at <= $2), false),
               coalesce(bool_or(closed_at is not null and revision <> evaluated_revision), false)
          from budget_period where account_id = $1
        """,
        account_id,
        now,
    )
    return Work(*row) if row else Work(roll_over=False, correct=False)


async def evaluate(connection: Connection, account_id: int, now: datetime) -> EvaluationResult:
    """Decide what follows from how the open period stands, and make it so.

    Warnings and exhaustion are written in the history and told once; the account's `budget` holds
    become exactly those it wants. Doing it again changes nothing.
    """
    of = await account(connection, account_id)
    if of is None:
        return EvaluationResult()
    period = await open_one(connection, account_id) if of.live else None
    decisions: tuple[str, ...] = ()
    holding = False
    if period is not None:
        decisions, holding = await _decide(connection, of, period, now)
    held, released = await align_holds(
        connection, account_id, holding=holding and of.locks, now=now
    )
    if decisions or held or released:
        await notify(connection, "account", account_id)
    return EvaluationResult(decisions, held, released)


async def _decide(
    connection: Connection, of: Account, period: PeriodRow, now: datetime
) -> tuple[tuple[str, ...], bool]:
    standing = Standing(
        amount=period.amount,
        carried=period.carried,
        spent=period.spent,
        warn_at_percent=of.warn_at_percent,
        warned=period.warned_percent,
        exhausted=period.exhausted,
    )
    made: list[str] = []
    warned = set(period.warned_percent)
    exhausted = period.exhausted
    decisions = decide(standing)
    for decision in decisions:
        if isinstance(decision, Warn):
            warned.add(decision.percent)
            # One call may cross several marks: the history has each, one mail says the last.
            last = decision is decisions[-1]
            await _warn(connection, of, period, decision.percent, now, mail=last)
            made.append(f"warn {decision.percent}")
        else:
            exhausted = isinstance(decision, Exhaust)
            await (_exhaust if exhausted else _recover)(connection, of, period, now)
            made.append("exhaust" if exhausted else "recover")
    if made or period.revision != period.evaluated_revision:
        await connection.execute(
            """
            update budget_period
               set evaluated_revision = revision, warned_percent = $3, exhausted = $4
             where account_id = $1 and starts_at = $2
            """,
            of.id,
            period.starts_at,
            sorted(warned),
            exhausted,
        )
    return tuple(made), exhausted


def _facts(of: Account, period: PeriodRow) -> dict[str, str]:
    """What the text of a notification about this period is made of."""
    return {
        "amount": plain(period.amount),
        "carried": plain(period.carried),
        "spent": plain(period.spent),
        "remaining": plain(period.amount + period.carried - period.spent),
        "currency": of.currency,
        "period": of.period,
        "starts_at": iso_z(period.starts_at),
        "ends_at": iso_z(period.ends_at),
        "time_zone": of.time_zone,
        "target": of.target,
        "target_key": of.target_key,
        "each": "yes" if of.each else "",
        "locks": "yes" if of.locks else "",
    }


def _key(of: Account, period: PeriodRow, what: str) -> str:
    day = period.starts_at.astimezone(ZoneInfo(of.time_zone)).date()
    return f"budget:{of.id}:{day.isoformat()}:{what}"


async def _tell(
    connection: Connection,
    of: Account,
    key: str,
    kind: str,
    facts: dict[str, str],
    channels: tuple[Channel, ...],
    now: datetime,
) -> None:
    await queue(
        connection,
        key,
        kind,
        facts,
        person_ids=await people_of(connection, of.id),
        channels=channels,
        account_id=of.id,
        now=now,
    )


async def _warn(
    connection: Connection,
    of: Account,
    period: PeriodRow,
    percent: int,
    now: datetime,
    *,
    mail: bool,
) -> None:
    facts = {**_facts(of, period), "percent": str(percent)}
    details = {name: facts[name] for name in ("percent", "spent", "amount")}
    await write_history(connection, of.id, "warn", details, now)
    if not mail:
        return
    key = _key(of, period, f"warn:{percent}")
    await _tell(connection, of, key, "budget_warning", facts, ("mail",), now)


async def _exhaust(connection: Connection, of: Account, period: PeriodRow, now: datetime) -> None:
    facts = _facts(of, period)
    details = {name: facts[name] for name in ("spent", "amount", "carried")}
    await write_history(connection, of.id, "exhaust", details, now)
    key = _key(of, period, f"exhaust:{period.revision}")
    await _tell(connection, of, key, "budget_exhausted", facts, ("mail",), now)


async def _recover(connection: Connection, of: Account, period: PeriodRow, now: datetime) -> None:
    facts = _facts(of, period)
    details = {name: facts[name] for name in ("spent", "amount", "carried")}
    await write_history(connection, of.id, "recover", details, now)


# Ending ------------------------------------------------------------------------------------------


async def roll_over(connection: Connection, account_id: int, now: datetime) -> EvaluationResult:
    """End every period that is over, in order, open the present one and evaluate it.

    A daemon that was away at several midnights ends each of them here. The hold of an exhausted
    period goes with it; people are told of the last period that ended.
    """
    if not (await work_of(connection, account_id, now)).roll_over:
        return await evaluate(connection, account_id, now)
    await hold_ledger_still(connection)
    of = await account(connection, account_id)
    ended: list[PeriodRow] = []
    while of is not None and of.live and (period := await open_one(connection, account_id)):
        if period.ends_at > now:
            break
        await _end(connection, of, period, now)
        ended.append(period)
    if of is not None and ended:
        last = ended[-1]
        key = _key(of, last, "end")
        facts = {**_facts(of, last), "carried_over": plain(last.hands_on)}
        await _tell(connection, of, key, "end_period", facts, ("mail", "phone"), now)
    result = await evaluate(connection, account_id, now)
    return replace(result, ended=len(ended))


async def _end(connection: Connection, of: Account, period: PeriodRow, now: datetime) -> None:
    await connection.execute(
        """
        update budget_period set closed_at = $3, evaluated_revision = revision
         where account_id = $1 and starts_at = $2
        """,
        of.id,
        period.starts_at,
        now,
    )
    details = {
        "spent": period.spent,
        "assigned": period.amount,
        "carried": period.carried,
        "carried_over": period.hands_on,
        "starts_at": iso_z(period.starts_at),
        "ends_at": iso_z(period.ends_at),
    }
    await write_history(connection, of.id, "end_period", details, now)
    following = period_of(period.ends_at, of.period, ZoneInfo(of.time_zone))
    await _open(connection, of, Span(period.ends_at, following.ends_at))


async def correct_carry(connection: Connection, account_id: int, now: datetime) -> int:
    """After late calls in closed periods: what each hands on, worked out anew; how many changed."""
    await hold_ledger_still(connection)
    if await account(connection, account_id) is None:
        return 0
    rows = await connection.fetch(_PERIOD + "order by starts_at for update", account_id)
    before: PeriodRow | None = None
    corrected = 0
    for stored in map(_period, rows):
        period = stored
        if before is not None and before.ends_at == period.starts_at:
            period = replace(period, carried=before.hands_on)
        if period.carried != stored.carried:
            await _correct(connection, stored, period.carried, now)
            corrected += 1
        before = period
    await connection.execute(
        """
        update budget_period set evaluated_revision = revision
         where account_id = $1 and closed_at is not null and evaluated_revision <> revision
        """,
        account_id,
    )
    if corrected:
        await notify(connection, "account", account_id)
    return corrected


async def _correct(
    connection: Connection, period: PeriodRow, carried: Decimal, now: datetime
) -> None:
    await connection.execute(
        """
        update budget_period set carried = $3, revision = revision + 1
         where account_id = $1 and starts_at = $2
        """,
        period.account_id,
        period.starts_at,
        carried,
    )
    details = {
        "carried_before": period.carried,
        "carried": carried,
        "starts_at": iso_z(period.starts_at),
    }
    await write_history(connection, period.account_id, "correct_carry", details, now)


# What is due -------------------------------------------------------------------------------------


async def accounts_due(connection: Connection, now: datetime) -> list[int]:
    """Accounts with something to do: a period that ended, or changed since it was looked at."""
    rows = await connection.fetch(
        """
        select distinct account_id from budget_period
         where revision <> evaluated_revision or (closed_at is null and ends_at <= $1)
         order by account_id
        """,
        now,
    )
    return [row["account_id"] for row in rows]


async def next_end(connection: Connection, after: datetime) -> datetime | None:
    """When the next open period ends later than `after`."""
    return await connection.fetchval(
        "select min(ends_at) from budget_period where closed_at is null and ends_at > $1", after
    )
