"""Which instants a period means: calendar days of a zone, whatever its clocks do.

A period runs from the first instant of a local day to the first instant of a later one, so that a
day has 23 or 25 hours where the clocks change and periods that follow each other leave no gap.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from reports.options import Interval, LastDays, Period, RelativePeriod
from words import formats

Days = tuple[date, date]
"""The first day and the one after the last."""

_SECOND = timedelta(seconds=1)


def resolve(
    period: Period, zone: str, now: datetime, first_weekday: int
) -> tuple[datetime, datetime]:
    """From which instant, included, until which, excluded; both aware, in UTC.

    `zone` is an IANA name (UTC where it is none), `now` aware, `first_weekday` 0 for Monday. Both
    times of an interval are read by `instant`.
    """
    local_zone = formats.zone(zone)
    if isinstance(period, Interval):
        return instant(period.from_local, local_zone), instant(period.until_local, local_zone)
    today = today_of(now, local_zone)
    first, following = days_of(period, today, first_weekday)
    return _midnight(first, local_zone), _midnight(following, local_zone)


def days_of(period: RelativePeriod | LastDays, today: date, first_weekday: int) -> Days:
    """The days a relative period means where it is `today`."""
    if isinstance(period, LastDays):
        return today - timedelta(days=period.days - 1), today + timedelta(days=1)
    return _DAYS[period](today, first_weekday)


def today_of(now: datetime, zone: ZoneInfo) -> date:
    """The day of the zone in which an aware instant lies.

    Where clocks are set back across midnight a date comes twice; its second time belongs to the
    day that has begun already, so that every instant lies in the day this gives.
    """
    day = now.astimezone(zone).date()
    while now >= _midnight(day + timedelta(days=1), zone):
        day += timedelta(days=1)
    return day


def instant(local: datetime, zone: ZoneInfo) -> datetime:
    """When the clocks of a zone first show a local time or a later one, in UTC.

    A time that comes twice is the first of the two; one the clocks skip is the moment they skip
    it. Either way intervals that share a time neither overlap nor leave a gap.
    """
    first, second = (
        local.replace(tzinfo=zone, fold=fold).astimezone(UTC).replace(microsecond=0)
        for fold in (0, 1)
    )
    return _skip(second, first, zone) if second < first else first


def _skip(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The second between two instants at which the zone's clocks are put forward."""
    earlier = before.astimezone(zone).utcoffset()
    while after - before > _SECOND:
        middle = before + timedelta(seconds=(after - before) // _SECOND // 2)
        if middle.astimezone(zone).utcoffset() == earlier:
            before = middle
        else:
            after = middle
    return after


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return instant(datetime.combine(day, time()), zone)


def _week(day: date, first_weekday: int) -> date:
    return day - timedelta(days=(day.weekday() - first_weekday) % 7)


def _month(day: date, later: int = 0) -> date:
    """The first day of the month of a day, or of one so many months later."""
    months = day.year * 12 + day.month - 1 + later
    return date(months // 12, months % 12 + 1, 1)


def _quarter(day: date, later: int = 0) -> date:
    return _month(day, -((day.month - 1) % 3) + 3 * later)


def _year(day: date, later: int = 0) -> date:
    return date(day.year + later, 1, 1)


def _around(days: int, from_later: int) -> Callable[[date, int], Days]:
    def span(today: date, _first_weekday: int) -> Days:
        first = today + timedelta(days=from_later)
        return first, first + timedelta(days=days)

    return span


def _week_from(later: int) -> Callable[[date, int], Days]:
    def span(today: date, first_weekday: int) -> Days:
        first = _week(today, first_weekday) + timedelta(days=7 * later)
        return first, first + timedelta(days=7)

    return span


def _from(start: Callable[[date, int], date], later: int) -> Callable[[date, int], Days]:
    def span(today: date, _first_weekday: int) -> Days:
        return start(today, later), start(today, later + 1)

    return span


_DAYS: dict[RelativePeriod, Callable[[date, int], Days]] = {
    "today": _around(1, 0),
    "yesterday": _around(1, -1),
    "this_week": _week_from(0),
    "last_week": _week_from(-1),
    "this_month": _from(_month, 0),
    "last_month": _from(_month, -1),
    "this_quarter": _from(_quarter, 0),
    "last_quarter": _from(_quarter, -1),
    "this_year": _from(_year, 0),
    "last_year": _from(_year, -1),
}
"""The days each relative period means on a day, with weeks that begin on a weekday."""
