"""Price lists: rates by prefix, immutable versions of them, and the book of all tariffs.

The longest prefix wins, whatever it costs. Prices are kept twice: as the exact decimals of the
price list, and as whole millionths, in which the engine reckons without a fraction lost.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal, cast, get_args

from rating.bands import Band, Moment, parse_band
from telephony.errors import TelephonyError

RateType = Literal[
    "local", "national", "mobile", "international", "tollfree", "premium", "emergency", "other"
]
RATE_TYPES: tuple[RateType, ...] = get_args(RateType)

SERVICE_TYPES: frozenset[str] = frozenset({"tollfree", "premium", "emergency", "other"})
"""Types whose prefixes may price a short code; the others are for subscribers' whole numbers."""

_PREFIX = re.compile(r"[1-9][0-9]{0,14}\Z")

LONGEST_DURATION_S = 10**9
"""Intervals and free seconds are below this: thirty years."""

LARGEST_PRICE = Decimal(10**9)
"""Prices are below this, so that numeric(18,6) holds every charge of a day-long call."""


class RateError(TelephonyError):
    """A rate that cannot be; the message says which field and what to write."""


def in_micros(amount: Decimal, name: str) -> int:
    """A price as whole millionths; `RateError` where it is negative, huge or finer than that."""
    if not amount.is_finite() or not 0 <= amount < LARGEST_PRICE:
        raise RateError(f"{name} {amount}: write a price from 0 to below {LARGEST_PRICE}")
    micros = int(amount.scaleb(6).to_integral_value(rounding=ROUND_HALF_UP))
    if Decimal(micros).scaleb(-6) != amount:
        raise RateError(f"{name} {amount}: at most six decimals")
    return micros


@dataclass(frozen=True, slots=True)
class Rate:
    """One row of a price list. Prices in the tariff's currency; `prefix` in E.164 without `+`.

    An answered call of `d` seconds bills `initial_s`, beyond that whole increments more; the first
    `free_s` billed seconds cost nothing; the charge is `minimum_charge` at least. `band` None
    applies at any time. Raises `RateError` for what no price list can mean.
    """

    prefix: str
    destination: str
    type: RateType
    connect_fee: Decimal
    price_per_minute: Decimal
    initial_s: int
    increment_s: int
    free_s: int = 0
    minimum_charge: Decimal = Decimal(0)
    band: Band | None = None
    connect_micros: int = field(init=False, repr=False, compare=False)
    minute_micros: int = field(init=False, repr=False, compare=False)
    minimum_micros: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not _PREFIX.match(self.prefix):
            raise RateError(
                f"prefix {self.prefix!r}: write E.164 digits, country code first, no + or 00"
            )
        if self.type not in RATE_TYPES:
            raise RateError(f"type {self.type!r}: write one of {' '.join(RATE_TYPES)}")
        for name, lowest in (("initial_s", 0), ("increment_s", 1), ("free_s", 0)):
            if not lowest <= getattr(self, name) < LONGEST_DURATION_S:
                raise RateError(
                    f"{name} {getattr(self, name)}: write whole seconds, {lowest} or more"
                )
        fees = ("connect_fee", "price_per_minute", "minimum_charge")
        for name, attribute in zip(fees, ("connect", "minute", "minimum"), strict=True):
            object.__setattr__(self, f"{attribute}_micros", in_micros(getattr(self, name), name))

    def billed_s(self, duration_s: int) -> int:
        """The seconds charged for an answered call of `duration_s` seconds; 0 for 0."""
        if duration_s <= 0:
            return 0
        beyond = duration_s - self.initial_s
        if beyond <= 0:
            return self.initial_s
        return self.initial_s - (-beyond // self.increment_s) * self.increment_s

    def charge_micros(self, duration_s: int) -> int:
        """What an answered call costs, in millionths, rounded once, half up.

        Fee and minimum are whole millionths, so rounding the rest alone is rounding the whole.
        """
        if duration_s <= 0:
            return 0
        billed = self.billed_s(duration_s) - self.free_s
        cost = self.connect_micros
        if billed > 0:
            cost += (2 * self.minute_micros * billed + 60) // 120
        return max(cost, self.minimum_micros)


def make_rate(
    prefix: str,
    destination: str,
    type: str,  # noqa: A002 - the price list's own word
    *,
    connect_fee: Decimal,
    price_per_minute: Decimal,
    initial_s: int,
    increment_s: int,
    free_s: int,
    minimum_charge: Decimal,
    days: str = "",
    from_time: str = "",
    to_time: str = "",
) -> Rate:
    """A rate from the columns of a price list; `RateError` or `BandError` with what to write."""
    return Rate(
        prefix=prefix,
        destination=destination,
        type=cast("RateType", type),
        connect_fee=connect_fee,
        price_per_minute=price_per_minute,
        initial_s=initial_s,
        increment_s=increment_s,
        free_s=free_s,
        minimum_charge=minimum_charge,
        band=parse_band(days, from_time, to_time),
    )


PrefixTable = Mapping[str, tuple[Rate, ...]]


@dataclass(frozen=True, slots=True)
class TariffVersion:
    """One immutable price list, valid from an instant on until the next version's.

    `rates` are keyed by prefix, the rows of one prefix by ascending width of their band. Rows of
    type `emergency` stand apart: as prefixes of a number they would swallow others (911 is also
    how numbers of Delhi begin).
    """

    id: int
    tariff_id: int
    tariff: str
    currency: str
    valid_from: datetime
    rates: PrefixTable
    emergency: PrefixTable
    lengths: tuple[int, ...]

    @classmethod
    def of(
        cls,
        rates: Iterable[Rate],
        *,
        id: int,  # noqa: A002 - the row's own word
        tariff_id: int,
        tariff: str,
        currency: str,
        valid_from: datetime,
    ) -> TariffVersion:
        """Index `rates`, in whatever order they come."""
        subscriber: dict[str, list[Rate]] = {}
        emergency: dict[str, list[Rate]] = {}
        for rate in rates:
            table = emergency if rate.type == "emergency" else subscriber
            table.setdefault(rate.prefix, []).append(rate)
        lengths = {len(prefix) for table in (subscriber, emergency) for prefix in table}
        return cls(
            id=id,
            tariff_id=tariff_id,
            tariff=tariff,
            currency=currency,
            valid_from=valid_from,
            rates={prefix: _by_width(rows) for prefix, rows in subscriber.items()},
            emergency={prefix: _by_width(rows) for prefix, rows in emergency.items()},
            lengths=tuple(sorted(lengths, reverse=True)),
        )

    def longest(self, digits: str) -> tuple[Rate, ...] | None:
        """The rows of the longest prefix of `digits`, or None. Dearer or cheaper plays no part."""
        table = self.rates
        for length in self.lengths:
            rows = table.get(digits[:length])
            if rows is not None and length <= len(digits):
                return rows
        return None

    def candidates(self, digits: str) -> Iterator[tuple[Rate, ...]]:
        """The rows of every prefix of `digits`, longest first, emergency rows among them."""
        for length in self.lengths:
            if length <= len(digits):
                for table in (self.emergency, self.rates):
                    if rows := table.get(digits[:length]):
                        yield rows


def _by_width(rows: list[Rate]) -> tuple[Rate, ...]:
    """Narrowest band first; the text decides between equals, so that order in never counts."""
    if len(rows) > 1:
        rows.sort(key=lambda rate: (rate.band.width if rate.band else 1 << 30, str(rate.band)))
    return tuple(rows)


def in_band(rows: Sequence[Rate], moment: Moment) -> Rate | None:
    """The row of one prefix that applies at a moment, or None: the number is then unrated."""
    if moment.holiday or moment.yesterday_holiday:
        for rate in rows:
            if rate.band is not None and rate.band.covers_holiday(moment):
                return rate
    for rate in rows:
        if rate.band is None or rate.band.covers_weekday(moment):
            return rate
    return None


@dataclass(frozen=True, slots=True)
class TariffBook:
    """Every current version of every tariff, by tariff id, ascending by `valid_from`."""

    versions: Mapping[int, tuple[TariffVersion, ...]]

    @classmethod
    def of(cls, versions: Iterable[TariffVersion]) -> TariffBook:
        """Group versions by tariff and order them."""
        grouped: dict[int, list[TariffVersion]] = {}
        for version in versions:
            grouped.setdefault(version.tariff_id, []).append(version)
        for rows in grouped.values():
            rows.sort(key=lambda version: version.valid_from)
        return cls({tariff_id: tuple(rows) for tariff_id, rows in grouped.items()})

    def version(self, tariff_id: int | None, connected_at: datetime) -> TariffVersion | None:
        """The version valid when a call connected; None before the first or without a tariff."""
        rows = self.versions.get(tariff_id) if tariff_id is not None else None
        if not rows:
            return None
        if rows[-1].valid_from <= connected_at:
            return rows[-1]
        index = bisect_right(rows, connected_at, key=lambda version: version.valid_from)
        return rows[index - 1] if index else None

    def by_id(self, version_id: int) -> TariffVersion | None:
        """A current version by its id; None for one that is superseded or unknown."""
        for rows in self.versions.values():
            for version in rows:
                if version.id == version_id:
                    return version
        return None
