"""How a report's values are written for people: on the page, in a PDF, beside a bar.

The unit of a column is said once, in its heading. Excel and CSV write values of their own kinds
and take from here only what the words are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

from reports.document import Column, Document, Kind, Value
from words.formats import Reader

NOTHING = "—"
"""What stands where there is no value."""


def in_zone_of(document: Document, reader: Reader) -> Reader:
    """The reader, seeing instants in the document's zone."""
    return replace(reader, zone_name=document.zone)


def heading(column: Column, currency: str, reader: Reader) -> str:  # noqa: ARG001 - each language says it so today
    """What stands above a column, with the unit of its money: `Cost (EUR)`."""
    if column.kind != "money" or not currency:
        return column.label
    return f"{column.label} ({currency})"


def shown(value: Value, column: Column, reader: Reader, currency: str) -> str:
    """A value of a column as its reader writes it, instants in the reader's zone."""
    return written(value, column.kind, reader, currency)


def written(value: Value, kind: Kind, reader: Reader, currency: str) -> str:
    """A value of a kind as its reader writes it; text is itself, whatever column it stands in."""
    if value is None:
        return NOTHING
    if isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return reader.moment(value)
    if isinstance(value, date):
        return reader.month(value) if kind == "month" else reader.calendar_day(value)
    return _figure(value, kind, reader, currency)


def _figure(value: Decimal | int, kind: Kind, reader: Reader, currency: str) -> str:  # noqa: PLR0911 - a line a kind
    match kind:
        case "money":
            return reader.bare_money(Decimal(value), currency)
        case "seconds":
            return reader.duration(int(value))
        case "percent":
            return reader.exact_percent(Decimal(value))
        case "decimal":
            return reader.decimal(Decimal(value))
        case "hour":
            return reader.hour(int(value))
        case "weekday":
            return reader.weekday(int(value))
        case _:
            return reader.number(int(value))


def totals_rows(document: Document) -> tuple[Sequence[Value], ...]:
    """The totals as rows of the table, what they count in the first cell.

    One row; two where the first column has a total of its own; none where there are no totals.
    """
    totals = document.totals
    if totals is None:
        return ()
    if totals[0] is None:
        return ((document.totals_label, *totals[1:]),)
    return ((document.totals_label, *(None for _ in totals[1:])), totals)
