"""How a person's budgets and phones stand, in what a page needs to say it.

Read in one transaction, so that a page never shows a budget used up beside a phone not yet held.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_FLOOR
from typing import Literal

from storage import budgets, locks
from storage.budgets import BudgetView
from storage.database import Connection
from storage.locks import LockView
from storage.viewer import Viewer
from web.context import house, reader, say, seer
from web.history_words import PERIODS
from words.formats import last_instant

Standing = Literal["open", "near", "used"]


@dataclass(frozen=True, slots=True)
class BudgetCard:
    """A budget as the page shows it, in words; days are those of the budget's own zone.

    `percent` is what is used of amount and carry-over, in whole per cent.
    """

    view: BudgetView
    title: str
    period: str
    last_day: str
    last_date: str
    percent: int
    standing: Standing
    warned_at: int | None

    @property
    def meter(self) -> int:
        """The length of the bar: never past its end."""
        return min(self.percent, 100)


def used_percent(view: BudgetView) -> int:
    """What is used of amount and carry-over, rounded down: 100 means exhausted and nothing less."""
    total = view.amount + view.carried
    if total <= 0:
        return 100
    used = (view.spent * 100 / total).to_integral_value(ROUND_FLOOR)
    return max(0, int(used))


def card(view: BudgetView) -> BudgetCard:
    """How a budget stands, in what a person needs to see."""
    percent = used_percent(view)
    warned = max((mark for mark in view.warn_at_percent if mark <= percent), default=None)
    used = view.exhausted or percent >= 100
    standing: Standing = "used" if used else "near" if warned is not None else "open"
    local = replace(reader(), zone_name=view.time_zone)
    period, last = say(PERIODS[view.period]), last_instant(view.ends_at)
    return BudgetCard(
        view=view,
        title=f"{period} ({local.bare_money(view.amount, view.currency)})",
        period=period,
        last_day=local.day(last),
        last_date=local.short_day(last),
        percent=percent,
        standing=standing,
        warned_at=warned,
    )


@dataclass(frozen=True, slots=True)
class Standings:
    """All a person's budgets and phones, read in one transaction."""

    budgets: list[BudgetView]
    phones: list[LockView]


async def standings(connection: Connection, viewer: Viewer, now: datetime) -> Standings:
    """How the budgets and phones of whoever looks stand at `now`."""
    return Standings(
        await budgets.for_person(connection, viewer, now),
        await locks.own(connection, viewer),
    )


async def my_standings() -> Standings:
    """`standings` of whoever looks."""
    at = house()
    return await at.database.unit_of_work(standings, seer(), at.clock())


Condition = Literal["unlocked", "locking", "locked", "unlocking", "drift"]


@dataclass(frozen=True, slots=True)
class PhoneCard:
    """One extension as the page shows it: what is wanted, what is so, and whose hold it is."""

    view: LockView
    condition: Condition
    mine: bool
    others: bool
    used_up: tuple[BudgetCard, ...] = ()

    @property
    def key(self) -> str:
        """The extension as forms name it."""
        return str(self.view.extension)

    @property
    def settled(self) -> bool:
        """Whether the phone system has what is wanted."""
        return self.condition in {"locked", "unlocked"}


def condition(view: LockView) -> Condition:
    """What a person may believe of their phone now."""
    if view.actual == "drift":
        return "drift"
    if view.locked:
        return "locked" if view.actual == "locked" else "locking"
    return "unlocking" if view.actual == "locked" else "unlocked"


def phone_card(view: LockView, cards: list[BudgetCard] | None = None) -> PhoneCard:
    """A phone with the budgets that lock it."""
    kinds = {hold.kind for hold in view.holds}
    sources = {hold.source for hold in view.holds if hold.kind == "budget"}
    used_up = tuple(c for c in cards or [] if str(c.view.account_id) in sources)
    return PhoneCard(view, condition(view), "user" in kinds, bool(kinds - {"user"}), used_up)


def phone_cards(stand: Standings) -> list[PhoneCard]:
    """All phones of a person."""
    cards = [card(view) for view in stand.budgets]
    return [phone_card(view, cards) for view in stand.phones]
