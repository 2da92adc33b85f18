"""Which budget period an instant belongs to: calendar days, weeks and months, never averages.

A period runs from the first instant of a local day to the first instant of a later one, so it is an
hour shorter or longer where the clocks change, and months have their own lengths.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

Period = Literal["daily", "weekly", "monthly"]


class Span(NamedTuple):
    """`starts_at` included, `ends_at` not; both aware, in UTC."""

    starts_at: datetime
    ends_at: datetime


def day_starts_at(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of a local day, in UTC.

    Where the clocks skip midnight that is the moment they skip it; where midnight comes twice, the
    first of the two.
    """
    return datetime.combine(day, time(), zone).astimezone(UTC)


def period_of(instant: datetime, period: Period, zone: ZoneInfo) -> Span:
    """The day, the week (from Monday) or the month of `zone` in which an aware instant lies."""
    first = _first_day(instant.astimezone(zone).date(), period)
    span = _span(first, period, zone)
    while instant >= span.ends_at:  # clocks set back across midnight: the date came twice
        first = _next_first_day(first, period)
        span = _span(first, period, zone)
    return span


def _span(first: date, period: Period, zone: ZoneInfo) -> Span:
    return Span(day_starts_at(first, zone), day_starts_at(_next_first_day(first, period), zone))


def _first_day(day: date, period: Period) -> date:
    if period == "daily":
        return day
    if period == "weekly":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1)


def _next_first_day(first: date, period: Period) -> date:
    if period == "daily":
        return first + timedelta(days=1)
    if period == "weekly":
        return first + timedelta(days=7)
    return (first + timedelta(days=31)).replace(day=1)
