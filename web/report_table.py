"""A report's table as the page writes it: headings that sort, cells in words, rows that lead on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from reports.asking import value_text
from reports.catalogue import REPORTS, VOICES
from reports.document import Document, Kind
from reports.documents import Made
from reports.fields import FIELDS
from reports.options import Options
from reports.shown import heading, in_zone_of, totals_rows, written
from storage.facts.kept import AnswerRow
from web.report_asked import Wanted
from words.formats import Reader

LISTED_BY = "call-list"
"""The report that lists the calls of a group."""

Leads = Callable[[AnswerRow], str]
"""Where a row leads; empty where it leads nowhere."""


class Heading(NamedTuple):
    """What stands above a column. `sort` is the address that sorts by it, empty where none does."""

    name: str
    label: str
    kind: Kind
    is_figure: bool
    sort: str = ""
    direction: str = ""


class Line(NamedTuple):
    """A row in words. `icon` is the code of its type of call, where it has that column."""

    cells: tuple[str, ...]
    href: str = ""
    icon: str = ""


class Total(NamedTuple):
    """A row of totals: what they count stands in the first cell, over `span` columns."""

    cells: tuple[str, ...]
    span: int


class Table(NamedTuple):
    """What the macro of `templates/portal/parts/report_table.html` shows.

    `main` is the column that stands for its row: it leads on, and heads a card on a phone.
    """

    headings: tuple[Heading, ...]
    lines: list[Line]
    totals: list[Total]
    main: int


def table_of(document: Document, reader: Reader, rows: Sequence[AnswerRow] = (),
             leads: Leads | None = None) -> Table:  # fmt: skip
    """The document's table; `rows` are those the document's rows were made of, if they lead on."""
    local, currency = in_zone_of(document, reader), document.currency
    kinds: list[Kind] = [column.kind for column in document.columns]
    names = [column.name for column in document.columns]
    at = names.index("type") if rows and "type" in names else -1
    lines: list[Line] = []
    for number, values in enumerate(document.rows):
        cells = tuple(
            written(value, kind, local, currency) for value, kind in zip(values, kinds, strict=True)
        )
        row = rows[number] if rows else None
        href = leads(row) if leads and row else ""
        icon = str(row.values[at]) if row and at >= 0 else ""
        lines.append(Line(cells, href, icon))
    totals = [
        _total(
            [
                "" if value is None else written(value, kind, local, currency)
                for value, kind in zip(values, kinds, strict=True)
            ]
        )
        for values in totals_rows(document)
    ]
    headings = tuple(
        Heading(column.name, heading(column, currency, reader), column.kind, column.is_figure)
        for column in document.columns
    )
    return Table(headings, lines, totals, names.index("started_at") if "started_at" in names else 0)


def _total(cells: Sequence[str]) -> Total:
    filled = (at for at, text in enumerate(cells) if at and text)
    return Total(tuple(cells), next(filled, len(cells)))


def sorted_by(
    table: Table, column: str, direction: str, address: Callable[[str, bool], str]
) -> Table:
    """The table with headings that sort: figures the largest first, all else from its beginning.

    `address(column, falling)` is that of the table in another order.
    """

    def sorting(one: Heading) -> Heading:
        if one.name == column:
            return one._replace(
                sort=address(one.name, direction == "ascending"), direction=direction
            )
        return one._replace(sort=address(one.name, one.is_figure or one.kind == "instant"))

    return table._replace(headings=tuple(sorting(one) for one in table.headings))


# Where rows lead ----------------------------------------------------------------------------------


def leads_of(made: Made) -> Leads:
    """Where the rows of a result lead: a call to itself in full, a group to its calls or voices."""
    if made.report.is_list:
        return _to_call
    base = _options_of_calls(made)
    if base is None:
        return lambda _: ""
    options = base

    listed_by = VOICES if made.report.subject == "quality" else LISTED_BY

    def to_calls(row: AnswerRow) -> str:
        return Wanted(REPORTS[listed_by], _within(made, options, row)).to()

    return to_calls


def _to_call(row: AnswerRow) -> str:
    return f"/analytics/calls/{row.call}" if row.call else ""


def _options_of_calls(made: Made) -> Options | None:
    """The report's options as far as they tell which calls; None where a list has no such."""
    fields = [*made.ask.by, *(one.field for one in made.options.restrictions)]
    if any(FIELDS[name].subject not in {None, made.report.subject} for name in fields):
        return None
    return replace(made.options, by=None, columns=None, most=None)


def _within(made: Made, options: Options, row: AnswerRow) -> Options:
    """The calls of one group."""
    within = dict(options.within)
    for name, value in zip(made.ask.by, row.values, strict=False):
        if name == "number":
            options = replace(options, like=row.keys.get("number"))
        else:
            text = row.keys.get("person", "") if name == "person" else value_text(name, value)
            within[name] = text
    return replace(options, within=tuple(within.items()))


def group_words(made: Made, line: Line) -> str:
    """What the group of a row is called."""
    return " \u00b7 ".join(line.cells[: len(made.ask.by)])
