"""A report as CSV, for other programs: exact values, local times, a line of totals at the end.

UTF-8 with its mark and commas, as every list this product writes; texts that a spreadsheet would
take for a formula have an apostrophe before them.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from babel.numbers import get_currency_precision

from reports.document import Column, Document, Value
from reports.shown import heading, totals_rows
from words.cells import escaped
from words.formats import Reader, zone

MARK = b"\xef\xbb\xbf"


def csv_file(document: Document, reader: Reader) -> bytes:
    """The document as CSV. Blocks: many rows belong in a thread or a process of their own.

    Money and measures are plain decimals, durations HH:MM:SS, instants `2026-03-31 00:33:00` in
    the document's zone (named in the heading), days and months ISO, hours 0 to 23.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(escaped(_heading(column, document, reader)) for column in document.columns)
    local, decimals = zone(document.zone), get_currency_precision(document.currency or "EUR")
    for row in document.rows:
        writer.writerow(_line(row, document, reader, local, decimals))
    for row in totals_rows(document):
        writer.writerow(_line(row, document, reader, local, decimals))
    return MARK + out.getvalue().encode("utf-8", "replace")


def _heading(column: Column, document: Document, reader: Reader) -> str:
    if column.kind == "instant":
        return f"{column.label} ({document.zone})"
    return heading(column, document.currency, reader)


def _line(
    row: Sequence[Value], document: Document, reader: Reader, local: ZoneInfo, decimals: int
) -> list[str]:
    return [
        _cell(value, column, reader, local, decimals)
        for value, column in zip(row, document.columns, strict=True)
    ]


def _cell(  # noqa: PLR0911 - a line a kind
    value: Value, column: Column, reader: Reader, local: ZoneInfo, decimals: int
) -> str:
    """A value as other programs read it; only texts can be mistaken for formulas."""
    if isinstance(value, str):
        return escaped(value)
    if value is None:
        return ""
    if isinstance(value, datetime):
        at = value.astimezone(local).replace(tzinfo=None)
        return at.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()[:7] if column.kind == "month" else value.isoformat()
    if column.kind == "seconds":
        return reader.duration(int(value))
    if column.kind == "weekday":
        return reader.weekday(int(value))
    return plain(Decimal(value), decimals if column.kind == "money" else 0)


def plain(number: Decimal, decimals: int = 0) -> str:
    """All of a number's digits, with at least so many decimals and no further zeros: `49.89`."""
    digits = format(number, "f")
    whole, _, rest = digits.partition(".")
    rest = rest.rstrip("0").ljust(decimals, "0")
    return f"{whole}.{rest}" if rest else whole
