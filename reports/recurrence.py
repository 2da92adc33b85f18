"""When something that repeats happens next: by the clock on the wall, and never adrift.

Every occasion is computed from the start, so that a late one moves none of those after it and a
31st comes back after a month that has none. Minutes pass as they do everywhere; days, weeks and
months are the calendar's in the recurrence's zone. A time that a change of the clocks leaves out
happens at the first instant after the gap; one that comes twice happens the first time.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from reports.periods import instant
from words.formats import zone

Unit = Literal["minutes", "days", "weeks", "months"]

MOST_EVERY = 9_999
"""Of any unit; far enough for everybody, near enough for every calendar."""


class Recurrence(NamedTuple):
    """Every `every` `unit`s from `starts_local`, a time without offset on the clocks of `zone`.

    `zone` is an IANA name. `every` is 1 to `MOST_EVERY`.
    """

    starts_local: datetime
    zone: str
    every: int
    unit: Unit


def next_after(recurrence: Recurrence, after: datetime) -> datetime:
    """The first occasion later than `after`, an aware instant; the answer is in UTC."""
    return next(_occasions(recurrence, after))


def upcoming(recurrence: Recurrence, after: datetime, count: int) -> tuple[datetime, ...]:
    """The next `count` occasions later than `after`, each later than the one before."""
    return tuple(islice(_occasions(recurrence, after), count))


def instant_of(local: datetime, zone_name: str) -> datetime:
    """When the clocks of a zone show `local`, in UTC: the first time, or just after a gap."""
    return instant(local, zone(zone_name))


def _wall(at: datetime, clocks: ZoneInfo) -> datetime:
    return at.astimezone(clocks).replace(tzinfo=None, fold=0)


def _occasions(recurrence: Recurrence, after: datetime) -> Iterator[datetime]:
    """Every occasion later than `after`; two that a change of the clocks makes one come once."""
    number, last = _not_later(recurrence, after), after
    while True:
        at = _occasion(recurrence, number)
        number += 1
        if at > last:
            last = at
            yield at


def _not_later(recurrence: Recurrence, after: datetime) -> int:
    """The number of an occasion, counted from 0, all before which are not later than `after`.

    It lies a step or two before the one that is looked for, however long ago the start is.
    """
    starts, every = recurrence.starts_local, recurrence.every
    if recurrence.unit == "minutes":
        passed = after - instant_of(starts, recurrence.zone)
        return max(0, passed // timedelta(minutes=every))
    local = _wall(after, zone(recurrence.zone))
    if recurrence.unit == "months":
        months = (local.year - starts.year) * 12 + local.month - starts.month
        return max(0, months // every - 2)
    days = every * (7 if recurrence.unit == "weeks" else 1)
    return max(0, (local.date() - starts.date()).days // days - 2)


def _occasion(recurrence: Recurrence, number: int) -> datetime:
    starts, steps = recurrence.starts_local, recurrence.every * number
    if recurrence.unit == "minutes":
        return instant_of(starts, recurrence.zone) + timedelta(minutes=steps)
    if recurrence.unit == "months":
        return instant_of(_months_later(starts, steps), recurrence.zone)
    days = steps * (7 if recurrence.unit == "weeks" else 1)
    return instant_of(starts + timedelta(days=days), recurrence.zone)


def _months_later(local: datetime, months: int) -> datetime:
    """The same day so many months later, or the last one of a month that is too short."""
    years, month = divmod(local.month - 1 + months, 12)
    year, month = local.year + years, month + 1
    return local.replace(year=year, month=month, day=min(local.day, monthrange(year, month)[1]))
