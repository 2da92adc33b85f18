"""Price lists as CSV files: read whole, or refused with every bad row named.

A price list that is half right would price calls wrongly in silence, so one bad row refuses the
file, and all problems are told at once.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from hashlib import sha256
from typing import NamedTuple

from rating.bands import ambiguous
from rating.tariff import Rate, make_rate
from telephony.errors import TelephonyError

COLUMNS = (
    "prefix", "destination", "type", "connect_fee", "price_per_minute",
    "initial_s", "increment_s", "free_s", "minimum_charge",
)  # fmt: skip
BAND_COLUMNS = ("days", "from", "to")
_PRICE = re.compile(r"-?([0-9]+\.?[0-9]*|\.[0-9]+)\Z")

TOLD_PROBLEMS = 50
"""How many problems are listed; the rest are counted."""


_NOTHING: list[str] = []


class Problem(NamedTuple):
    """What is wrong in a line (the header is line 1) and what to write instead."""

    line: int
    message: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.message}"


class TariffCsvError(TelephonyError):
    """A price list that was refused. `problems` are the first ones, `total` counts them all."""

    def __init__(self, problems: Sequence[Problem], total: int) -> None:
        self.problems = tuple(problems)
        self.total = total
        shown = "; ".join(str(problem) for problem in self.problems[:3])
        more = f"; and {total - 3} more" if total > 3 else ""
        super().__init__(f"price list refused, {total} problem{'s'[: total > 1]}: {shown}{more}")


class _Row(NamedTuple):
    line: int
    rate: Rate


def digest(data: bytes) -> str:
    """The SHA-256 by which a file is known to be the one already imported."""
    return sha256(data).hexdigest()


def parse_rates(data: bytes) -> tuple[Rate, ...]:
    """The rates of a price list, in the file's order.

    Columns in any order and case, delimiter `,` or `;`, decimal comma where the delimiter is `;`,
    UTF-8 with or without a byte order mark. Empty fees and free seconds mean 0. Raises
    `TariffCsvError` with every bad row, duplicate (same prefix and band) and doubtful band.
    """
    problems: list[Problem] = []
    rows = list(_rows(_text(data), problems))
    problems += _clashes(rows)
    if not rows and not problems:
        problems.append(Problem(1, "no rates: give at least one row below the header"))
    if problems:
        problems.sort()
        raise TariffCsvError(problems[:TOLD_PROBLEMS], len(problems))
    return tuple(row.rate for row in rows)


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        message = "not UTF-8: save the file as UTF-8"
        raise TariffCsvError([Problem(line, message)], 1) from None


def _rows(text: str, problems: list[Problem]) -> Iterator[_Row]:
    delimiter = _delimiter(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        header = [name.strip().lower() for name in next(reader, _NOTHING)]
        places = _places(header)
        line = reader.line_num + 1
        for cells in reader:
            if any(cell.strip() for cell in cells):
                try:
                    yield _Row(line, _rate(cells, places, decimal_comma=delimiter == ";"))
                except TelephonyError as error:
                    problems.append(Problem(line, str(error)))
            line = reader.line_num + 1
    except csv.Error as error:
        problems.append(Problem(reader.line_num, f"{error}: write one row a line"))


def _delimiter(text: str) -> str:
    header = text.partition("\n")[0]
    return ";" if header.count(";") > header.count(",") else ","


def _places(header: Sequence[str]) -> dict[str, int]:
    """Where each column stands; refuses a header that lacks, repeats or invents columns."""
    known = (*COLUMNS, *BAND_COLUMNS)
    problems = [
        Problem(1, f"column {name!r} is missing: the header is {','.join(COLUMNS)}[,days,from,to]")
        for name in COLUMNS
        if name not in header
    ]
    for place, name in enumerate(header):
        if name not in known:
            problems.append(Problem(1, f"column {name!r} is unknown: take it out or rename it"))
        elif name in header[:place]:
            problems.append(Problem(1, f"column {name!r} is there twice: take one out"))
    if problems:
        raise TariffCsvError(problems[:TOLD_PROBLEMS], len(problems))
    return {name: place for place, name in enumerate(header)}


def _rate(cells: Sequence[str], places: dict[str, int], *, decimal_comma: bool) -> Rate:
    if len(cells) != len(places):
        raise _Refused(
            f"{len(cells)} fields, the header has {len(places)}: "
            "quote a field that holds the delimiter"
        )
    row = {name: cells[place].strip() for name, place in places.items()}
    if not row["destination"] or not row["destination"].isprintable():
        raise _Refused("destination is empty or unprintable: name it")
    return make_rate(
        row["prefix"].removeprefix("+"),
        row["destination"],
        row["type"].lower(),
        connect_fee=_amount(row, "connect_fee", "0", decimal_comma=decimal_comma),
        price_per_minute=_amount(row, "price_per_minute", "", decimal_comma=decimal_comma),
        initial_s=_seconds(row, "initial_s", ""),
        increment_s=_seconds(row, "increment_s", ""),
        free_s=_seconds(row, "free_s", "0"),
        minimum_charge=_amount(row, "minimum_charge", "0", decimal_comma=decimal_comma),
        days=row.get("days", ""),
        from_time=row.get("from", ""),
        to_time=row.get("to", ""),
    )


class _Refused(TelephonyError):
    """A field that is no value of its column."""


def _amount(row: dict[str, str], name: str, empty: str, *, decimal_comma: bool) -> Decimal:
    text = row[name] or empty
    pointed = text.replace(",", ".") if decimal_comma else text
    if not _PRICE.match(pointed):
        raise _Refused(f"{name} {text!r}: write a price like 0.125")
    return Decimal(pointed)


def _seconds(row: dict[str, str], name: str, empty: str) -> int:
    text = row[name] or empty
    if not (text.isascii() and text.isdigit() and len(text) < 12):
        raise _Refused(f"{name} {text!r}: write whole seconds like 60")
    return int(text)


def _clashes(rows: Sequence[_Row]) -> Iterator[Problem]:
    """Rows of one prefix of which nobody could say which applies."""
    seen: dict[str, list[_Row]] = {}
    for row in rows:
        earlier = seen.setdefault(row.rate.prefix, [])
        if clash := next(filter(None, (_clash(row, other) for other in earlier)), ""):
            yield Problem(row.line, f"{_name(row)} {clash}")
        earlier.append(row)


def _clash(row: _Row, other: _Row) -> str:
    if row.rate.band == other.rate.band:
        return f"is in line {other.line} too: keep one of them"
    if ambiguous(row.rate.band, other.rate.band):
        band = f"{other.rate.band} of line {other.line}"
        return f"overlaps {band} and neither is narrower: part their hours"
    return ""


def _name(row: _Row) -> str:
    return f"prefix {row.rate.prefix}, {row.rate.band or 'any time'}"
