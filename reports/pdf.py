"""A report on paper: WeasyPrint lays out `templates/pdf/report.html`.

That takes some milliseconds a row and holds the interpreter all the while, so `pdf` is called in a
process of its own alone (`reports.worker`), and WeasyPrint is imported nowhere else.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple
from unicodedata import bidirectional

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from reports.chart_parts import Word
from reports.chart_svg import is_drawable, svg_and_words
from reports.document import Column, Document, Value
from reports.errors import NoLibraries, TooLong
from reports.shown import heading, in_zone_of, shown, totals_rows
from words.formats import Reader
from words.language import language as language_of

FOLDER = Path(__file__).resolve().parent.parent / "templates" / "pdf"
PDF_ROWS = 5_000
"""The most rows: some 150 pages and half a minute."""

PACKAGES = "libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fontconfig fonts-noto-core"
_LIBRARIES = ("libpango-1.0.so.0", "libpangoft2-1.0.so.0", "libharfbuzz-subset.so.0")
_WIDE_FROM = 7
"""From so many columns on the page lies."""

_PORTRAIT, _LANDSCAPE = (690, 280), (900, 200)
_SAMPLE = 400


class _Heading(NamedTuple):
    heading: str
    css: Markup


def missing_libraries() -> tuple[str, ...]:
    """Which of the libraries that WeasyPrint needs this machine lacks. Blocks for a moment."""
    return tuple(name for name in _LIBRARIES if not _is_there(name))


def _is_there(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def refuse_too_long(rows: int) -> None:
    """Raise `TooLong` where a PDF would have more rows than it may."""
    if rows > PDF_ROWS:
        raise TooLong(rows, PDF_ROWS)


def pdf(document: Document, reader: Reader) -> bytes:
    """The document as a PDF. Blocks for long: call it in a process of its own.

    Raises `TooLong` above `PDF_ROWS` rows, `NoLibraries` where this machine cannot.
    """
    refuse_too_long(len(document.rows))
    if missing_libraries():
        raise NoLibraries(PACKAGES)
    from weasyprint import CSS, HTML  # noqa: PLC0415 - slow, and needs libraries not every machine has
    from weasyprint.urls import URLFetcher  # noqa: PLC0415 - as above

    nothing = URLFetcher(allowed_protocols=())
    style = CSS(string=(FOLDER / "report.css").read_text(), url_fetcher=nothing)
    html = HTML(string=page(document, reader), url_fetcher=nothing)
    return html.write_pdf(stylesheets=[style]) or b""  # pyright: ignore[reportUnknownMemberType] - it leaves its arguments open


# The page -----------------------------------------------------------------------------------------


def page(document: Document, reader: Reader) -> str:
    """The document as the HTML that is laid out."""
    reader = in_zone_of(document, reader)
    is_wide = len(document.columns) >= _WIDE_FROM
    return (
        _environment(reader.language.code)
        .get_template("report.html")
        .render(
            document=document,
            language=reader.language,
            made_at=document.made_at.isoformat(),
            period=document.facts[0][1] if document.facts else "",
            page_number=Markup('<span class="page"></span>'),
            page_count=Markup('<span class="pages"></span>'),
            is_wide=is_wide,
            chart=_chart(document, reader, _LANDSCAPE if is_wide else _PORTRAIT),
            columns=[
                _Heading(heading(column, document.currency, reader), _css(column))
                for column in document.columns
            ],
            widths=widths(document, reader),
            rows=list(_rows(document, reader)),
            totals=[_cells(row, document, reader, is_total=True) for row in totals_rows(document)],
        )
    )


@cache
def _environment(code: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        extensions=["jinja2.ext.i18n"],
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    words = language_of(code).words
    environment.install_gettext_callables(  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType] - added by the extension
        words.gettext, words.ngettext, newstyle=True
    )
    return environment


def _css(column: Column) -> Markup:
    return Markup(' class="end"') if column.is_figure else Markup("")


def _rows(document: Document, reader: Reader) -> Iterator[list[Markup]]:
    return (_cells(row, document, reader) for row in document.rows)


def _cells(
    row: Sequence[Value], document: Document, reader: Reader, *, is_total: bool = False
) -> list[Markup]:
    return [
        _cell(
            "" if is_total and value is None else _text(value, column, document, reader),
            column,
            reader,
        )
        for value, column in zip(row, document.columns, strict=True)
    ]


def _text(value: Value, column: Column, document: Document, reader: Reader) -> str:
    return shown(value, column, reader, document.currency)


def _cell(text: str, column: Column, reader: Reader) -> Markup:
    """A cell; in a page from right to left, numbers keep their direction."""
    inside = escape(text)
    if reader.language.direction == "rtl" and (column.is_figure or column.kind == "phone"):
        inside = Markup('<span dir="ltr" class="ltr">{}</span>').format(inside)
    return Markup("<td{}>{}</td>").format(_css(column), inside)


def widths(document: Document, reader: Reader) -> list[str]:
    """How much of the table's width each column has, in per cent, after what it holds."""
    sample = [*document.rows[:_SAMPLE], *totals_rows(document)[-1:]]
    weights: list[float] = []
    for index, column in enumerate(document.columns):
        head = heading(column, document.currency, reader)
        longest_word = max((len(word) for word in head.split()), default=1)
        texts = [_text(row[index], column, document, reader) for row in sample]
        lengths = sorted(map(len, texts)) or [0]
        usual = lengths[int(len(lengths) * 0.95) - 1] if len(lengths) > 1 else lengths[0]
        if column.is_figure:
            usual = lengths[-1]
        weights.append(min(max(usual, longest_word, 4), 32) + 2.5)
    return [f"{100 * weight / sum(weights):.2f}" for weight in weights]


# The chart ----------------------------------------------------------------------------------------

_SIZES = {"chart-tick": 11, "chart-whole": 16}
_HALF = 200
"""Half as wide as any word that stands on the middle of something."""


def _chart(document: Document, reader: Reader, size: tuple[int, int]) -> Markup:
    """The chart with its words laid over it; empty where the document has none.

    WeasyPrint sets the words of an SVG letter by letter, so that Arabic comes apart, and gives an
    SVG none of the page's style.
    """
    if document.chart is None or not is_drawable(document.chart):
        return Markup("")
    width, height = size
    style = (FOLDER / "chart.css").read_text()
    currency = document.currency
    picture, words = svg_and_words(
        document.chart, reader, currency, width=width, height=height, style=style
    )
    laid = Markup("").join(_word(word, width) for word in words)
    return Markup(
        '<div dir="ltr"><div class="drawing" style="width: {}px">{}{}</div></div>'
    ).format(width, picture, laid)


def _word(word: Word, width: int) -> Markup:
    """A word of the drawing as HTML in the same place."""
    # The baseline of a line of 16 px lies so far below its top in Noto Sans.
    top = word.y - 8 - _SIZES.get(word.css, 12) * 0.39
    place = {
        "start": f"left: {word.x:.2f}px",
        "middle": f"left: {word.x - _HALF:.2f}px; width: {2 * _HALF}px; text-align: center",
        "end": f"right: {width - word.x:.2f}px",
    }[word.anchor]
    direction = "ltr" if word.is_number else _direction(word.text)
    return Markup('<span class="word {}" dir="{}" style="top: {:.2f}px; {}">{}</span>').format(
        word.css, direction, top, place, word.text
    )


def _direction(text: str) -> str:
    """Which way a text runs, by its first letter that says."""
    strong = next((kind for char in text if (kind := bidirectional(char)) in {"L", "R", "AL"}), "L")
    return "ltr" if strong == "L" else "rtl"
