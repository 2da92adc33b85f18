"""Money, numbers and times as one reader's language writes them; exact values stay exact.

A `Reader` is made per request and handed to every template, so that nothing is formatted in a
language or a zone by accident.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale
from babel.dates import (
    format_date,
    format_datetime,
    format_skeleton,
    format_time,
    format_timedelta,
    get_day_names,
    match_skeleton,
)
from babel.numbers import (
    format_currency,
    format_decimal,
    format_percent,
    get_currency_name,
    get_currency_precision,
)

from storage.people import TimeFormat
from words.language import Language

TimeLength = Literal["short", "medium", "long"]


def zone(name: str) -> ZoneInfo:
    """The IANA zone of this name; UTC where this machine does not know it."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


@cache
def _nearest(skeleton: str, locale: Locale) -> str:
    """The skeleton that the language has, nearest to the one wanted; finding it takes long."""
    known = locale.datetime_skeletons
    return skeleton if skeleton in known else match_skeleton(skeleton, known) or skeleton


def _in_skeleton(skeleton: str, day: date, locale: Locale) -> str:
    return format_skeleton(_nearest(skeleton, locale), day, fuzzy=False, locale=locale)


def last_instant(ends_at: datetime) -> datetime:
    """An instant within the last day of a period that ends, excluded, at `ends_at`."""
    return ends_at - timedelta(seconds=1)


def _rounded(amount: Decimal, currency: str) -> Decimal:
    step = Decimal(1).scaleb(-get_currency_precision(currency))
    shown = amount.quantize(step, rounding=ROUND_HALF_UP)
    return abs(shown) if shown == 0 else shown


@dataclass(frozen=True, slots=True)
class Reader:
    """Who a page is written for: their language, their zone (IANA name), and the instant it is.

    `time_format` is 12 or 24 hours where the person chose, else empty: as the language writes it.
    """

    language: Language
    zone_name: str
    now: datetime
    time_format: TimeFormat = ""

    def _local(self, at: datetime) -> datetime:
        return at.astimezone(zone(self.zone_name))

    def money(self, amount: Decimal, currency: str) -> str:
        """An amount with its currency, to the currency's own decimals: `€49.89`, `49,89 €`."""
        shown = _rounded(amount, currency)
        return format_currency(shown, currency, locale=self.language.locale)

    def bare_money(self, amount: Decimal, currency: str) -> str:
        """The same without the currency, for titles and columns that name it once: `100.00`."""
        decimals = get_currency_precision(currency)
        pattern = "#,##0" + ("." + "0" * decimals if decimals else "")
        shown = _rounded(amount, currency)
        return format_decimal(shown, format=pattern, locale=self.language.locale)

    def currency(self, code: str) -> str:
        """What the currency is called: `Euro`, `złoty polski`."""
        return get_currency_name(code, locale=self.language.locale)

    def percent(self, number: int) -> str:
        """A whole percentage as the language writes it: `80%`, `80 %`."""
        return format_percent(Decimal(number) / 100, locale=self.language.locale)

    def exact_percent(self, percent: Decimal) -> str:
        """A percentage to one decimal, 12.5 being `12.5%`, `12,5 %`."""
        locale = self.language.locale
        pattern = str(locale.percent_formats[None].pattern).replace("0", "0.0", 1)
        share = percent.quantize(Decimal("0.1"), rounding=ROUND_HALF_UP) / 100
        return format_percent(share, format=pattern, locale=locale)

    def decimal(self, number: Decimal) -> str:
        """A number to two decimals, as the language writes them: `4.10`, `4,10`."""
        shown = number.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
        return format_decimal(shown, format="#,##0.00", locale=self.language.locale)

    def number(self, count: int) -> str:
        """A whole number with the language's grouping."""
        return format_decimal(count, locale=self.language.locale)

    def day(self, at: datetime) -> str:
        """The day of an instant: `31 March`, with its year where that is not this one."""
        local = self._local(at)
        if self._local(self.now).year == local.year:
            return _in_skeleton("MMMMd", local.date(), self.language.locale)
        return format_date(local.date(), "long", locale=self.language.locale)

    def short_day(self, at: datetime) -> str:
        """The day in figures: `31/03/2026`."""
        return _in_skeleton("yMMdd", self._local(at).date(), self.language.locale)

    def calendar_day(self, day: date) -> str:
        """A day of the calendar in figures: `31/03/2026`."""
        return _in_skeleton("yMMdd", day, self.language.locale)

    def day_of_the_year(self, day: date) -> str:
        """A day of the calendar where the year is known: `31/03`."""
        return _in_skeleton("MMdd", day, self.language.locale)

    def month(self, day: date) -> str:
        """The month of a day, with its year: `March 2026`."""
        return _in_skeleton("yMMMM", day, self.language.locale)

    def weekday(self, number: int) -> str:
        """What a day of the week is called, 0 being Monday."""
        names = get_day_names("wide", context="stand-alone", locale=self.language.locale)
        return str(names[number])

    def hour(self, number: int) -> str:
        """The time at which an hour of the day, 0 to 23, begins: `09:00`, `9:00 am`."""
        pattern = self._pattern("short", "Hm", "hm")
        return format_time(time(number), pattern, locale=self.language.locale)

    def iso_day(self, at: datetime) -> str:
        """The day as addresses and date fields write it: `2026-03-31`."""
        return self._local(at).date().isoformat()

    def clock(self, at: datetime) -> str:
        """The time of day to the minute."""
        return self._time(at, self._pattern("short", "Hm", "hm"))

    def clock_seconds(self, at: datetime) -> str:
        """The time of day to the second."""
        return self._time(at, self._pattern("medium", "Hms", "hms"))

    def _pattern(self, usual: TimeLength, of_24: str, of_12: str) -> str:
        """How the reader writes a time of day; the skeletons name its parts, as Unicode does."""
        locale = self.language.locale
        if not self.time_format:
            return str(locale.time_formats[usual].pattern)
        skeleton = of_24 if self.time_format == "24" else of_12
        return str(locale.datetime_skeletons[skeleton].pattern)

    def _time(self, at: datetime, pattern: str) -> str:
        local_zone = zone(self.zone_name)
        return format_time(at, pattern, tzinfo=local_zone, locale=self.language.locale)

    def duration(self, seconds: int) -> str:
        """How long something took, in hours, minutes and seconds: `00:03:07`, `125:00:00`."""
        minutes, rest = divmod(max(0, seconds), 60)
        return f"{minutes // 60:02}:{minutes % 60:02}:{rest:02}"

    @property
    def first_weekday(self) -> int:
        """The day a week begins with where the reader is: 0 is Monday, 6 Sunday."""
        return self.language.locale.first_week_day

    def moment(self, at: datetime) -> str:
        """Day and time to the minute, for tables: `31/03/2026 00:33`."""
        return f"{self.short_day(at)} {self.clock(at)}"

    def exact(self, at: datetime) -> str:
        """Day and time to the second with the zone, shown on hover and focus."""
        locale, local_zone = self.language.locale, zone(self.zone_name)
        if not self.time_format:
            return format_datetime(at, "long", tzinfo=local_zone, locale=locale)
        time = self._time(at, self._pattern("long", "Hms", "hms") + " z")
        day = format_date(self._local(at).date(), "long", locale=locale)
        return str(locale.datetime_formats["long"]).format(time, day)

    def ago(self, at: datetime) -> str:
        """How long ago, in words: `5 minutes ago`."""
        passed = min(at - self.now, timedelta(seconds=-1))
        return format_timedelta(passed, add_direction=True, locale=self.language.locale)
