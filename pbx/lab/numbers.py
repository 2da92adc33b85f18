"""Outside numbers that could exist, by country: what a company dials and what calls it."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from pbx.lab.company import LabSite


class Numbering(NamedTuple):
    """How a country's numbers begin and how many digits follow; national form, as dialled there."""

    code: str
    landline: tuple[tuple[str, int], ...]
    mobile: tuple[tuple[str, int], ...]
    tollfree: tuple[tuple[str, int], ...]
    trunk_zero: bool = True


_COUNTRIES = {
    "IT": Numbering(
        "39",
        (("02", 8), ("06", 8), ("011", 7), ("051", 7), ("055", 7), ("081", 7)),
        (("347", 7), ("335", 7), ("349", 7), ("320", 7), ("389", 7)),
        (("800", 6),),
        trunk_zero=False,
    ),
    "DE": Numbering(
        "49", (("030", 8), ("089", 8), ("040", 7)), (("0171", 7), ("0160", 8)), (("0800", 7),)
    ),
    "FR": Numbering(
        "33", (("01", 8), ("04", 8), ("05", 8)), (("06", 8), ("07", 8)), (("0800", 6),)
    ),
    "GB": Numbering(
        "44", (("020", 8), ("0161", 7), ("0121", 7)), (("07700", 6), ("07911", 6)), (("0800", 7),)
    ),
    "ES": Numbering("34", (("91", 7), ("93", 7)), (("6", 8),), (("900", 6),), trunk_zero=False),
    "PL": Numbering(
        "48", (("22", 7), ("12", 7)), (("5", 8), ("6", 8)), (("800", 6),), trunk_zero=False
    ),
    "US": Numbering(
        "1", (("212555", 4), ("415555", 4)), (("917555", 4),), (("800555", 4),), trunk_zero=False
    ),
}
_ABROAD = (("DE", 22), ("GB", 20), ("FR", 18), ("US", 14), ("ES", 12), ("PL", 8), ("IT", 6))


class Dialled(NamedTuple):
    """An outside number: the digits a person at the site dials, and as a caller it shows itself."""

    digits: str
    shown: str


class Book:
    """The outside numbers a company calls: its own customers again and again, others at times."""

    def __init__(self, random: Random, site: LabSite, size: int = 400) -> None:
        self._random = random
        self._site = site
        self._known = [self._new() for _ in range(size)]

    def pick(self) -> Dialled:
        """Some outside number; a few are called far more often than the rest."""
        random = self._random
        if random.random() < 0.12:
            return self._new()
        return self._known[int(len(self._known) * random.random() ** 2.2)]

    def _new(self) -> Dialled:
        random, site = self._random, self._site
        chance = random.random()
        if chance < 0.045:
            return self._abroad()
        home = _COUNTRIES.get(site.country, _COUNTRIES["IT"])
        ranges = home.tollfree if chance < 0.075 else home.mobile if chance < 0.5 else home.landline
        if ranges is home.landline and random.random() < 0.55:
            ranges = tuple(r for r in ranges if r[0] == site.area_code) or ranges
        national = _number(random, ranges)
        return Dialled(site.outside_prefix + national, _international(home, national))

    def _abroad(self) -> Dialled:
        random, site = self._random, self._site
        choices = [(name, weight) for name, weight in _ABROAD if name != site.country]
        country = random.choices([c[0] for c in choices], [c[1] for c in choices])[0]
        there = _COUNTRIES[country]
        ranges = there.mobile if random.random() < 0.4 else there.landline
        shown = _international(there, _number(random, ranges))
        return Dialled(f"{site.outside_prefix}00{shown.removeprefix('+')}", shown)


def _number(random: Random, ranges: Sequence[tuple[str, int]]) -> str:
    head, digits = random.choice(ranges)
    low = 10 ** (digits - 1)
    return f"{head}{random.randrange(2 * low, 10 * low)}"


def _international(country: Numbering, national: str) -> str:
    kept = national.removeprefix("0") if country.trunk_zero else national
    return f"+{country.code}{kept}"
