"""Traffic that looks like a company's: busy mornings, quiet evenings, a few percent abroad.

`company_day` and `history` are generators over seeded random numbers: the same seed gives the same
calls, a year of them comes in seconds and is never in memory as a whole. They do not ask what a
line may dial; live calls do (`pbx.lab.lab`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from itertools import accumulate
from random import Random
from zoneinfo import ZoneInfo

from pbx.lab.cast import Parties, Way, Wish, begin, extension_key
from pbx.lab.cdr import CDR, CMR, Record
from pbx.lab.company import LabCompany, LabExtension
from pbx.lab.numbers import Book
from pbx.lab.rows import Ids, quality

# Calls by hour of a working day, of all calls of that day.
_HOURS = (0, 0, 0, 0, 0, 0, 1, 4, 38, 88, 104, 98, 62, 48, 86, 98, 90, 62, 24, 8, 3, 2, 1, 0)
_HOURS_ADDED = tuple(accumulate(_HOURS))
# Calls by weekday, from Monday.
_WEEKDAYS = (1.08, 1.04, 1.0, 1.0, 0.92, 0.09, 0.03)

_MAX_TALK_S = 3600

# How calls from outside go, in parts of a thousand.
_INCOMING: tuple[tuple[Way, int], ...] = (
    ("plain", 740),
    ("missed", 130),
    ("busy", 30),
    ("transfer", 40),
    ("blind-transfer", 12),
    ("forward", 38),
    ("pickup", 10),
)
_INCOMING_WAYS: list[Way] = [way for way, _ in _INCOMING]
_INCOMING_ADDED = list(accumulate(weight for _, weight in _INCOMING))


class Traffic:
    """Makes up calls for one company. Everything comes from `random`."""

    def __init__(self, company: LabCompany, random: Random) -> None:
        self.company = company
        self._random = random
        self._books = {site.name: Book(random, site) for site in company.sites}
        order = list(company.extensions)
        random.shuffle(order)
        # Some people telephone all day, some hardly at all.
        self._callers = order
        self._busy = list(accumulate((1.0 / (place + 3) ** 0.6) for place in range(len(order))))

    def wish(self) -> Wish:
        """The next call somebody makes."""
        random = self._random
        chance = random.random()
        extension = self._someone()
        if chance < 0.44:
            return self._outgoing(extension)
        if chance < 0.82:
            return self._incoming(extension)
        other = self._someone_else(extension)
        outcome = random.random()
        way: Way = "plain" if outcome < 0.78 else "missed" if outcome < 0.93 else "busy"
        return Wish(extension_key(extension), other.number, self._talk_s(70), way)

    def _outgoing(self, extension: LabExtension) -> Wish:
        random = self._random
        digits = self._book(extension).pick().digits
        outcome = random.random()
        third = self._someone_else(extension)
        way: Way = "plain"
        via = ""
        if outcome > 0.995:
            way, via = "conference", third.number
        elif outcome > 0.985:
            way, via = "transfer-by-caller", third.number
        elif outcome > 0.95:
            way = "busy"
        elif outcome > 0.82:
            way = "missed"
        return Wish(extension_key(extension), digits, self._talk_s(110), way, via)

    def _incoming(self, extension: LabExtension) -> Wish:
        random = self._random
        caller = self._book(extension).pick().shown
        third = self._someone_else(extension)
        talk_s = self._talk_s(95)
        pilots = self.company.hunt_pilots
        if pilots and random.random() < 0.10:
            pilot, members = random.choice(pilots)
            member = random.choice(members) if members else extension.number
            return Wish(caller, member, 0 if random.random() < 0.1 else talk_s, "hunt", pilot)
        way: Way = random.choices(_INCOMING_WAYS, cum_weights=_INCOMING_ADDED)[0]
        if way in ("plain", "missed", "busy"):
            return Wish(caller, extension.number, talk_s if way == "plain" else 0, way)
        called = third.number
        if way in ("forward", "transfer") and random.random() < 0.2:
            called = self._book(extension).pick().digits
        return Wish(caller, called, talk_s, way, extension.number)

    def _someone(self) -> LabExtension:
        return self._random.choices(self._callers, cum_weights=self._busy)[0]

    def _someone_else(self, than: LabExtension) -> LabExtension:
        if len(self._callers) < 2:
            return than
        while True:
            other = self._random.choice(self._callers)
            if other.number != than.number:
                return other

    def _book(self, extension: LabExtension) -> Book:
        return self._books[self.company.site(extension.site).name]

    def _talk_s(self, median: float) -> int:
        seconds = int(median * 2.718281828 ** self._random.gauss(0.0, 0.95))
        return max(1, min(seconds, _MAX_TALK_S))


def company_day(
    traffic: Traffic, parties: Parties, ids: Ids, random: Random, day: date, calls: int
) -> Iterator[list[Record]]:
    """The calls of one day, each as its rows, in the order in which they begin."""
    zone = ZoneInfo(traffic.company.sites[0].time_zone)
    midnight = int(datetime.combine(day, time(), zone).timestamp())
    starts = sorted(
        midnight
        + 3600 * random.choices(range(24), cum_weights=_HOURS_ADDED)[0]
        + random.randrange(3600)
        for _ in range(calls)
    )
    for at in starts:
        wish = traffic.wish()
        yield begin(ids, random, wish, parties.cast(wish), at)


def history(
    company: LabCompany, first: date, last: date, calls: int, seed: int | str
) -> Iterator[list[Record]]:
    """About `calls` calls between two days, both included, each call as its rows.

    Row ids are the same for the same company, seed and days, so that loading them twice changes
    nothing. Days run in the first site's time zone.
    """
    random = Random(f"history/{seed}")  # noqa: S311 - traffic, no secrets
    traffic = Traffic(company, random)
    parties = Parties(company)
    ids = Ids(f"history/{seed}/{first}", company.cluster, company.node)
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    shares = [_share(day, random) for day in days]
    whole = sum(shares)
    made, owed = 0, 0.0
    for day, share in zip(days, shares, strict=True):
        owed += calls * share / whole
        today = round(owed) - made
        made += today
        yield from company_day(traffic, parties, ids, random, day, today)


def history_lines(
    company: LabCompany, first: date, last: date, calls: int, seed: int | str
) -> Iterator[str]:
    """`history` as the lines of one CDR file without their ends: header, types, rows."""
    yield CDR.header
    yield CDR.types
    for rows in history(company, first, last, calls, seed):
        for row in rows:
            yield CDR.line(row)


def quality_lines(rows: Sequence[Record], ids: Ids, random: Random) -> list[str]:
    """The CMR lines of a call, without header: a few calls have had trouble."""
    bad = random.random() < 0.03
    jitter, lost = (40, 60) if bad else (1 + int(random.random() * 8), 0)
    return [CMR.line(q) for row in rows for q in quality(ids, row, jitter, lost)]


@lru_cache(maxsize=64)
def _closed(year: int) -> frozenset[date]:
    return frozenset(
        date(year, month, day)
        for month, day in (
            (1, 1),
            (1, 6),
            (4, 25),
            (5, 1),
            (6, 2),
            (8, 15),
            (12, 8),
            (12, 25),
            (12, 26),
        )
    )


def _share(day: date, random: Random) -> float:
    if day in _closed(day.year):
        return 0.02
    season = 0.6 if day.month == 8 else 1.0
    return _WEEKDAYS[day.weekday()] * season * random.uniform(0.85, 1.15)
