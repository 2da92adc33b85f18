"""The demo's two price lists: invented carriers, invented prices, the world's real prefixes.

Country codes and mobile prefixes come from `phonenumbers`; every price follows from the country by
a fixed rule, so that the same year gives the same files to the byte.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple, cast

from babel import Locale
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata
from phonenumbers.carrierdata import CARRIER_DATA

HEADER = (
    "prefix,destination,type,connect_fee,price_per_minute,initial_s,increment_s,free_s,"
    "minimum_charge,days,from,to\n"
)

HOME = "39"
"""The country the demo's company calls from; its rows are written by hand below."""

NEIGHBOURS = frozenset(
    (
        "AT",
        "BE",
        "CH",
        "CZ",
        "DE",
        "DK",
        "ES",
        "FI",
        "FR",
        "GB",
        "GR",
        "HU",
        "IE",
        "LU",
        "NL",
        "NO",
        "PL",
        "PT",
        "RO",
        "SE",
        "SI",
        "SK",
        "SM",
    )
)
OVERSEAS = frozenset(("AU", "CA", "CN", "HK", "IL", "JP", "KR", "NZ", "SG", "TW", "US"))
SATELLITE = {"870": "Inmarsat", "881": "Satellite phones", "882": "International networks"}
NORTH_AMERICA = "1"


class Row(NamedTuple):
    """One row of a price list, in the order of its columns; prices in euros."""

    prefix: str
    destination: str
    type: str
    connect_fee: Decimal
    price_per_minute: Decimal
    initial_s: int
    increment_s: int
    free_s: int = 0
    minimum_charge: Decimal = Decimal(0)
    days: str = ""
    from_time: str = ""
    to_time: str = ""


@dataclass(frozen=True, slots=True)
class Carrier:
    """An invented carrier: how it bills, and by what factor its prices differ in a year."""

    name: str
    city: str
    area_code: str
    initial_s: int
    increment_s: int
    factor: Decimal


MILANO_CARRIER = Carrier("padana-voce", "Milano", "02", 60, 1, Decimal("1.00"))
VIAREGGIO_CARRIER = Carrier("tirreno-linea", "Viareggio", "0584", 30, 6, Decimal("1.12"))


def price_list(carrier: Carrier, factor: Decimal) -> str:
    """The carrier's price list as CSV; `factor` makes one year dearer than another."""
    text = io.StringIO(HEADER)
    text.seek(0, io.SEEK_END)
    writer = csv.writer(text, lineterminator="\n")
    for row in sorted(_rows(carrier, carrier.factor * factor)):
        writer.writerow(row)
    return text.getvalue()


def _rows(carrier: Carrier, factor: Decimal) -> Iterator[Row]:
    yield from _home(carrier, factor)
    yield from _satellites()
    names = cast("Mapping[str, str]", Locale("en").territories)
    for country_code, regions in sorted(COUNTRY_CODE_TO_REGION_CODE.items()):
        code, region = str(country_code), regions[0]
        if code != HOME and region != "001":
            yield _abroad(carrier, factor, code, region, names.get(region, region))
    for code, prefixes in sorted(_mobile_prefixes().items()):
        region = COUNTRY_CODE_TO_REGION_CODE[int(code)][0]
        name = f"{names.get(region, region)} mobile"
        for prefix in sorted(prefixes):
            yield _abroad(carrier, factor, prefix, region, name, mobile=True)
    for prefix, region in _north_american_areas():
        yield _abroad(carrier, factor, prefix, region, names.get(region, region))


def _home(carrier: Carrier, factor: Decimal) -> Iterator[Row]:
    """Italy: cheaper in the evening, cheapest on Sundays and holidays; freephone and premium."""
    local = f"{HOME}{carrier.area_code}"
    yield from _banded(carrier, local, carrier.city, "local", Decimal("0.0110") * factor)
    yield from _banded(carrier, f"{HOME}0", "Italy", "national", Decimal("0.0190") * factor)
    yield from _banded(carrier, f"{HOME}3", "Italy mobile", "mobile", Decimal("0.0980") * factor)
    free = Decimal(0)
    yield Row(f"{HOME}800", "Italy freephone", "tollfree", free, free, 1, 1)
    yield Row(f"{HOME}803", "Italy freephone", "tollfree", free, free, 1, 1)
    for prefix in ("892", "895", "899"):
        price = _euros(Decimal("1.2000") * factor)
        yield Row(
            f"{HOME}{prefix}",
            "Italy premium",
            "premium",
            Decimal("0.3000"),
            price,
            60,
            60,
            0,
            price,
        )
    for prefix in ("840", "848", "199"):
        price = _euros(Decimal("0.1200") * factor)
        yield Row(f"{HOME}{prefix}", "Italy shared cost", "other", Decimal("0.1000"), price, 60, 60)
    for number in ("112", "113", "115", "118"):
        yield Row(number, "Emergency", "emergency", free, free, 1, 1)


def _banded(carrier: Carrier, prefix: str, name: str, kind: str, price: Decimal) -> Iterator[Row]:
    bands = (
        ("Mon-Fri", "08:00", "18:30", Decimal("1.0")),
        ("Mon-Fri", "18:30", "08:00", Decimal("0.6")),
        ("Sat", "08:00", "13:00", Decimal("0.8")),
        ("Sat,Sun", "", "", Decimal("0.5")),
        ("Mon", "00:00", "08:00", Decimal("0.5")),
        ("Hol", "", "", Decimal("0.5")),
    )
    fee = Decimal("0.0400") if kind == "mobile" else Decimal(0)
    for days, start, end, share in bands:
        minute = _euros(price * share)
        yield Row(
            prefix,
            name,
            kind,
            fee,
            minute,
            carrier.initial_s,
            carrier.increment_s,
            days=days,
            from_time=start,
            to_time=end,
        )


def _satellites() -> Iterator[Row]:
    for prefix, name in SATELLITE.items():
        price = Decimal("4.5000")
        yield Row(prefix, name, "other", Decimal("0.5000"), price, 60, 60, 0, price)


def _abroad(
    carrier: Carrier, factor: Decimal, prefix: str, region: str, name: str, *, mobile: bool = False
) -> Row:
    """A foreign prefix: the farther the dearer, mobiles dearer still, every country a bit apart."""
    near, far = region in NEIGHBOURS, region in OVERSEAS
    base = Decimal("0.042") if near else Decimal("0.060") if far else Decimal("0.270")
    apart = Decimal(80 + _digest(region) % 60) / 100
    price = _euros(base * apart * factor * (Decimal("2.6") if mobile and not far else 1))
    fee = Decimal(0) if near else Decimal("0.0500")
    slow = not near and not far
    return Row(
        prefix,
        name,
        "international",
        fee,
        price,
        60 if slow else carrier.initial_s,
        30 if slow else carrier.increment_s,
        minimum_charge=Decimal("0.1500") if slow else Decimal(0),
    )


def _mobile_prefixes() -> dict[str, set[str]]:
    """Mobile prefixes by country code: two digits after it are enough for a price list."""
    found: dict[str, set[str]] = {}
    for number in CARRIER_DATA:
        digits = str(number)
        starts = (digits[:length] for length in (1, 2, 3))
        code = next(code for code in starts if int(code) in COUNTRY_CODE_TO_REGION_CODE)
        if code not in (HOME, NORTH_AMERICA):
            found.setdefault(code, set()).add(digits[: len(code) + 2])
    return found


def _north_american_areas() -> Iterator[tuple[str, str]]:
    """Countries that share +1 and are told apart by their area codes."""
    for region in COUNTRY_CODE_TO_REGION_CODE[1]:
        metadata = PhoneMetadata.metadata_for_region(region)
        if metadata is not None and metadata.leading_digits:
            pattern = re.compile(metadata.leading_digits)
            areas = [str(area) for area in range(200, 1000) if pattern.fullmatch(str(area))]
            yield from ((f"{NORTH_AMERICA}{area}", region) for area in areas)


def _digest(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4])


def _euros(price: Decimal) -> Decimal:
    return price.quantize(Decimal("0.0001"), rounding=ROUND_HALF_UP)
