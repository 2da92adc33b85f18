"""What a report has come to, ready to be shown: the same for the page, Excel, PDF and CSV.

Every word in it is in the reader's language already; every value is exact and still a value, so
that each renderer formats it in its own way (`reports.shown`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

Kind = Literal[
    "text",      # a name, a word of the reader's language
    "phone",     # a number or an extension: digits, always from left to right
    "count",     # a whole number
    "money",     # Decimal in the document's currency
    "seconds",   # whole seconds, shown as 00:03:07
    "percent",   # Decimal, 12.5 is 12.5 %
    "decimal",   # Decimal, such as a MOS of 4.1
    "instant",   # aware UTC, shown in the document's zone
    "date",      # a day of the document's zone
    "month",     # the first day of a month
    "hour",      # 0 to 23, an hour of the day
    "weekday",   # 0 is Monday
]  # fmt: skip
Value = str | int | Decimal | datetime | date | None


@dataclass(frozen=True, slots=True)
class Column:
    """A column: `name` is its field's, `label` its heading. Figures are aligned at their end."""

    name: str
    label: str
    kind: Kind

    @property
    def is_figure(self) -> bool:
        """Whether the column holds quantities, which are summed and compared."""
        return self.kind in {"count", "money", "seconds", "percent", "decimal"}


ChartKind = Literal["bars", "shares", "line"]
"""`bars`: one bar a group, longest first or in time's order; `shares`: parts of a whole; `line`."""


@dataclass(frozen=True, slots=True)
class Series:
    """One set of values of a chart, as many as the chart has labels; exact, not negative."""

    label: str
    values: tuple[Decimal | int, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture of some columns: what the labels are, then one or more series over them.

    Several series of `bars` are stacked. `kind_of_value` says how values are written. `summary` is
    the picture in a sentence, for who cannot see it. `kind_of_label` says what the labels are:
    bars over hours, weekdays, days or months stand upright, all others lie.
    """

    kind: ChartKind
    title: str
    labels: tuple[str, ...]
    series: tuple[Series, ...]
    kind_of_value: Kind
    summary: str
    kind_of_label: Kind = "text"

    @property
    def is_over_time(self) -> bool:
        """Whether the labels follow one another in time."""
        return self.kind_of_label in {"hour", "weekday", "date", "month", "instant"}


@dataclass(frozen=True, slots=True)
class Document:
    """A report's result. `rows` are in the order shown; each has a value for every column.

    `totals` has a value or None for every column, and `totals_label` says what it counts. `facts`
    are label and value of what was asked (period, filters, zone, made at); `notes` say what the
    reader must know (internal calls counted once; complete until ...). Money is in `currency`.
    """

    title: str
    question: str
    facts: tuple[tuple[str, str], ...]
    columns: tuple[Column, ...]
    rows: Sequence[Sequence[Value]]
    totals: tuple[Value, ...] | None
    totals_label: str
    notes: tuple[str, ...]
    chart: Chart | None
    currency: str
    zone: str
    made_at: datetime
