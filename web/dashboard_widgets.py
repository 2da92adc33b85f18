"""What stands in a widget: its report's document as HTML, made once for the same figures.

A body is remembered by a digest of all that is written in it, in which language and how: whoever is
shown the same words is given the same HTML, and a page that already has a body of this digest need
not be sent it again. Nothing of a person is in it that is not in the document.
"""

from __future__ import annotations

import hashlib
import logging
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlencode

import trio
from markupsafe import Markup
from quart import render_template

from reports.asking import span_of
from reports.chart_svg import is_drawable, svg
from reports.described import facts
from reports.document import Column, Document, Value
from reports.fields import CALL_TYPES
from reports.option_fields import link
from reports.periods import resolve
from reports.running import SHOWN, Reports
from reports.shown import NOTHING, heading, totals_rows, written
from reports.widgets import Widget
from storage.facts.copy import NotReady
from storage.viewer import Viewer
from telephony.errors import RingfenceError
from words.formats import Reader
from words.language import N_, Language

PATIENCE_S = 4.0
"""How long all widgets together may take; after that each is asked by itself."""

LAST_PATIENCE_S = 1.0
"""How long one may take then. Those that were quick are remembered and there at once."""

WIDE, NARROW = (620, 230), (330, 220)
REMEMBERED = 600

_log = logging.getLogger(__name__)
_bodies: OrderedDict[str, Markup] = OrderedDict()

WAITING = "waiting"
"""The digest of a widget whose figures are still being prepared."""


class Failed(NamedTuple):
    """Why a widget shows no figures, in words translated where they are shown."""

    key: str
    words: str


_PREPARED = Failed(WAITING, N_("Being prepared. It appears here by itself."))
_SLOW = Failed(
    "slow", N_("This takes longer than a dashboard can wait. The full report has the time.")
)
_BROKEN = Failed(
    "broken", N_("This could not be worked out just now. Your calls are safe; try again later.")
)


@dataclass(frozen=True, slots=True)
class Seen:
    """A widget as it is shown. `rows` is how many its table has; `notes` are the document's."""

    widget: Widget
    title: str
    digest: str
    body: Markup
    notes: tuple[str, ...] = ()
    small: bool = False


class Cell(NamedTuple):
    """A value of the table as it is read. `kind` says how it is set."""

    text: str
    column: Column


@lru_cache(maxsize=16)
def _type_codes(language: Language) -> dict[str, str]:
    return {language.text(words): code for code, words in CALL_TYPES}


def title_of(widget: Widget, reader: Reader, rows: int | None = None) -> str:
    """A widget's name, and how many rows it has where that belongs to it: `... [4]`."""
    title = reader.language.text(widget.report.title)
    if widget.counts_rows and rows is not None:
        return f"{title} [{reader.number(rows)}]"
    return title


def small(widget: Widget, reader: Reader) -> Seen:
    """A widget reduced to a line: nothing is asked for it."""
    return Seen(widget, title_of(widget, reader), "small", Markup(""), small=True)


# What is asked ------------------------------------------------------------------------------------


async def seen(
    widgets: Sequence[Widget], viewer: Viewer, login: str, reports: Reports, reader: Reader
) -> list[Seen]:
    """The widgets with their figures, in the order given; words where one has none."""
    found = await _documents(widgets, viewer, reports, reader)
    asked = [_asked(widget, reader) for widget in widgets]
    common = _common([one for one in found if isinstance(one, Document)])
    return [
        await _seen(widget, login, told, what, common, reader)
        for widget, told, what in zip(widgets, found, asked, strict=True)
    ]


Told = Document | Failed


async def _documents(
    widgets: Sequence[Widget], viewer: Viewer, reports: Reports, reader: Reader
) -> list[Told]:
    """All at once; where one of them fails or takes too long, each by itself."""
    wanted = [
        (viewer.only_own() if one.personal else viewer, one.report, one.report.options)
        for one in widgets
    ]
    if not wanted:
        return []
    with trio.move_on_after(PATIENCE_S):
        try:
            return list(await reports.glances(wanted, reader))
        except NotReady:
            return [_PREPARED] * len(wanted)
        except RingfenceError as error:
            _log.warning("dashboard_glances", extra={"reason": str(error)})
    told: list[Told] = [_SLOW] * len(wanted)

    async def one_of(index: int) -> None:
        try:
            with trio.move_on_after(LAST_PATIENCE_S):
                told[index] = (await reports.glances([wanted[index]], reader))[0]
        except NotReady:
            told[index] = _PREPARED
        except RingfenceError as error:
            told[index] = _BROKEN
            extra = {"widget": widgets[index].id, "reason": str(error)}
            _log.warning("dashboard_widget", extra=extra)

    async with trio.open_nursery() as nursery:
        for index in range(len(wanted)):
            nursery.start_soon(one_of, index)
    return told


def _asked(widget: Widget, reader: Reader) -> list[str]:
    """What is counted: `External calls`, `20 November 2026 (today)` and so on."""
    options = widget.report.options
    span = span_of(options, reader.zone_name, reader.now, reader.first_weekday)
    narrowed = replace(options, most=None)  # the title says how many
    told = [value for _, value in facts(widget.report, narrowed, span, reader)]
    if widget.personal:
        told.insert(0, reader.language.text(N_("Your own calls")))
    return told


def _common(documents: Sequence[Document]) -> tuple[str, ...]:
    """Notes that every widget has: the page says them once."""
    if not documents:
        return ()
    first, *others = documents
    return tuple(note for note in first.notes if all(note in other.notes for other in others))


def common_notes(shown: Sequence[Seen]) -> tuple[str, ...]:
    """The notes that are said once for the page: up to when calls have come in, above all."""
    noted = [one.notes for one in shown if one.notes]
    return noted[0] if noted else ()


# What is shown ------------------------------------------------------------------------------------


async def _seen(
    widget: Widget,
    login: str,
    told: Told,
    asked: list[str],
    common: tuple[str, ...],
    reader: Reader,
) -> Seen:
    if isinstance(told, Failed):
        words = reader.language.text(told.words)
        digest = told.key if told.key == WAITING else _digest(widget, (told.key,), reader)
        body = await _body(digest, widget=widget, failed=words, address=_address(widget, login))
        return Seen(widget, title_of(widget, reader), digest, body)
    notes = tuple(note for note in told.notes if note not in common)
    written_there = (
        asked, told.columns, list(told.rows), told.totals, told.totals_label, notes, told.chart,
        told.currency, login * widget.personal,
    )  # fmt: skip
    digest = _digest(widget, written_there, reader)
    title = title_of(widget, reader, len(told.rows))
    if (body := _bodies.get(digest)) is not None:
        _bodies.move_to_end(digest)
        return Seen(widget, title, digest, body, common)
    body = await _body(
        digest,
        widget=widget,
        failed="",
        title=title,
        asked=asked,
        address=_address(widget, login),
        pictures=_pictures(widget, told, reader),
        headings=[(column, heading(column, told.currency, reader)) for column in told.columns],
        rows=[_cells(told.columns, row, told.currency, reader) for row in told.rows],
        totals=[_cells(told.columns, row, told.currency, reader) for row in _totals(widget, told)],
        nothing=NOTHING,
        is_cut=len(told.rows) == SHOWN,
        notes=notes,
        type_codes=_type_codes(reader.language),
    )
    return Seen(widget, title, digest, body, common)


def _totals(widget: Widget, document: Document) -> Sequence[Sequence[Value]]:
    """The totals of groups; those of the last calls would say nothing."""
    return [] if widget.report.is_list else totals_rows(document)


def _cells(
    columns: Sequence[Column], row: Sequence[Value], currency: str, reader: Reader
) -> list[Cell]:
    return [
        Cell(written(value, column.kind, reader, currency), column)
        for value, column in zip(row, columns, strict=True)
    ]


def _pictures(widget: Widget, document: Document, reader: Reader) -> tuple[Markup, ...]:
    """The chart for a wide and a narrow column; none where there is nothing to draw."""
    chart = document.chart
    if chart is None or not is_drawable(chart):
        return ()
    sizes = {"wide": WIDE, "narrow": NARROW}
    return tuple(
        svg(chart, reader, document.currency, width=width, height=height,
            name=f"{widget.id}-{name}")
        for name, (width, height) in sizes.items()
    )  # fmt: skip


def _address(widget: Widget, login: str) -> str:
    """The full report with the same options."""
    return f"/analytics/reports/{widget.report.id}?{urlencode(link(widget.whole(login)))}"


def _digest(widget: Widget, written_there: tuple[object, ...], reader: Reader) -> str:
    how = (widget.id, str(reader.language.locale), reader.time_format, reader.zone_name)
    said = repr((how, written_there))
    return hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()[:16]


async def _body(digest: str, **values: object) -> Markup:
    made = Markup(await render_template("portal/parts/dashboard_body.html", **values))  # noqa: S704 - ours
    if digest != WAITING:
        _bodies[digest] = made
    while len(_bodies) > REMEMBERED:
        _bodies.popitem(last=False)
    return made


def seconds_left(reader: Reader) -> int:
    """How long it is until *today* means another day where the reader is."""
    _, tomorrow = resolve("today", reader.zone_name, reader.now, reader.first_weekday)
    return max(1, int((tomorrow - reader.now).total_seconds()))
