"""A report as an Excel workbook: typed cells one can go on reckoning with, and a native chart.

The first sheet is the table, so that its header can stay in sight; the second says what was asked
and has the chart beside the figures it is drawn from. No text is ever written as a formula.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Literal
from zoneinfo import ZoneInfo

import xlsxwriter
from babel.numbers import get_currency_precision
from xlsxwriter.format import Format
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from reports.document import Chart, Document, Kind, Value
from reports.shown import heading, shown, totals_rows
from words.cells import escaped
from words.formats import Reader, zone
from words.language import N_

MANY = 5_000
"""From so many rows on the workbook is written through a file instead of in memory."""

HEADER_ROW = 3
"""Title, what was asked in a line, an empty row; counted from 0."""

MOST_ROWS = 1_048_576 - HEADER_ROW - 20
_MOST_TEXT = 32_767
_SAMPLE = 400
_PHONE = re.compile(r"\+?[0-9*# ]*")
_DAY_S = 86_400
_QUIET = "#5C606B"

Look = Literal["cell", "total", "heading"]


def xlsx(document: Document, reader: Reader) -> bytes:
    """The document as a workbook. Blocks: many rows belong in a process of their own."""
    content = io.BytesIO()
    options = {
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "constant_memory": len(document.rows) > MANY,
        "in_memory": len(document.rows) <= MANY,
    }
    with xlsxwriter.Workbook(content, options) as book:
        _Book(book, document, reader).write()
    return content.getvalue()


def _sheet_name(text: str) -> str:
    """A name Excel takes for a sheet: some characters and more than 31 are refused."""
    return re.sub(r"[\[\]:*?/\\\x00-\x1f]+", " ", text).strip(" '")[:31].strip(" '") or "1"


@dataclass(frozen=True, slots=True)
class _Formats:
    """The workbook's formats by what is written; Excel counts each of them once."""

    book: Any  # xlsxwriter leaves the types of its arguments open
    document: Document
    made: dict[tuple[Kind, Look], Format]

    def of(self, kind: Kind, look: Look = "cell") -> Format:
        """How values of a kind look in a cell, among the totals, or as a heading."""
        if (kind, look) not in self.made:
            self.made[kind, look] = self.book.add_format(_properties(kind, look, self._codes(kind)))
        return self.made[kind, look]

    def plain(self, **properties: object) -> Format:
        """A format of its own."""
        return self.book.add_format(properties)

    def _codes(self, kind: Kind) -> str:
        decimals = get_currency_precision(self.document.currency or "EUR")
        money = "#,##0" + ("." + "0" * decimals if decimals else "")
        return {
            "money": money,
            "count": "#,##0",
            "seconds": "[h]:mm:ss",
            "percent": "0.0%",
            "decimal": "#,##0.00",
            "instant": "yyyy-mm-dd hh:mm:ss",
            "date": "yyyy-mm-dd",
            "month": "mmmm yyyy",
            "hour": '00":00"',
        }.get(kind, "@")


_FIGURES = frozenset({"count", "money", "seconds", "percent", "decimal"})


def _properties(kind: Kind, look: Look, code: str) -> dict[str, object]:
    properties: dict[str, object] = {"valign": "top"}
    if look == "heading":
        properties |= {"bold": True, "bottom": 1, "bg_color": "#F1F1EE", "text_wrap": True}
        return properties | ({"align": "right"} if kind in _FIGURES else {})
    properties["num_format"] = code
    if look == "total":
        properties |= {"bold": True, "top": 1}
    if kind not in _FIGURES:
        properties["align"] = "left"
    if kind == "phone":  # digits from left to right, and text even when somebody edits it
        properties |= {"reading_order": 1, "quote_prefix": True}
    return properties


class _Book:
    """A workbook being written."""

    def __init__(self, book: Workbook, document: Document, reader: Reader) -> None:
        self._book: Any = book  # xlsxwriter leaves the types of its arguments open
        self._document, self._reader = document, reader
        self._formats = _Formats(book, document, {})
        self._zone: ZoneInfo = zone(document.zone)

    def write(self) -> None:
        """Everything there is in it."""
        document = self._document
        self._book.set_properties({
            "title": document.title,
            "subject": document.question,
            "author": "Ringfence",
            "created": document.made_at.astimezone(UTC).replace(tzinfo=None),
        })  # fmt: skip
        self._table(self._add_sheet(document.title))
        about = self._reader.language.text(N_("About this report"))
        if _sheet_name(about).casefold() == _sheet_name(document.title).casefold():
            about = f"{about[:28]} 2"
        self._about(self._add_sheet(about), _sheet_name(about))

    def _add_sheet(self, name: str) -> Worksheet:
        sheet: Worksheet = self._book.add_worksheet(_sheet_name(name))
        if self._reader.language.direction == "rtl":
            sheet.right_to_left()
        sheet.set_paper(9)
        sheet.set_landscape()
        sheet.fit_to_pages(1, 0)
        sheet.set_footer("&C&P / &N")  # pyright: ignore[reportUnknownMemberType] - as above
        return sheet

    # The table

    def _table(self, sheet: Worksheet) -> None:
        document = self._document
        _text(sheet, 0, 0, document.title, self._formats.plain(bold=True, font_size=15))
        asked = "   ·   ".join(f"{label}: {value}" for label, value in document.facts)
        _text(sheet, 1, 0, asked, self._formats.plain(font_color=_QUIET))
        self._set_widths(sheet)
        sheet.set_row(HEADER_ROW, 30)
        for index, column in enumerate(document.columns):
            words = heading(column, document.currency, self._reader)
            _text(sheet, HEADER_ROW, index, words, self._formats.of(column.kind, "heading"))
        sheet.freeze_panes(HEADER_ROW + 1, 0)
        sheet.repeat_rows(HEADER_ROW)
        last = HEADER_ROW + len(document.rows)
        if document.rows:
            sheet.autofilter(HEADER_ROW, 0, last, len(document.columns) - 1)
        for number, row in enumerate(document.rows, HEADER_ROW + 1):
            self._row(sheet, number, row, "cell")
        for row in totals_rows(document):
            last += 1
            self._row(sheet, last, row, "total")
        for number, note in enumerate(document.notes, last + 2):
            _text(sheet, number, 0, note, self._formats.plain(font_color=_QUIET))

    def _set_widths(self, sheet: Worksheet) -> None:
        """Columns about as wide as what stands in them, of which the first rows tell."""
        document = self._document
        sample = document.rows[:_SAMPLE]
        for index, column in enumerate(document.columns):
            head = heading(column, document.currency, self._reader)
            texts = [
                shown(row[index], column, self._reader, document.currency)
                for row in (*sample, *totals_rows(document)[-1:])
                if index or row is not document.totals
            ]
            usual = max(map(len, texts[:_SAMPLE]), default=0)
            longest_word = max((len(word) for word in head.split()), default=0)
            least = 19 if column.kind == "instant" else 0
            sheet.set_column(index, index, min(max(usual, longest_word + 3, least, 8) + 1.5, 48))

    def _row(self, sheet: Worksheet, number: int, row: Sequence[Value], look: Look) -> None:
        for index, (value, column) in enumerate(zip(row, self._document.columns, strict=True)):
            self._cell(sheet, (number, index), value, column.kind, look)

    def _cell(
        self, sheet: Worksheet, at: tuple[int, int], value: Value, kind: Kind, look: Look
    ) -> None:
        shape = self._formats.of(kind, look)
        if value is None:
            sheet.write_blank(*at, None, shape)
        elif isinstance(value, str):
            self._words(sheet, at, value, kind, look)
        elif isinstance(value, datetime):
            local = value.astimezone(self._zone).replace(tzinfo=None, microsecond=0)
            sheet.write_datetime(*at, local, shape)
        elif isinstance(value, date):
            sheet.write_datetime(*at, datetime.combine(value, time()), shape)
        elif kind == "weekday":
            sheet.write_string(*at, self._reader.weekday(int(value)), shape)
        else:
            sheet.write_number(*at, _number(value, kind), shape)  # pyright: ignore[reportArgumentType] - it takes Decimal and writes all of it

    def _words(
        self, sheet: Worksheet, at: tuple[int, int], text: str, kind: Kind, look: Look
    ) -> None:
        """A text; a phone number is one whatever it begins with, and Excel is told so."""
        if kind == "phone" and _PHONE.fullmatch(text):
            sheet.write_string(*at, text, self._formats.of("phone", look))
        else:
            kind = kind if kind in {"text", "phone"} else "text"
            _text(sheet, *at, text, self._formats.of(kind, look))

    # What was asked, and the chart

    def _about(self, sheet: Worksheet, name: str) -> None:
        document, quiet = self._document, self._formats.plain(font_color=_QUIET, valign="top")
        wrapped = self._formats.plain(text_wrap=True, valign="top", align="left")
        sheet.set_column(0, 0, 26)
        sheet.set_column(1, 1, 60)
        _text(sheet, 0, 0, document.title, self._formats.plain(bold=True, font_size=15))
        _text(sheet, 1, 0, document.question, quiet)
        row = 3
        for row, (label, value) in enumerate(document.facts, 3):
            _text(sheet, row, 0, label, quiet)
            _text(sheet, row, 1, value, wrapped)
        if document.chart is not None and document.chart.labels:
            self._chart(sheet, name, document.chart, row + 2)

    def _chart(self, sheet: Worksheet, name: str, chart: Chart, top: int) -> None:
        """The figures of the chart, and the chart that refers to them."""
        _text(sheet, top, 0, chart.title, self._formats.plain(bold=True))
        for index, series in enumerate(chart.series, 1):
            _text(sheet, top, index, series.label, self._formats.of(chart.kind_of_value, "heading"))
        for number, label in enumerate(chart.labels, 1):
            self._words(sheet, (top + number, 0), label, chart.kind_of_label, "cell")
            for index, series in enumerate(chart.series, 1):
                value = series.values[number - 1]
                self._cell(sheet, (top + number, index), value, chart.kind_of_value, "cell")
        drawn = self._book.add_chart(_chart_type(chart))
        last = top + len(chart.labels)
        for index in range(1, len(chart.series) + 1):
            drawn.add_series({
                "name": [name, top, index],
                "categories": [name, top + 1, 0, last, 0],
                "values": [name, top + 1, index, last, index],
                "data_labels": {"percentage": True} if chart.kind == "shares" else {},
                "gap": 45,
            })  # fmt: skip
        drawn.set_title({"name": chart.title, "overlay": False, "name_font": {"size": 12}})
        if chart.kind == "bars" and not chart.is_over_time:
            drawn.set_y_axis({"reverse": True})
            drawn.set_x_axis({"min": 0})
        if chart.kind != "shares" and len(chart.series) == 1:
            drawn.set_legend({"none": True})
        drawn.set_size({"width": 720, "height": max(300, 26 * len(chart.labels) + 90)})
        sheet.insert_chart(top, len(chart.series) + 2, drawn, {"description": chart.summary})


def _chart_type(chart: Chart) -> dict[str, str]:
    if chart.kind == "shares":
        return {"type": "pie"}
    if chart.kind == "line":
        return {"type": "line"}
    kind = {"type": "column" if chart.is_over_time else "bar"}
    return kind | ({"subtype": "stacked"} if len(chart.series) > 1 else {})


def _number(value: Decimal | int, kind: Kind) -> Decimal | int:
    """A figure in Excel's terms: parts of a day, and of one instead of a hundred."""
    if kind == "seconds":
        return Decimal(value) / _DAY_S
    return Decimal(value) / 100 if kind == "percent" else value


def _text(sheet: Worksheet, row: int, column: int, text: str, shape: Format) -> None:
    sheet.write_string(row, column, escaped(text)[:_MOST_TEXT], shape)
