"""What a call costs: the one place where durations become money.

`price` is the hot path: a dictionary look-up per prefix length and whole-number arithmetic in
millionths. `rating.trace` explains the same charge line by line and takes its total from here.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Context, Decimal
from typing import NamedTuple

from rating.bands import Band, moment
from rating.destinations import EMERGENCY, find
from rating.tariff import Rate, TariffVersion, in_band
from telephony.money import ZERO
from telephony.numbers import Number
from telephony.plant import Site

_EXACT = Context(prec=60)


class Charge(NamedTuple):
    """The price of one call. `cost` has six decimals and is rounded already, never again.

    `unrated` marks an answered call that no rate covers: it costs nothing and wants an
    administrator's look. `billed_s` are the seconds charged for, rounded up to increments.
    """

    cost: Decimal
    currency: str
    rate: Rate | None
    destination: str
    type: str
    prefix: str
    band: Band | None
    unrated: bool
    tariff_version_id: int | None
    billed_s: int


def price(
    version: TariffVersion | None,
    number: Number,
    connected_at: datetime,
    duration_s: int,
    answered: bool,
    site: Site,
    currency: str,
) -> Charge:
    """Price an outside call to `number` that connected at an aware instant.

    `version` is the price list valid then, None where there is none: such calls are unrated and
    cost nothing in the company's `currency`. `site` gives the zone and the public holidays of time
    bands. Unanswered calls and zero seconds cost zero. Never raises, whatever number or duration.
    """
    if version is None:
        return _unpriced(number, answered, currency, None)
    rows = find(version, number)
    rate = rate_of(rows, connected_at, site) if rows else None
    if rate is None:
        return _unpriced(number, answered, version.currency, version.id)
    micros = rate.charge_micros(duration_s) if answered else 0
    return Charge(
        in_currency(micros) if micros else ZERO,
        version.currency,
        rate,
        rate.destination,
        rate.type,
        rate.prefix,
        rate.band,
        False,
        version.id,
        rate.billed_s(duration_s) if answered else 0,
    )


def _unpriced(number: Number, answered: bool, currency: str, version_id: int | None) -> Charge:
    """Nothing to charge: an emergency call, which is free then, or a gap in the price list."""
    if number.kind == "emergency":
        return Charge(ZERO, currency, None, EMERGENCY, "emergency", "", None, False, version_id, 0)
    return Charge(ZERO, currency, None, "", "", "", None, answered, version_id, 0)


def rate_of(rows: tuple[Rate, ...], connected_at: datetime, site: Site) -> Rate | None:
    """The row of one prefix whose band covers the connect; None where none does."""
    if len(rows) == 1 and rows[0].band is None:
        return rows[0]
    return in_band(rows, moment(connected_at, site.time_zone, site.country))


def in_currency(micros: int) -> Decimal:
    """Millionths as an amount with six decimals, exactly."""
    return _EXACT.scaleb(Decimal(micros), -6)
