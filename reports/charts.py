"""What of a report is drawn: its first groups, or its course over time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from reports.definition import ChartOf, Report
from reports.described import field_label
from reports.document import Chart, Series, Value
from reports.fields import FIELDS
from reports.shown import written
from reports.words_of import in_words
from storage.facts.ask import Ask, Order
from storage.facts.kept import AnswerRow
from words.formats import Reader
from words.language import N_

if TYPE_CHECKING:
    from reports.documents import Made

ADDED_UP = frozenset({
    "calls", "answered", "unanswered", "missed", "incoming", "outgoing", "total_cost",
    "total_duration", "called_back", "not_called_back", "reports",
})  # fmt: skip
"""Measures whose groups add up to the total, so that what is left of it can be drawn as one."""

_TIMES = frozenset({"date", "month", "hour", "weekday"})
_DAYS = frozenset({"date", "month"})
_NOTHING = Decimal(0)


def chart_order(report: Report, asked: Ask) -> tuple[Order, ...]:
    """How rows are to be read for the chart: the largest first, or as time goes.

    Empty where there is nothing to draw.
    """
    measures = _measures(report, asked)
    if not measures or not asked.by:
        return ()
    if asked.by[0] in _TIMES:
        # Of a long time its end is drawn.
        return tuple(Order(name, falling=name in _DAYS) for name in asked.by)
    first, *others = measures
    if asked.order and asked.order[0] == Order(first):
        return (Order(first),)  # the worst first, where less is worse
    # Parts of a bar are ordered by what they are parts of, as the table is.
    whole = next((one.column for one in asked.order if one.column in asked.measures), first)
    return (Order(whole if others else first, falling=True),)


def chart_of(made: Made, rows: Sequence[AnswerRow], reader: Reader) -> Chart | None:
    """The report's chart of these rows, which are in the chart's order; None where it has none."""
    drawn, measures = made.report.chart, _measures(made.report, made.ask)
    if drawn is None or not measures:
        return None
    if _is_rising(made):  # what has no score is not the worst
        at = made.answer.columns.index(measures[0])
        rows = [row for row in rows if row.values[at] is not None]
    if not rows:
        return None
    labels, columns = _points(made, rows, measures, reader, drawn)
    series = tuple(
        Series(field_label(FIELDS[name], reader), tuple(values))
        for name, values in zip(measures, columns, strict=True)
    )
    is_cut = drawn.kind == "bars" and len(labels) < made.answer.rows and not _is_over_time(made)
    title = reader.language.text(
        N_("%(what)s by %(group)s, the first %(shown)s of %(all)s")
        if is_cut
        else N_("%(what)s by %(group)s"),
        what=_what(measures, series, reader),
        group=" \u00b7 ".join(
            field_label(FIELDS[name], reader, made.custom_labels) for name in made.ask.by
        ),
        shown=reader.number(len(labels)),
        all=reader.number(made.answer.rows),
    )
    kind = FIELDS[measures[0]].kind
    return Chart(
        kind=drawn.kind,
        title=title,
        labels=tuple(labels),
        series=series,
        kind_of_value=kind,
        summary=_summary(made, labels, series, reader),
        kind_of_label=FIELDS[made.ask.by[0]].kind,
    )


_WHOLES = {
    frozenset({"incoming", "outgoing"}): N_("External calls"),
    frozenset({"called_back", "not_called_back"}): N_("Missed calls"),
}


def _what(measures: Sequence[str], series: Sequence[Series], reader: Reader) -> str:
    """What several series are together: calls, though not all where one way leads inside."""
    if len(series) == 1:
        return series[0].label
    return reader.language.text(_WHOLES.get(frozenset(measures), N_("Calls")))


def _measures(report: Report, asked: Ask) -> tuple[str, ...]:
    drawn = report.chart
    return tuple(name for name in drawn.measures if name in asked.measures) if drawn else ()


def _points(
    made: Made, rows: Sequence[AnswerRow], measures: Sequence[str], reader: Reader, drawn: ChartOf
) -> tuple[list[str], list[list[Decimal | int]]]:
    """The labels and each measure's values; of parts of a whole, the rest at the end."""
    most = drawn.most
    if made.ask.by[0] in _DAYS:
        rows = sorted(rows, key=lambda row: str(row.values[0]))
    index = [made.answer.columns.index(name) for name in measures]
    if len(made.ask.by) == 1 and made.ask.by[0] in _TIMES and ADDED_UP.issuperset(measures):
        rows = _without_gaps(made.ask.by[0], rows, len(made.answer.columns))
    if made.ask.by[0] in _DAYS:
        rows = rows[-most:]
    labels = _labels(made, rows[:most], reader)
    values = [[_figure(row.values[at]) for row in rows[:most]] for at in index]
    rest = _rest(made, measures, values) if len(labels) in {most, made.ask.most} else []
    if drawn.kind == "shares" and any(rest):
        labels.append(reader.language.text(N_("Others")))
        for figure, column in zip(rest, values, strict=True):
            column.append(figure)
    return labels, values


def _rest(
    made: Made, measures: Sequence[str], values: Sequence[Sequence[Decimal | int]]
) -> list[Decimal | int]:
    """What the groups that are not drawn have of the total; empty where that says nothing."""
    if _is_over_time(made) or not ADDED_UP.issuperset(measures):
        return []
    totals = [_figure(made.answer.totals.get(name)) for name in measures]
    return [
        max(_NOTHING, total - sum(column, start=_NOTHING))
        for total, column in zip(totals, values, strict=True)
    ]


def _is_rising(made: Made) -> bool:
    """Whether the least of a measure is drawn first."""
    measures = _measures(made.report, made.ask)
    return not _is_over_time(made) and chart_order(made.report, made.ask) == (Order(measures[0]),)


def _is_over_time(made: Made) -> bool:
    return made.ask.by[0] in _TIMES


def _figure(value: Value) -> Decimal | int:
    return value if isinstance(value, Decimal | int) else 0


def _labels(made: Made, rows: Sequence[AnswerRow], reader: Reader) -> list[str]:
    days = [row.values[0] for row in rows if isinstance(row.values[0], date)]
    if made.ask.by == ("date",) and len({day.year for day in days}) == 1:
        return [reader.day_of_the_year(day) for day in days]
    return [_label(made, row, reader) for row in rows]


def _label(made: Made, row: AnswerRow, reader: Reader) -> str:
    parts = [
        written(in_words(FIELDS[name], value, reader), FIELDS[name].kind, reader, "")
        for name, value in zip(made.ask.by, row.values, strict=False)
    ]
    return " \u00b7 ".join(parts)


def _without_gaps(name: str, rows: Sequence[AnswerRow], width: int) -> Sequence[AnswerRow]:
    """Rows over time with those between that have no calls."""
    there = {row.values[0]: row for row in rows}
    empty = (None,) * (width - 1)

    def row_of(value: Value) -> AnswerRow:
        return there.get(value) or AnswerRow((value, *empty), "", {})

    if name == "hour":
        return [row_of(hour) for hour in range(24)]
    if name == "weekday":
        return [row_of(day) for day in range(7)]
    first, last = rows[0].values[0], rows[-1].values[0]
    if not isinstance(first, date) or not isinstance(last, date):
        return rows
    days = [first]
    while days[-1] < last:
        days.append(_next(name, days[-1]))
    return [row_of(day) for day in days]


def _next(name: str, day: date) -> date:
    return (day + timedelta(days=32)).replace(day=1) if name == "month" else day + timedelta(days=1)


def _summary(made: Made, labels: Sequence[str], series: Sequence[Series], reader: Reader) -> str:
    """The picture in a sentence: how many there are, and the first of them: largest or smallest."""
    measure, values = _measures(made.report, made.ask)[0], series[0].values
    is_rising = _is_rising(made)
    at = (min if is_rising else max)(range(len(values)), key=values.__getitem__)
    told = {
        "what": series[0].label,
        "label": labels[at],
        "value": written(values[at], FIELDS[measure].kind, reader, made.currency),
    }
    plural, number = reader.language.plural, len(values)
    if is_rising:
        return plural(
            "%(num)d value. The smallest %(what)s: %(label)s, %(value)s.",
            "%(num)d values. The smallest %(what)s: %(label)s, %(value)s.",
            number,
            **told,
        )
    return plural(
        "%(num)d value. The largest %(what)s: %(label)s, %(value)s.",
        "%(num)d values. The largest %(what)s: %(label)s, %(value)s.",
        number,
        **told,
    )
