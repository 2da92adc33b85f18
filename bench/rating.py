"""Rating: calls a second on one core, from the digits as dialled to an exact price."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from rating.engine import price
from rating.tariff import Rate, TariffVersion, make_rate
from rating.trace import trace
from telephony.numbers import normalise
from telephony.plant import Site

BAR_PER_S = 50_600
"""The best run of the fastest peer that was measured: look-up and cost, warm, one thread."""

CALLS = 200_000
NUMBERS = 40_000
PREFIXES = 36_000
SITE = Site(1, "Milano", "IT", "Europe/Rome", "02", "0", ("112", "118"))


def run() -> dict[str, object]:
    """Price 200,000 calls to 40,000 numbers by 36,000 prefixes; every tenth prefix has bands.

    `cold_per_s` counts a first pass in which every number is new and nothing is remembered,
    `per_s` a year's ordinary mixture, `trace_per_s` the whole explanation instead of the price.
    """
    chance = random.Random(7)
    version = _version(chance)
    numbers = [_number(chance) for _ in range(NUMBERS)]
    start = datetime(2026, 1, 1, tzinfo=UTC)
    calls = [
        (chance.choice(numbers), start + timedelta(seconds=chance.randrange(31_000_000)),
         chance.randrange(1, 3_600))
        for _ in range(CALLS)
    ]  # fmt: skip
    normalise.cache_clear()
    cold = _per_s(version, [(number, start, 75) for number in numbers])
    warm = max(_per_s(version, calls) for _ in range(3))
    traced = calls[:5_000]
    began = time.perf_counter()
    for number, at, seconds in traced:
        trace(version, normalise(number, SITE), at, seconds, True, SITE, "EUR").as_json()
    return {
        "calls": CALLS,
        "prefixes": PREFIXES,
        "per_s": round(warm),
        "cold_per_s": round(cold),
        "trace_per_s": round(len(traced) / (time.perf_counter() - began)),
        "bar_per_s": BAR_PER_S,
        "passed": warm > BAR_PER_S and cold > BAR_PER_S,
    }


def _per_s(version: TariffVersion, calls: list[tuple[str, datetime, int]]) -> float:
    began = time.perf_counter()
    for number, at, seconds in calls:
        price(version, normalise(number, SITE), at, seconds, True, SITE, "EUR")
    return len(calls) / (time.perf_counter() - began)


def _version(chance: random.Random) -> TariffVersion:
    prefixes = {
        str(chance.randrange(10, 10 ** chance.randrange(2, 8))) for _ in range(2 * PREFIXES)
    }
    rates: list[Rate] = []
    for index, prefix in enumerate(chance.sample(sorted(prefixes), PREFIXES)):
        bands = (
            (("Mon-Fri", "08:00", "18:30"), ("", "", "")) if index % 10 == 0 else (("", "", ""),)
        )
        rates += [_rate(prefix, chance, *band) for band in bands]
    return TariffVersion.of(
        rates,
        id=1,
        tariff_id=1,
        tariff="carrier",
        currency="EUR",
        valid_from=datetime(2026, 1, 1, tzinfo=UTC),
    )


def _rate(prefix: str, chance: random.Random, days: str, start: str, end: str) -> Rate:
    return make_rate(
        prefix,
        f"Place {prefix}",
        "international",
        connect_fee=Decimal("0.05"),
        price_per_minute=Decimal(chance.randrange(1, 2_000)).scaleb(-4),
        initial_s=30,
        increment_s=6,
        free_s=0,
        minimum_charge=Decimal(0),
        days=days,
        from_time=start,
        to_time=end,
    )


def _number(chance: random.Random) -> str:
    """Two thirds national, a third abroad, all as dialled with the outside prefix."""
    if chance.random() < 0.67:
        return f"003{chance.randrange(10**8, 10**9)}"
    return f"000{chance.randrange(20, 99)}{chance.randrange(10**8, 10**9)}"


if __name__ == "__main__":
    print(run())
