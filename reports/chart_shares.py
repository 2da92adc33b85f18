"""Shares: a ring whose parts make a whole, and beside it the list that names them in order.

The list says name, value and percentage of every part, so that nothing depends on telling two
colours apart; large parts say their percentage themselves.
"""

from __future__ import annotations

from decimal import Decimal
from math import cos, pi, sin

from markupsafe import Markup

from reports.chart_bars import Drawing
from reports.chart_parts import (
    SWATCH,
    TEXT,
    Canvas,
    colour,
    pointed_at,
    share,
    tag,
    together,
    width_of,
)

ROW = 20.0
_WIDE = 440.0
_HOLE = 0.58
_LEAST_SAID = 0.07
"""Parts from this size on have room for their percentage."""


def shares(canvas: Canvas) -> Drawing:
    """The ring with its list: beside it, or below where the chart is narrow."""
    values = [Decimal(value) for value in canvas.chart.series[0].values]
    whole = sum(values, Decimal(0))
    rows = ROW * len(values)
    if canvas.width >= _WIDE:
        size = min(canvas.height, canvas.width * 0.4)
        height = max(size, rows)
        centre, at = (size / 2, height / 2), (size + 32, (height - rows) / 2)
    else:
        size = min(canvas.width * 0.7, 220.0)
        height = size + 16 + rows
        centre, at = (canvas.width / 2, size / 2), (0.0, size + 16)
    ring = _ring(canvas, values, whole, centre, size / 2 - 2)
    names = _list(canvas, values, whole, at)
    return Drawing(together([ring, names]), height)


def percent_of(canvas: Canvas, value: Decimal, whole: Decimal) -> str:
    """A part in per cent of the whole, as the reader writes it."""
    return canvas.reader.exact_percent(value * 100 / whole)


# The ring -----------------------------------------------------------------------------------------


def _ring(
    canvas: Canvas,
    values: list[Decimal],
    whole: Decimal,
    centre: tuple[float, float],
    radius: float,
) -> Markup:
    parts: list[Markup] = []
    begin = 0.0
    for index, value in enumerate(values):
        part = share(value, whole)
        if part > 0:
            parts.append(_slice(canvas, index, (begin, begin + part), centre, radius))
            if part >= _LEAST_SAID:
                x, y = _point(centre, radius * (1 + _HOLE) / 2, begin + part / 2)
                said = canvas.reader.percent(round(value * 100 / whole))
                at = (x, y + TEXT * 0.36)
                css = f"chart-inside inside-{int(colour(index)[-1])}"
                parts.append(canvas.text(at, said, anchor="middle", css=css))
        begin += part
    return tag("g", *parts, _middle(canvas, whole, centre, radius), class_="chart-ring")


def _middle(canvas: Canvas, whole: Decimal, centre: tuple[float, float], radius: float) -> Markup:
    """The whole, in the hole."""
    said = canvas.said(whole)
    if width_of(said, 16) > radius * _HOLE * 2 - 8:
        return Markup("")
    figure = canvas.text((centre[0], centre[1] + 5), said, anchor="middle", css="chart-whole")
    if canvas.chart.kind_of_value != "money":
        return figure
    at = (centre[0], centre[1] + 22)
    return figure + canvas.text(at, canvas.currency, anchor="middle", css="chart-tick")


def _point(centre: tuple[float, float], radius: float, turn: float) -> tuple[float, float]:
    """A point of the circle, `turn` of it after twelve o'clock."""
    return centre[0] + radius * sin(2 * pi * turn), centre[1] - radius * cos(2 * pi * turn)


def _slice(
    canvas: Canvas,
    index: int,
    turns: tuple[float, float],
    centre: tuple[float, float],
    radius: float,
) -> Markup:
    begin, end = turns
    if end - begin > 0.999999:
        path = " ".join((_circle(canvas, centre, radius), _circle(canvas, centre, radius * _HOLE)))
    else:
        path = _arc(canvas, turns, centre, radius)
    title = pointed_at(_told(canvas, index))
    drawn = tag("path", title, class_=f"chart-slice {colour(index)}", d=path, fill_rule="evenodd")
    texture = canvas.texture(index)
    if not texture:
        return drawn
    return drawn + tag("path", d=path, fill=texture, fill_rule="evenodd")


def _told(canvas: Canvas, index: int) -> str:
    values = canvas.chart.series[0].values
    whole = sum((Decimal(value) for value in values), Decimal(0))
    percent = percent_of(canvas, Decimal(values[index]), whole)
    return f"{canvas.chart.labels[index]}: {canvas.said(values[index])} ({percent})"


def _circle(canvas: Canvas, centre: tuple[float, float], radius: float) -> str:
    """A whole circle, which no single arc can be."""
    x, y = canvas.across(centre[0]), centre[1]
    half = f"a{radius:.2f} {radius:.2f} 0 1 0"
    return f"M{x - radius:.2f} {y:.2f}{half} {2 * radius:.2f} 0{half} {-2 * radius:.2f} 0Z"


def _arc(
    canvas: Canvas, turns: tuple[float, float], centre: tuple[float, float], radius: float
) -> str:
    """A part of a ring, clockwise; the other way round where the language runs so."""
    outer = [_point(centre, radius, turn) for turn in turns]
    inner = [_point(centre, radius * _HOLE, turn) for turn in turns]
    points = [f"{canvas.across(x):.2f} {y:.2f}" for x, y in (*outer, *reversed(inner))]
    large = int(turns[1] - turns[0] > 0.5)
    there, back = (0, 1) if canvas.is_mirrored else (1, 0)
    hole = radius * _HOLE
    return (
        f"M{points[0]}A{radius:.2f} {radius:.2f} 0 {large} {there} {points[1]}"
        f"L{points[2]}A{hole:.2f} {hole:.2f} 0 {large} {back} {points[3]}Z"
    )


# The list -----------------------------------------------------------------------------------------


def _list(canvas: Canvas, values: list[Decimal], whole: Decimal, at: tuple[float, float]) -> Markup:
    percents = [percent_of(canvas, value, whole) for value in values]
    said = [canvas.said(value) for value in values]
    percents_at = canvas.width
    values_at = percents_at - max(map(width_of, percents)) - 14
    room = values_at - max(map(width_of, said)) - 12 - (at[0] + SWATCH + 8)
    has_values = room >= 70
    if not has_values:
        room = values_at - (at[0] + SWATCH + 8)
    parts: list[Markup] = []
    for index, label in enumerate(canvas.chart.labels):
        top = at[1] + ROW * index
        baseline = top + 14
        row = [
            pointed_at(_told(canvas, index)),
            canvas.filled(index, at[0], top + 4, SWATCH, SWATCH),
            canvas.label((at[0] + SWATCH + 8, baseline), label, room, "start"),
            canvas.text((percents_at, baseline), percents[index], anchor="end", css="chart-value"),
        ]
        if has_values:
            said_at = (values_at, baseline)
            row.append(canvas.text(said_at, said[index], anchor="end", css="chart-tick"))
        parts.append(tag("g", *row, class_="chart-part"))
    return tag("g", *parts, class_="chart-list")
