"""Bars: lying ones with their names before them, upright ones where they follow in time.

Both begin at zero. Several series make one bar of parts, which a key on top tells apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from math import ceil
from typing import NamedTuple

from markupsafe import Markup

from reports.chart_parts import (
    TEXT,
    Canvas,
    cut,
    key,
    pointed_at,
    round_ticks,
    share,
    tag,
    tick_labels,
    together,
    width_of,
)

GAP = 8.0
AXIS = 24.0
_SLOTS = (18.0, 34.0)
_MOST_THICK = 48.0


class Drawing(NamedTuple):
    """What was drawn, and how high it has become."""

    shapes: Markup
    height: float


class Plot(NamedTuple):
    """Where values are drawn: the corner nearest to zero and the label, and how far it reaches."""

    x: float
    y: float
    width: float
    height: float


def sums(canvas: Canvas) -> list[Decimal]:
    """What each label comes to over all series."""
    chart = canvas.chart
    return [
        sum((Decimal(series.values[index]) for series in chart.series), Decimal(0))
        for index in range(len(chart.labels))
    ]


def key_of_series(canvas: Canvas) -> Drawing:
    """The key, where there is more than one series."""
    names = [series.label for series in canvas.chart.series]
    return Drawing(*key(canvas, names)) if len(names) > 1 else Drawing(Markup(""), 4.0)


def _title(canvas: Canvas, index: int, total: Decimal) -> Markup:
    """What the pointer is told: the whole label, every value, and their sum."""
    chart = canvas.chart
    lines = [f"{chart.labels[index]}: {canvas.said(total)}"]
    if len(chart.series) > 1:
        lines += [f"{one.label}: {canvas.said(one.values[index])}" for one in chart.series]
    return pointed_at("\n".join(lines))


# Lying --------------------------------------------------------------------------------------------


def lying(canvas: Canvas) -> Drawing:
    """One bar below the other, its name before it and its value behind it."""
    chart, totals = canvas.chart, sums(canvas)
    head, top = key_of_series(canvas)
    said = [canvas.said(total) for total in totals]
    names = min(max(map(width_of, chart.labels)), canvas.width * 0.36)
    behind = max(map(width_of, said)) + GAP
    slot = min(max((canvas.height - top - AXIS) / len(totals), _SLOTS[0]), _SLOTS[1])
    width = max(canvas.width - names - GAP - behind, 40.0)
    plot = Plot(names + GAP, top, width, slot * len(totals))
    ticks = _ticks_across(canvas, plot, max(totals))
    bars = [
        _lying_bar(canvas, plot, slot, index, (total, ticks[-1]), said[index])
        for index, total in enumerate(totals)
    ]
    shapes = together([head, _axis_across(canvas, plot, ticks), *bars])
    return Drawing(shapes, top + plot.height + AXIS)


def _ticks_across(canvas: Canvas, plot: Plot, most: Decimal) -> tuple[Decimal, ...]:
    """As many round figures as can stand beside each other, at most five and zero."""
    kind = canvas.chart.kind_of_value
    for intervals in (5, 4, 3, 2):
        ticks = round_ticks(most, kind, canvas.currency, intervals)
        widest = max(map(width_of, tick_labels(canvas, ticks))) + GAP
        if widest * (len(ticks) - 1) <= plot.width:
            return ticks
    return round_ticks(most, kind, canvas.currency, 1)


def _axis_across(canvas: Canvas, plot: Plot, ticks: Sequence[Decimal]) -> Markup:
    parts: list[Markup] = []
    foot = plot.y + plot.height
    for tick, label in zip(ticks, tick_labels(canvas, ticks), strict=True):
        x = plot.x + plot.width * share(tick, ticks[-1])
        css = "chart-grid" if tick else "chart-zero"
        parts.append(canvas.line((x, plot.y), (x, foot), css))
        parts.append(canvas.text((x, foot + 16), label, anchor="middle", css="chart-tick"))
    if canvas.chart.kind_of_value == "money":
        at = (plot.x - GAP - 4, foot + 16)
        parts.append(canvas.text(at, canvas.currency, anchor="end", css="chart-tick"))
    return tag("g", *parts, class_="chart-axis")


def _lying_bar(
    canvas: Canvas,
    plot: Plot,
    slot: float,
    index: int,
    values: tuple[Decimal, Decimal],
    said: str,
) -> Markup:
    total, most = values
    y, thick = plot.y + slot * index + slot * 0.15, slot * 0.7
    parts: list[Markup] = []
    x = plot.x
    for number, series in enumerate(canvas.chart.series):
        width = plot.width * share(series.values[index], most)
        parts.append(canvas.filled(number, x, y, width, thick))
        x += width
    baseline = y + thick / 2 + TEXT * 0.36
    room = plot.x - GAP
    parts.extend(
        (
            canvas.label((room, baseline), canvas.chart.labels[index], room, "end"),
            canvas.text((x + 6, baseline), said, css="chart-value"),
        )
    )
    return tag("g", _title(canvas, index, total), *parts, class_="chart-bar")


# Upright ------------------------------------------------------------------------------------------


def upright(canvas: Canvas) -> Drawing:
    """One bar beside the other, as time goes."""
    totals = sums(canvas)
    head, top = key_of_series(canvas)
    plot, ticks = plot_over_time(canvas, top, max(totals))
    slot = plot.width / len(totals)
    widest = max(width_of(canvas.said(total)) for total in totals)
    bars = [
        _upright_bar(canvas, plot, slot, index, (total, ticks[-1]), has_value=widest + 4 <= slot)
        for index, total in enumerate(totals)
    ]
    shapes = together([head, axis_up(canvas, plot, ticks), *bars, labels_below(canvas, plot, slot)])
    return Drawing(shapes, canvas.height)


def plot_over_time(canvas: Canvas, top: float, most: Decimal) -> tuple[Plot, tuple[Decimal, ...]]:
    """Where what follows in time is drawn, and the figures of its axis."""
    kind = canvas.chart.kind_of_value
    above = top + LINE_ABOVE
    height = max(canvas.height - above - AXIS, 40.0)
    ticks = round_ticks(most, kind, canvas.currency, 4 if height >= 120 else 2)
    before = max(map(width_of, tick_labels(canvas, ticks))) + GAP
    return Plot(before, above, canvas.width - before, height), ticks


LINE_ABOVE = 16.0
"""Room for the value above the highest bar, and for the unit."""


def axis_up(canvas: Canvas, plot: Plot, ticks: Sequence[Decimal]) -> Markup:
    """The figures at the side, each with its line, and the unit of money on top."""
    parts: list[Markup] = []
    far = plot.x + plot.width
    for tick, label in zip(ticks, tick_labels(canvas, ticks), strict=True):
        y = plot.y + plot.height * (1 - share(tick, ticks[-1]))
        css = "chart-grid" if tick else "chart-zero"
        parts.append(canvas.line((plot.x, y), (far, y), css))
        at = (plot.x - GAP, y + TEXT * 0.36)
        parts.append(canvas.text(at, label, anchor="end", css="chart-tick"))
    if canvas.chart.kind_of_value == "money":
        parts.append(canvas.text((0.0, plot.y - 8), canvas.currency, css="chart-tick"))
    return tag("g", *parts, class_="chart-axis")


def labels_below(canvas: Canvas, plot: Plot, slot: float) -> Markup:
    """The labels below what they name; every second, third ... where not all have room."""
    labels = canvas.chart.labels
    every = ceil((max(map(width_of, labels)) + GAP) / slot)
    parts: list[Markup] = []
    end = -GAP
    for index in range(0, len(labels), max(every, 1)):
        middle = plot.x + slot * (index + 0.5)
        half = width_of(cut(labels[index], canvas.width)) / 2
        middle = min(max(middle, half), canvas.width - half)
        if middle - half < end + GAP / 2:  # moved inwards from the edge, onto the one before
            continue
        end = middle + half
        at = (middle, plot.y + plot.height + 16)
        parts.append(canvas.label(at, labels[index], canvas.width, "middle"))
    return tag("g", *parts, class_="chart-labels")


def _upright_bar(
    canvas: Canvas,
    plot: Plot,
    slot: float,
    index: int,
    values: tuple[Decimal, Decimal],
    *,
    has_value: bool,
) -> Markup:
    total, most = values
    thick = min(slot * 0.7, _MOST_THICK)
    x, y = plot.x + slot * index + (slot - thick) / 2, plot.y + plot.height
    parts: list[Markup] = []
    for number, series in enumerate(canvas.chart.series):
        height = plot.height * share(series.values[index], most)
        y -= height
        parts.append(canvas.filled(number, x, y, thick, height))
    if has_value:
        at = (x + thick / 2, y - 5)
        parts.append(canvas.text(at, canvas.said(total), anchor="middle", css="chart-value"))
    return tag("g", _title(canvas, index, total), *parts, class_="chart-bar")
