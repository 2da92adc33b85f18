"""Time bands: on which days and between which hours a rate applies, in the site's own time.

The band at connect prices the whole call. Where several rows of one prefix apply, a `Hol` row
beats the others on a public holiday, then the narrowest band wins; the order of rows never counts.
A prefix without `Hol` rows, or whose `Hol` rows do not cover the hour, treats a holiday as its
weekday. A band that crosses midnight belongs to the day on which it starts.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

import holidays

from telephony.errors import TelephonyError

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
HOLIDAY = "Hol"
DAY_MINUTES = 24 * 60

_SEPARATORS = re.compile(r"[,\s;+/]+")
_TIME = re.compile(r"([01]?\d|2[0-4]):([0-5]\d)$")
_INDEX = {name.lower(): index for index, name in enumerate(WEEKDAYS)}


class BandError(TelephonyError):
    """Days or hours that cannot be read; the message says how to write them."""


class Moment(NamedTuple):
    """An instant as a wall calendar and clock of the site show it; Monday is weekday 0."""

    weekday: int
    minute: int
    holiday: bool
    yesterday_holiday: bool


class Band(NamedTuple):
    """Days and hours of one rate. `to_minute` is after `from_minute`, past 1440 beyond midnight.

    `weekdays` holds 0 for Monday to 6; `holiday` says that public holidays count too.
    """

    weekdays: frozenset[int]
    holiday: bool
    from_minute: int
    to_minute: int

    @property
    def width(self) -> int:
        """Minutes a week, a holiday counted as one more day: the narrower band wins."""
        days = len(self.weekdays) + self.holiday
        return days * (self.to_minute - self.from_minute)

    def covers_weekday(self, moment: Moment) -> bool:
        """Whether the band applies to the day as a weekday, holiday or not."""
        today = moment.weekday in self.weekdays
        yesterday = (moment.weekday - 1) % 7 in self.weekdays
        return self._covers(today, yesterday, moment.minute)

    def covers_holiday(self, moment: Moment) -> bool:
        """Whether the band applies because the day it starts on is a public holiday."""
        return self.holiday and self._covers(
            moment.holiday, moment.yesterday_holiday, moment.minute
        )

    def _covers(self, today: bool, yesterday: bool, minute: int) -> bool:
        return (today and self.from_minute <= minute < self.to_minute) or (
            yesterday and minute + DAY_MINUTES < self.to_minute
        )

    @property
    def days_text(self) -> str:
        """The days as a price list writes them, in one spelling: `Mon-Fri`, `Sat,Hol`."""
        if len(self.weekdays) == 7 and not self.holiday:
            return ""
        names = [*_runs(sorted(self.weekdays)), *([HOLIDAY] if self.holiday else [])]
        return ",".join(names)

    @property
    def from_text(self) -> str:
        """`HH:MM`, or an empty text where the band lasts the whole day."""
        return "" if self._whole_day else _clock(self.from_minute)

    @property
    def to_text(self) -> str:
        """`HH:MM`, or an empty text where the band lasts the whole day."""
        return "" if self._whole_day else _clock(self.to_minute)

    @property
    def _whole_day(self) -> bool:
        return self.from_minute == 0 and self.to_minute == DAY_MINUTES

    def __str__(self) -> str:
        hours = "" if self._whole_day else f"{self.from_text}-{self.to_text}"
        return " ".join(filter(None, (self.days_text or "every day", hours)))


def parse_band(days: str, from_time: str, to_time: str) -> Band | None:
    """Read the three columns of a price list; None where they are empty: at any time.

    `days` are `Mon` to `Sun`, `Hol`, and runs like `Mon-Fri`, separated by commas or blanks; hours
    are `HH:MM`, both or neither; a `to` at or before `from` is on the next day. `BandError`
    otherwise.
    """
    days, from_time, to_time = days.strip(), from_time.strip(), to_time.strip()
    if not days and not from_time and not to_time:
        return None
    if bool(from_time) != bool(to_time):
        raise BandError("give both from and to, or neither")
    weekdays, holiday = _days(days)
    if not from_time:
        return _band(weekdays, holiday, 0, DAY_MINUTES)
    start, end = _minute(from_time), _minute(to_time)
    if start == DAY_MINUTES:
        raise BandError("from 24:00 is 00:00 of the next day: write that")
    return _band(weekdays, holiday, start, end if end > start else end + DAY_MINUTES)


def _band(weekdays: frozenset[int], holiday: bool, start: int, end: int) -> Band | None:
    always = len(weekdays) == 7 and not holiday and (start, end) == (0, DAY_MINUTES)
    return None if always else Band(weekdays, holiday, start, end)


def _days(text: str) -> tuple[frozenset[int], bool]:
    if not text:
        return frozenset(range(7)), False
    weekdays: set[int] = set()
    holiday = False
    for part in filter(None, _SEPARATORS.split(text)):
        if part.lower() == HOLIDAY.lower():
            holiday = True
            continue
        first, _, last = part.partition("-")
        start, end = _weekday(first), _weekday(last or first)
        weekdays.update((start + step) % 7 for step in range((end - start) % 7 + 1))
    return frozenset(weekdays), holiday


def _weekday(name: str) -> int:
    try:
        return _INDEX[name.strip().lower()]
    except KeyError:
        raise BandError(f"days {name!r}: write Mon to Sun, runs like Mon-Fri, or Hol") from None


def _minute(text: str) -> int:
    match = _TIME.match(text)
    minute = int(match[1]) * 60 + int(match[2]) if match else DAY_MINUTES + 1
    if minute > DAY_MINUTES:
        raise BandError(f"time {text!r}: write HH:MM between 00:00 and 24:00")
    return minute


def _clock(minute: int) -> str:
    if minute == DAY_MINUTES:
        return "24:00"
    return f"{minute // 60 % 24:02}:{minute % 60:02}"


def _runs(days: list[int]) -> list[str]:
    """Three days or more in a row become `Mon-Wed`."""
    runs: list[list[int]] = []
    for day in days:
        if runs and runs[-1][-1] == day - 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    names: list[str] = []
    for run in runs:
        if len(run) > 2:
            names.append(f"{WEEKDAYS[run[0]]}-{WEEKDAYS[run[-1]]}")
        else:
            names.extend(WEEKDAYS[day] for day in run)
    return names


def ambiguous(one: Band | None, other: Band | None) -> bool:
    """Whether two bands of one prefix overlap without either being the narrower."""
    if one is None or other is None:
        return one is other
    if one.width != other.width:
        return False
    if one.holiday and other.holiday and _overlap(_holiday_spans(one), _holiday_spans(other)):
        return True
    return _overlap(_week_spans(one), _week_spans(other))


def _holiday_spans(band: Band) -> list[tuple[int, int]]:
    return [(band.from_minute, band.to_minute)]


def _week_spans(band: Band) -> list[tuple[int, int]]:
    """Minutes of the week, Sunday's late hours wrapped round to Monday."""
    week = 7 * DAY_MINUTES
    spans: list[tuple[int, int]] = []
    for day in band.weekdays:
        start, end = (day * DAY_MINUTES + edge for edge in (band.from_minute, band.to_minute))
        spans.append((start, min(end, week)))
        if end > week:
            spans.append((0, end - week))
    return spans


def _overlap(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> bool:
    return any(a < d and c < b for a, b in one for c, d in other)


def moment(instant: datetime, zone: str, country: str) -> Moment:
    """What calendar and clock show at `instant` (aware) in the IANA `zone` of that country."""
    local = instant.astimezone(ZoneInfo(zone))
    today = local.date()
    return Moment(
        local.weekday(),
        local.hour * 60 + local.minute,
        today in public_holidays(country, today.year),
        _is_holiday(today - timedelta(days=1), country),
    )


def _is_holiday(day: date, country: str) -> bool:
    return day in public_holidays(country, day.year)


@lru_cache(maxsize=512)
def public_holidays(country: str, year: int) -> frozenset[date]:
    """The national public holidays of a country (ISO 3166-1) in a year; none where unknown."""
    try:
        return frozenset(holidays.country_holidays(country, years=year))
    except NotImplementedError:
        return frozenset()
