"""The demo's call records: a year of them in files of a week or less, made in a process of its own.

Making them is all arithmetic, so a second process makes them while the first takes them. Files are
written one by one; each is announced by a line of JSON on standard output.
"""

from __future__ import annotations

import heapq
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import NamedTuple

import msgspec

from daemon.demo.company import price_list_file
from daemon.demo.lab import lab_company
from daemon.demo.spending import ZONE, ExtraCall, extra_calls
from daemon.demo.tariff import MILANO_CARRIER
from pbx.lab.cast import Parties, Wish, extension_key
from pbx.lab.cdr import CDR, CMR, Record
from pbx.lab.company import LabCompany
from pbx.lab.rows import Ids
from pbx.lab.scenarios import plain
from pbx.lab.traffic import history, quality_lines
from rating.tariff import TariffVersion
from rating.tariff_csv import parse_rates

SEED = "ringfence"
DAILY = timedelta(days=14)
"""How far back a file holds a single day."""
ROOM_S = 2 * 3600
"""No call of the lab lasts longer, so a file may be closed this long after its last instant."""


class Scale(NamedTuple):
    """How long the past is, in days, and about how many everyday calls it holds."""

    days: int
    calls: int


YEAR = Scale(days=365, calls=106_000)


class Chunk(msgspec.Struct, frozen=True):
    """A stretch of the past and the file with the calls that ended in it.

    `quality` is the file of what phones reported of them; of late alone, else empty.
    """

    path: str
    quality: str
    rows: int
    starts_at: datetime
    ends_at: datetime
    last_end_at: datetime


@dataclass(frozen=True, slots=True)
class Past:
    """The stretch of time the demo has lived through when it begins."""

    starts_at: datetime
    now: datetime
    calls: int

    @classmethod
    def until(cls, now: datetime, scale: Scale = YEAR) -> Past:
        """From the local midnight so many days ago until now."""
        first = now.astimezone(ZONE).date() - timedelta(days=scale.days)
        return cls(datetime.combine(first, time(), ZONE), now, scale.calls)

    @property
    def daily_from(self) -> datetime:
        """From when on a file holds a single day."""
        last = self.now.astimezone(ZONE).date()
        return datetime.combine(last - DAILY, time(), ZONE)

    def edges(self) -> list[datetime]:
        """Where files begin and end: Mondays and firsts of months, of late every midnight."""
        first, last = self.starts_at.astimezone(ZONE).date(), self.now.astimezone(ZONE).date()
        days = (first + timedelta(days=n) for n in range(1, (last - first).days + 1))
        single = last - DAILY
        chosen = [day for day in days if day.weekday() == 0 or day.day == 1 or day >= single]
        midnights = [datetime.combine(day, time(), ZONE) for day in chosen]
        return [self.starts_at, *midnights, self.now]


def write_chunks(folder: Path, past: Past) -> Iterator[Chunk]:
    """Write the files one after the other; each holds the calls that ended in its stretch."""
    edges = past.edges()
    calls = _calls(folder, past)
    waiting: list[list[Record]] = []
    for number, (starts_at, ends_at) in enumerate(pairwise(edges)):
        edge = int(ends_at.timestamp())
        for rows in calls:
            waiting.append(rows)
            if _begins(rows) >= edge + ROOM_S:
                break
        ended = sorted((rows for rows in waiting if _ends(rows) < edge), key=_ends)
        waiting = [rows for rows in waiting if _ends(rows) >= edge]
        path = folder / f"past-{number:03}.csv"
        path.write_bytes(CDR.file(row for rows in ended for row in rows))
        heard = folder / f"past-{number:03}-quality.csv" if starts_at >= past.daily_from else None
        if heard is not None:
            heard.write_text(_quality(ended, number))
        last = datetime.fromtimestamp(_ends(ended[-1]), ZONE) if ended else starts_at
        yield Chunk(str(path), str(heard or ""), sum(map(len, ended)), starts_at, ends_at, last)


def _quality(ended: list[list[Record]], number: int) -> str:
    """The CMR file of these calls."""
    company = lab_company()
    ids = Ids(f"demo-quality-{number}", company.cluster, company.node)
    random = Random(f"{SEED}/quality/{number}")  # noqa: S311 - traffic, no secrets
    lines = [CMR.header, CMR.types]
    for rows in ended:
        lines += quality_lines(rows, ids, random)
    return "".join(f"{line}\n" for line in lines)


def _begins(rows: list[Record]) -> int:
    return int(rows[0]["dateTimeOrigination"])


def _ends(rows: list[Record]) -> int:
    return max(int(row["dateTimeDisconnect"]) for row in rows)


def _calls(folder: Path, past: Past) -> Iterator[list[Record]]:
    """Everyday calls and calls abroad, in the order in which they begin."""
    company = lab_company()
    first: date = past.starts_at.astimezone(ZONE).date()
    last: date = past.now.astimezone(ZONE).date()
    everyday = history(company, first, last, past.calls, SEED)
    return heapq.merge(everyday, _abroad(company, past, folder), key=_begins)


def _abroad(company: LabCompany, past: Past, folder: Path) -> Iterator[list[Record]]:
    ids = Ids("demo-spending", company.cluster, company.node, call_no=500_000, leg_no=4_000_000)
    parties = Parties(company)
    lines = {extension.login: extension for extension in company.extensions}
    calls = sorted(
        extra_calls(_price_list(folder, past), past.starts_at, past.now), key=_connected_at
    )
    for call in calls:
        wish = Wish(extension_key(lines[call.login]), f"000{call.digits}", call.talk_s)
        caller, called, _ = parties.cast(wish)
        yield plain(ids, caller, called, int(call.connected_at.timestamp()) - 6, 6, call.talk_s)


def _connected_at(call: ExtraCall) -> datetime:
    return call.connected_at


def _price_list(folder: Path, past: Past) -> TariffVersion:
    """The present price list of Milano: near enough to know how much a call takes of a budget."""
    content = (folder / price_list_file(MILANO_CARRIER, past.now.year)).read_bytes()
    return TariffVersion.of(
        parse_rates(content),
        id=0,
        tariff_id=0,
        tariff=MILANO_CARRIER.name,
        currency="EUR",
        valid_from=past.starts_at,
    )


def main(folder: str, now: str, days: str, calls: str) -> None:
    """Write the files of the past that ends at `now` (ISO) into `folder`, telling each."""
    past = Past.until(datetime.fromisoformat(now), Scale(int(days), int(calls)))
    for chunk in write_chunks(Path(folder), past):
        sys.stdout.write(msgspec.json.encode(chunk).decode() + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
