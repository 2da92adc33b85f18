"""Charts as SVG, drawn by ourselves: no style or script in them, so that any page may hold them.

A chart is zero-based, names its parts where they are, and says in words what it shows. The same
drawing serves the portal (`web/static/charts.css` colours it, light and dark) and the PDF.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from markupsafe import Markup

from reports.chart_bars import Drawing, lying, upright
from reports.chart_line import lines
from reports.chart_parts import Canvas, Word, tag, words_of
from reports.chart_shares import shares
from reports.document import Chart
from words.formats import Reader
from words.language import N_

NOTHING_TO_DRAW = N_("There is nothing to draw here yet.")
WIDE, NARROW = 720, 340
"""Widths at which words keep their size: on a page's column, and on a phone or in a widget."""


class Picture(NamedTuple):
    """A chart drawn for both widths, of which a page shows the one that fits, and its table.

    `headings` are the series'; `rows` are a label and the values, as the reader writes them.
    """

    title: str
    wide: Markup
    narrow: Markup
    headings: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]


def picture(chart: Chart, reader: Reader, currency: str, name: str = "") -> Picture:
    """A chart for `templates/portal/parts/chart.html`; `name` is no other's on the page."""
    canvas = Canvas(chart, reader, currency, 0, 0, name)
    rows = tuple(
        (label, tuple(canvas.said(series.values[index]) for series in chart.series))
        for index, label in enumerate(chart.labels)
    )
    return Picture(
        chart.title,
        svg(chart, reader, currency, width=WIDE, name=name and f"{name}-wide"),
        svg(chart, reader, currency, width=NARROW, height=240, name=name and f"{name}-narrow"),
        tuple(series.label for series in chart.series),
        rows,
    )


def svg(
    chart: Chart,
    reader: Reader,
    currency: str,
    *,
    width: int = WIDE,
    height: int = 320,
    name: str = "",
) -> Markup:
    """The chart as an SVG element; a sentence where there is nothing to draw.

    It is `width` wide and about `height` high: less where there are few bars, more where there
    are many. Ids begin with `name`, else with a digest of what is drawn, which only the same
    chart drawn twice on one page shares.
    """
    if not is_drawable(chart):
        said = reader.language.text(NOTHING_TO_DRAW)
        return Markup('<p class="chart-nothing">{}</p>').format(said)
    canvas = Canvas(chart, reader, currency, width, height, "")
    canvas = replace(canvas, name=f"chart-{name or _digest(canvas)}")
    return _framed(canvas, _drawer(chart)(canvas))


def svg_and_words(
    chart: Chart, reader: Reader, currency: str, *, width: int, height: int, style: str
) -> tuple[Markup, list[Word]]:
    """A drawable chart without its words, and these, for whoever cannot set words in SVG.

    `style` is a style sheet that the SVG brings along.
    """
    words: list[Word] = []
    canvas = Canvas(chart, reader, currency, width, height, "chart", words)
    return _framed(canvas, _drawer(chart)(canvas), tag("style", Markup(style))), words  # noqa: S704 - a file of ours


def is_drawable(chart: Chart) -> bool:
    """Whether there is anything to draw."""
    if not chart.labels or not chart.series:
        return False
    return chart.kind != "shares" or any(chart.series[0].values)


def _drawer(chart: Chart) -> Callable[[Canvas], Drawing]:
    if chart.kind == "shares":
        return shares
    if chart.kind == "line":
        return lines
    return upright if chart.is_over_time else lying


def _digest(canvas: Canvas) -> str:
    """The same for the same drawing in the same language, whatever process draws it."""
    drawn = (canvas.chart, canvas.currency, canvas.width, canvas.height)
    said = f"{drawn!r}{canvas.reader.language.locale}"
    return hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()[:10]


def _framed(canvas: Canvas, drawing: Drawing, *before: Markup) -> Markup:
    title, summary = f"{canvas.name}-title", f"{canvas.name}-summary"
    height = f"{drawing.height:.0f}"
    return tag(
        "svg",
        tag("title", words_of(canvas.chart.title), id=title),
        tag("desc", words_of(canvas.chart.summary), id=summary),
        *before,
        canvas.textures(),
        drawing.shapes,
        xmlns="http://www.w3.org/2000/svg",
        class_=f"chart chart-{canvas.chart.kind}",
        role="img",
        aria_labelledby=title,
        aria_describedby=summary,
        viewBox=f"0 0 {canvas.width:.0f} {height}",
        width=canvas.width,
        height=height,
        direction="ltr",
    )
