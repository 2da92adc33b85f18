"""Calls that make the demo's budgets worth looking at: who spends how much of theirs, and when.

Everyday traffic costs little. On top of it a few people call abroad, each period about a given
share of their budget, so that some are near the limit, some over it, and `user` well below.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from daemon.demo.company import TIME_ZONE, people
from rating.periods import Period, Span, period_of
from rating.tariff import Rate, TariffVersion

ZONE = ZoneInfo(TIME_ZONE)

NUMBERS = (
    "447700900123", "4915112345678", "33612345678", "34612345678", "48601234567", "12125550147",
    "5511912345678", "971501234567", "81312345678", "27821234567", "919812345678", "61255501234",
)  # fmt: skip
"""Whom they call: numbers set aside for examples or invented, in E.164 digits."""


class Habit(NamedTuple):
    """How much a person spends per period: `now` in the present one, `low` to `high` before."""

    login: str
    period: Period
    budget: Decimal
    now: Decimal
    low: float
    high: float


HABITS = (
    Habit("user", "monthly", Decimal(100), Decimal("0.30"), 0.25, 1.05),
    Habit("bkowalska", "monthly", Decimal(60), Decimal("0.55"), 0.30, 0.80),
    Habit("dvogel", "monthly", Decimal(25), Decimal("1.10"), 0.60, 1.30),
    Habit("fhaddad", "monthly", Decimal(90), Decimal("0.84"), 0.40, 0.95),
    Habit("lherrera", "weekly", Decimal(12), Decimal("0.80"), 0.20, 1.30),
    Habit("mbellini", "daily", Decimal(3), Decimal("1.20"), 0.10, 0.80),
    Habit("pricci", "monthly", Decimal(40), Decimal("0.50"), 0.30, 0.90),
    Habit("jweber", "monthly", Decimal(30), Decimal("1.10"), 0.40, 1.10),
    Habit("fgalli", "monthly", Decimal(150), Decimal("0.60"), 0.30, 0.90),
)


@dataclass(frozen=True, slots=True)
class ExtraCall:
    """An outgoing call: who, to which E.164 digits, connected when, for how long."""

    login: str
    digits: str
    connected_at: datetime
    talk_s: int


def extra_calls(
    version: TariffVersion, from_at: datetime, until_at: datetime
) -> Iterator[ExtraCall]:
    """Everybody's calls abroad in a stretch of time, in no order; all are over by `until_at`."""
    known = {person.sign_in for person in people()}
    for habit in HABITS:
        if habit.login in known:
            for span in _spans(habit, from_at, until_at):
                yield from _calls(version, habit, span, until_at)


def _spans(habit: Habit, from_at: datetime, until_at: datetime) -> Iterator[Span]:
    """The periods of the habit; daily ones for the last fortnight only."""
    first = from_at if habit.period != "daily" else until_at - timedelta(days=14)
    span = period_of(first, habit.period, ZONE)
    while span.starts_at < until_at:
        yield span
        span = period_of(span.ends_at, habit.period, ZONE)


def _calls(
    version: TariffVersion, habit: Habit, span: Span, until_at: datetime
) -> Iterator[ExtraCall]:
    present = span.ends_at > until_at
    choice = random.Random(f"{habit.login} {span.starts_at.isoformat()}")  # noqa: S311 - a game
    share = habit.now if present else Decimal(f"{choice.uniform(habit.low, habit.high):.3f}")
    moments = _moments(choice, span.starts_at, min(span.ends_at, until_at))
    left = habit.budget * share
    while left > Decimal("0.10") and moments:
        connected_at, room_s = moments.pop()
        digits = choice.choice(NUMBERS)
        talk_s, cost = _afford(version, digits, min(choice.randint(90, 1500), room_s), left)
        if talk_s:
            left -= cost
            yield ExtraCall(habit.login, digits, connected_at, talk_s)


def _moments(
    choice: random.Random, starts_at: datetime, ends_at: datetime
) -> list[tuple[datetime, int]]:
    """When a call may connect, at random, and how long it may last: in office hours if any."""
    slot = timedelta(minutes=40)
    count = int((ends_at - starts_at) / slot)
    slots = [starts_at + slot * index for index in range(count)]
    office = [at for at in slots if _in_office(at)]
    chosen = office or slots
    if not chosen and ends_at - starts_at > timedelta(minutes=3):
        return [(starts_at, int((ends_at - starts_at).total_seconds()) - 60)]
    choice.shuffle(chosen)
    return [(at + timedelta(seconds=choice.randint(0, 600)), 1500) for at in chosen]


def _in_office(at: datetime) -> bool:
    local = at.astimezone(ZONE)
    return local.weekday() < 5 and 9 <= local.hour < 18


def _afford(version: TariffVersion, digits: str, talk_s: int, left: Decimal) -> tuple[int, Decimal]:
    """How long the call is and what it costs, cut to what is left to spend."""
    rows = version.longest(digits) or ()
    if not rows:
        return 0, Decimal(0)
    rate = rows[0]
    while talk_s > 60 and _cost(rate, talk_s) > left:
        talk_s = talk_s * 2 // 3
    return talk_s, _cost(rate, talk_s)


def _cost(rate: Rate, talk_s: int) -> Decimal:
    return Decimal(rate.charge_micros(talk_s)).scaleb(-6)
