"""Money, numbers and times as one reader's language writes them; exact values stay exact.

A `Reader` is made per request and handed to every template, so that nothing is formatted in a
language or a zone by accident.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel.dates import (
    format_date,
    format_datetime,
    format_skeleton,
    format_time,
    format_timedelta,
)
from babel.numbers import (
    format_currency,
    format_decimal,
    format_percent,
    get_currency_name,
    get_currency_precision,
)

from web.language import Language


def zone(name: str) -> ZoneInfo:
    """The IANA zone of this name; UTC where this machine does not know it."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def last_instant(ends_at: datetime) -> datetime:
    """An instant within the last day of a period that ends, excluded, at `ends_at`."""
    return ends_at - timedelta(seconds=1)


def _rounded(amount: Decimal, currency: str) -> Decimal:
    step = Decimal(1).scaleb(-get_currency_precision(currency))
    shown = amount.quantize(step, rounding=ROUND_HALF_UP)
    return abs(shown) if shown == 0 else shown


@dataclass(frozen=True, slots=True)
class Reader:
    """Who a page is written for: their language, their zone (IANA name), and the instant it is."""

    language: Language
    zone_name: str
    now: datetime

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

    def number(self, count: int) -> str:
        """A whole number with the language's grouping."""
        return format_decimal(count, locale=self.language.locale)

    def day(self, at: datetime) -> str:
        """The day of an instant: `31 March`, with its year where that is not this one."""
        local = self._local(at)
        if self._local(self.now).year == local.year:
            return format_skeleton("MMMMd", local.date(), locale=self.language.locale)
        return format_date(local.date(), "long", locale=self.language.locale)

    def short_day(self, at: datetime) -> str:
        """The day in figures: `31/03/2026`."""
        return format_skeleton("yMMdd", self._local(at).date(), locale=self.language.locale)

    def clock(self, at: datetime) -> str:
        """The time of day to the minute."""
        local_zone = zone(self.zone_name)
        return format_time(at, "short", tzinfo=local_zone, locale=self.language.locale)

    def moment(self, at: datetime) -> str:
        """Day and time to the minute, for tables: `31/03/2026 00:33`."""
        return f"{self.short_day(at)} {self.clock(at)}"

    def exact(self, at: datetime) -> str:
        """Day and time to the second with the zone, shown on hover and focus."""
        local_zone = zone(self.zone_name)
        return format_datetime(at, "long", tzinfo=local_zone, locale=self.language.locale)

    def ago(self, at: datetime) -> str:
        """How long ago, in words: `5 minutes ago`."""
        passed = min(at - self.now, timedelta(seconds=-1))
        return format_timedelta(passed, add_direction=True, locale=self.language.locale)
