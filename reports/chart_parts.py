"""What every chart is put together from: shapes, words cut to their room, an axis of round figures.

Geometry is reckoned from left to right and mirrored when it is drawn, where the language runs the
other way. Every colour and font comes from a class (`web/static/charts.css`): the portal's pages
allow no style in a document. Values stay exact until they become a length.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Literal, NamedTuple

from babel.numbers import get_currency_precision
from markupsafe import Markup, escape

from reports.document import Chart, Kind
from reports.shown import written
from words.formats import Reader

COLOURS = 6
"""How many colours there are; from the seventh series on they come again, hatched."""

TEXT = 12
"""The size of a chart's words, in its units, which are CSS pixels."""

LINE = 18
SWATCH = 11

Anchor = Literal["start", "middle", "end"]
_OTHER_END: dict[Anchor, Anchor] = {"start": "end", "middle": "middle", "end": "start"}

_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_ROUND_SECONDS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600)
_DAY_S = 86_400


# Elements -----------------------------------------------------------------------------------------


def tag(name: str, *inside: Markup, **attributes: str | float) -> Markup:
    """An SVG element; `class_` and `text_anchor` become `class` and `text-anchor`."""
    # Put together as plain text: a page of charts has thousands, and Markup.format takes its time.
    written_out = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_plain(value))}"'
        for key, value in attributes.items()
    )
    return Markup(f"<{name}{written_out}>{together(inside)}</{name}>")  # noqa: S704 - escaped above


def together(parts: Iterable[Markup]) -> Markup:
    """Elements one after the other."""
    return Markup("").join(parts)


def _plain(value: str | float) -> str:
    """A length to a hundredth of a pixel, without zeros that say nothing."""
    if isinstance(value, str):
        return _UNPRINTABLE.sub("", value)
    return f"{value:.2f}".rstrip("0").rstrip(".") if value else "0"


def words_of(text: str) -> Markup:
    """Text made safe, without what no XML may hold."""
    return escape(_UNPRINTABLE.sub("", text))


def pointed_at(text: str) -> Markup:
    """What a shape says to whoever points at it."""
    return tag("title", words_of(text))


# Words in their room ------------------------------------------------------------------------------


def width_of(text: str, size: float = TEXT) -> float:
    """About how wide a text is; no font is at hand where charts are drawn, so rather too much."""
    return size * sum(map(_share_of_em, text))


def _share_of_em(char: str) -> float:
    if unicodedata.combining(char) or unicodedata.category(char) == "Cf":
        return 0.0
    if char in "iljI.,:;'|!tf()[] r-\u00a0\u202f":
        return 0.36
    if char in "mwMW@%—":
        return 0.92
    if unicodedata.east_asian_width(char) in "WF":
        return 1.05
    return 0.7 if char.isupper() else 0.6


def cut(text: str, room: float) -> str:
    """The text as far as it fits, with an ellipsis where it does not."""
    if width_of(text) <= room:
        return text
    kept = text
    while kept and width_of(kept) + width_of("…") > room:
        kept = kept[:-1]
    return kept.rstrip() + "…"


def _isolated(text: str, kind: Kind, *, is_mirrored: bool) -> str:
    """The text in a direction of its own, beside words of another."""
    if kind == "phone":
        return f"\u2066{text}\u2069"
    is_mixed = any(unicodedata.bidirectional(char) in {"R", "AL"} for char in text)
    return f"\u2068{text}\u2069" if is_mirrored or is_mixed else text


class Word(NamedTuple):
    """A line of words: its baseline's place from the left and the top, and how it looks.

    `is_number` runs from left to right whatever its signs are.
    """

    text: str
    x: float
    y: float
    anchor: Anchor
    css: str
    is_number: bool


# The canvas ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Canvas:
    """What a chart is drawn on. `name` begins every id, so that charts of one page do not meet.

    With `apart`, words are not drawn but added to it, for whoever sets them otherwise.
    """

    chart: Chart
    reader: Reader
    currency: str
    width: float
    height: float
    name: str
    apart: list[Word] | None = None

    @property
    def is_mirrored(self) -> bool:
        """Whether the reader's language runs from right to left."""
        return self.reader.language.direction == "rtl"

    def across(self, x: float, width: float = 0.0) -> float:
        """Where something that begins at `x` from the near edge begins from the left."""
        return self.width - x - width if self.is_mirrored else x

    def said(self, value: Decimal | int) -> str:
        """A value as the reader writes it."""
        return written(value, self.chart.kind_of_value, self.reader, self.currency)

    def text(
        self,
        at: tuple[float, float],
        text: str,
        *,
        anchor: Anchor = "start",
        css: str = "chart-label",
        kind: Kind = "text",
    ) -> Markup:
        """A line of words, whose baseline is at `at`."""
        x = self.across(at[0])
        anchor = _OTHER_END[anchor] if self.is_mirrored else anchor
        if self.apart is not None:
            self.apart.append(Word(text, x, at[1], anchor, css, kind == "phone"))
            return Markup("")
        inside = words_of(_isolated(text, kind, is_mirrored=self.is_mirrored))
        return tag("text", inside, class_=css, x=x, y=at[1], text_anchor=anchor)

    def label(self, at: tuple[float, float], label: str, room: float, anchor: Anchor) -> Markup:
        """A label of the chart, cut to its room."""
        return self.text(at, cut(label, room), anchor=anchor, kind=self.chart.kind_of_label)

    def box(self, x: float, y: float, width: float, height: float, css: str) -> Markup:
        """A rectangle."""
        left = self.across(x, width)
        return tag("rect", class_=css, x=left, y=y, width=width, height=height)

    def line(self, start: tuple[float, float], end: tuple[float, float], css: str) -> Markup:
        """A straight line."""
        x1, x2 = self.across(start[0]), self.across(end[0])
        return tag("line", class_=css, x1=x1, y1=start[1], x2=x2, y2=end[1])

    def filled(self, index: int, x: float, y: float, width: float, height: float) -> Markup:
        """A rectangle in the colour of a series, hatched where that is needed to tell it."""
        plain = self.box(x, y, width, height, colour(index))
        if not (texture := self.texture(index)):
            return plain
        left = self.across(x, width)
        over = tag("rect", x=left, y=y, width=width, height=height, fill=texture)
        return plain + over

    def texture(self, index: int) -> str:
        """What fills a series beside its colour; empty for none."""
        number = texture_number(self.chart, index)
        return f"url(#{self.name}-texture-{number})" if number else ""

    def textures(self) -> Markup:
        """Definitions of the textures this chart uses."""
        parts = self.chart.labels if self.chart.kind == "shares" else self.chart.series
        used = {texture_number(self.chart, index) for index in range(len(parts))} - {0}
        patterns = (_pattern(f"{self.name}-texture-{number}", number) for number in sorted(used))
        return tag("defs", *patterns) if used else Markup("")


def colour(index: int) -> str:
    """The class that gives a series its colour, the first being 0."""
    return f"series-{index % COLOURS + 1}"


_TEXTURES = ("M0 8L8 0M-2 2L2 -2M6 10L10 6", "M0 0L8 8M-2 6L2 10M6 -2L10 2", "M0 4H8", "M4 0V8")


def texture_number(chart: Chart, index: int) -> int:
    """Which texture lies over a series' colour, 0 being none.

    Parts of a bar touch each other, so each has one of its own; slices and lines are told by
    their labels, and only those whose colour has been there before are hatched.
    """
    if chart.kind == "bars":
        return index % (len(_TEXTURES) + 1) if len(chart.series) > 1 else 0
    return index // COLOURS % (len(_TEXTURES) + 1)


def _pattern(name: str, number: int) -> Markup:
    stroke = tag("path", class_="chart-texture", d=_TEXTURES[number - 1])
    return tag("pattern", stroke, id=name, width=8, height=8, patternUnits="userSpaceOnUse")


# The key ------------------------------------------------------------------------------------------


def key(canvas: Canvas, names: Sequence[str]) -> tuple[Markup, float]:
    """Which colour is which series, in lines from the top, and how high that is."""
    parts: list[Markup] = []
    x, y = 0.0, 0.0
    for index, name in enumerate(names):
        shown = cut(name, canvas.width - SWATCH - 6)
        width = SWATCH + 6 + width_of(shown)
        if x and x + width > canvas.width:
            x, y = 0.0, y + LINE
        parts.extend(
            (
                canvas.filled(index, x, y + 3, SWATCH, SWATCH),
                canvas.text((x + SWATCH + 6, y + TEXT + 1), shown),
            )
        )
        x += width + 16
    return tag("g", *parts, class_="chart-key"), y + LINE + 6


# The axis -----------------------------------------------------------------------------------------


def round_ticks(most: Decimal, kind: Kind, currency: str, intervals: int) -> tuple[Decimal, ...]:
    """Round figures from zero to the first that is not below `most`, in at most `intervals`."""
    if most <= 0:
        return Decimal(0), Decimal(1)
    step = _round_step(most / intervals, kind, currency)
    count = int((most / step).to_integral_value(ROUND_CEILING))
    return tuple(step * number for number in range(count + 1))


def _round_step(least: Decimal, kind: Kind, currency: str) -> Decimal:
    """The smallest round step that is not below `least`."""
    if kind == "seconds":
        for seconds in _ROUND_SECONDS:
            if seconds >= least:
                return Decimal(seconds)
        if least <= _DAY_S:
            return Decimal(_DAY_S if least > _DAY_S // 2 else _DAY_S // 2)
        return _decimal_step(least / 3600) * 3600
    return max(_decimal_step(least), _smallest_step(kind, currency))


def _decimal_step(least: Decimal) -> Decimal:
    power = Decimal(1).scaleb(least.adjusted())
    return next(power * round_ for round_ in (1, 2, 5, 10) if power * round_ >= least)


def _smallest_step(kind: Kind, currency: str) -> Decimal:
    """The smallest step that is written differently from none."""
    if kind == "money":
        return Decimal(1).scaleb(-get_currency_precision(currency or "EUR"))
    return Decimal({"percent": "0.1", "decimal": "0.01"}.get(kind, "1"))


def tick_labels(canvas: Canvas, ticks: Sequence[Decimal]) -> tuple[str, ...]:
    """Ticks as the reader writes them, without decimals where none has any."""
    kind, reader = canvas.chart.kind_of_value, canvas.reader
    is_whole = all(tick == tick.to_integral_value() for tick in ticks)
    if is_whole and kind in {"money", "decimal"}:
        return tuple(reader.number(int(tick)) for tick in ticks)
    if is_whole and kind == "percent":
        return tuple(reader.percent(int(tick)) for tick in ticks)
    return tuple(canvas.said(tick) for tick in ticks)


def share(value: Decimal | int, most: Decimal) -> float:
    """What part of the axis a value takes."""
    return float(Decimal(value) / most)
