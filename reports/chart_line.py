"""Lines: how something went, from zero up, each named where it ends."""

from __future__ import annotations

from decimal import Decimal

from markupsafe import Markup

from reports.chart_bars import (
    Drawing,
    Plot,
    axis_up,
    labels_below,
    plot_over_time,
)
from reports.chart_parts import (
    COLOURS,
    TEXT,
    Canvas,
    colour,
    cut,
    pointed_at,
    share,
    tag,
    together,
    width_of,
)
from reports.document import Series

_MOST_DOTS = 40
_DASHES = ("", "7 4", "2 4", "10 3 2 3")


def lines(canvas: Canvas) -> Drawing:
    """A line for each series over the labels."""
    chart = canvas.chart
    most = max(Decimal(value) for series in chart.series for value in series.values)
    plot, ticks = plot_over_time(canvas, 4.0, most)
    beside = _room_beside(canvas)
    plot = plot._replace(width=plot.width - beside)
    slot = plot.width / len(chart.labels)
    drawn = [_line(canvas, plot, slot, number, ticks[-1]) for number in range(len(chart.series))]
    names = _names(canvas, plot, ticks[-1], beside) if beside else Markup("")
    axis = axis_up(canvas, plot, ticks)
    shapes = together([axis, *drawn, names, labels_below(canvas, plot, slot)])
    return Drawing(shapes, canvas.height)


def _room_beside(canvas: Canvas) -> float:
    """Room for the names of several lines, at their ends."""
    names = [series.label for series in canvas.chart.series]
    return min(max(map(width_of, names)) + 10, canvas.width * 0.3) if len(names) > 1 else 0.0


def _height_of(plot: Plot, value: Decimal | int, most: Decimal) -> float:
    return plot.y + plot.height * (1 - share(value, most))


def _line(canvas: Canvas, plot: Plot, slot: float, number: int, most: Decimal) -> Markup:
    series = canvas.chart.series[number]
    points = [
        (canvas.across(plot.x + slot * (index + 0.5)), _height_of(plot, value, most))
        for index, value in enumerate(series.values)
    ]
    path = tag(
        "polyline",
        class_=f"chart-line {colour(number)}",
        points=" ".join(f"{x:.2f},{y:.2f}" for x, y in points),
        stroke_dasharray=_DASHES[number % len(_DASHES)] or "none",
    )
    dots = [
        tag("circle", _told(canvas, series, index), class_=f"chart-dot {colour(number)}",
            cx=x, cy=y, r=3 if len(points) <= _MOST_DOTS else 1.5)
        for index, (x, y) in enumerate(points)
    ]  # fmt: skip
    return tag("g", path, *dots, class_="chart-series")


def _told(canvas: Canvas, series: Series, index: int) -> Markup:
    label, value = canvas.chart.labels[index], canvas.said(series.values[index])
    names = f"{series.label}, {label}" if len(canvas.chart.series) > 1 else label
    return pointed_at(f"{names}: {value}")


def _names(canvas: Canvas, plot: Plot, most: Decimal, room: float) -> Markup:
    """The lines' names beside their ends, moved apart where these are too near."""
    ends = sorted(
        (_height_of(plot, series.values[-1], most) + TEXT * 0.36, number, series.label)
        for number, series in enumerate(canvas.chart.series)
    )
    x = plot.x + plot.width + 6
    least = plot.y
    parts: list[Markup] = []
    foot = plot.y + plot.height + TEXT * 0.36
    for position, (wanted, number, label) in enumerate(ends):
        below = (len(ends) - 1 - position) * (TEXT + 3)
        y = max(min(wanted, foot - below), least)
        least = y + TEXT + 3
        css = f"chart-name name-{number % COLOURS + 1}"
        parts.append(canvas.text((x, y), cut(label, room - 6), css=css))
    return tag("g", *parts, class_="chart-names")
