"""A result as it is kept: a document as bytes, and exactly that document again.

Amounts stay decimals and instants stay instants: what is opened later is what was shown then.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, NamedTuple, cast

from reports.document import Chart, Column, Document, Series, Value
from storage.viewer import Viewer
from telephony.errors import RingfenceError

VERSION = 2

MOST_ROWS = 5_000
"""Results with more rows are not kept, of which only the run is."""

_LARGEST_BYTES = 64 << 20


class BadResult(RingfenceError):
    """The bytes are no document that `pack` made."""


class Kept(NamedTuple):
    """A document that was kept, and how far whoever ran it saw then (`seen_as`)."""

    document: Document
    seen_as: tuple[str, ...]

    def is_for(self, viewer: Viewer) -> bool:
        """Whether its person still sees what it shows: nobody keeps what was taken from them."""
        return viewer.is_administrator or self.seen_as == seen_as(viewer)


def seen_as(viewer: Viewer) -> tuple[str, ...]:
    """How far somebody sees."""
    return viewer.breadth, viewer.scope or "", viewer.scope_value


def pack(document: Document, seen_as: tuple[str, ...]) -> bytes:
    """The document as compressed JSON. Takes its time: call it in a thread."""
    chart = document.chart
    kept = {
        "version": VERSION,
        "seen_as": seen_as,
        "title": document.title,
        "question": document.question,
        "facts": document.facts,
        "columns": [(one.name, one.label, one.kind) for one in document.columns],
        "rows": [[_out(value) for value in row] for row in document.rows],
        "totals": document.totals and [_out(value) for value in document.totals],
        "totals_label": document.totals_label,
        "notes": document.notes,
        "chart": chart and _chart_out(chart),
        "currency": document.currency,
        "zone": document.zone,
        "made_at": document.made_at.isoformat(),
    }
    return zlib.compress(json.dumps(kept, ensure_ascii=False, separators=(",", ":")).encode(), 6)


def unpack(content: bytes) -> Kept:
    """The inverse. Raises `BadResult`."""
    try:
        inflate = zlib.decompressobj()
        text = inflate.decompress(content, _LARGEST_BYTES)
        kept = cast("dict[str, Any]", json.loads(text))
        if kept["version"] != VERSION:
            raise BadResult(f"a result of version {kept['version']}")
        return Kept(_document(kept), tuple(kept["seen_as"]))
    except (zlib.error, ValueError, KeyError, TypeError, ArithmeticError) as error:
        raise BadResult(str(error)) from error


def _document(kept: dict[str, Any]) -> Document:
    return Document(
        title=kept["title"],
        question=kept["question"],
        facts=tuple((label, value) for label, value in kept["facts"]),
        columns=tuple(Column(*one) for one in kept["columns"]),
        rows=[tuple(_in(value) for value in row) for row in kept["rows"]],
        totals=tuple(_in(value) for value in kept["totals"]) if kept["totals"] else None,
        totals_label=kept["totals_label"],
        notes=tuple(kept["notes"]),
        chart=_chart_in(kept["chart"]) if kept["chart"] else None,
        currency=kept["currency"],
        zone=kept["zone"],
        made_at=datetime.fromisoformat(kept["made_at"]),
    )


def _chart_out(chart: Chart) -> dict[str, object]:
    return {
        "kind": chart.kind,
        "title": chart.title,
        "labels": chart.labels,
        "series": [(one.label, [_out(value) for value in one.values]) for one in chart.series],
        "kind_of_value": chart.kind_of_value,
        "summary": chart.summary,
        "kind_of_label": chart.kind_of_label,
    }


def _chart_in(kept: dict[str, Any]) -> Chart:
    series = cast("Sequence[tuple[str, list[Any]]]", kept["series"])
    figures = cast("Callable[[Any], Decimal | int]", _in)
    return Chart(
        kind=kept["kind"],
        title=kept["title"],
        labels=tuple(kept["labels"]),
        series=tuple(Series(label, tuple(map(figures, values))) for label, values in series),
        kind_of_value=kept["kind_of_value"],
        summary=kept["summary"],
        kind_of_label=kept["kind_of_label"],
    )


def _out(value: Value) -> object:
    """What JSON has no word for, as a pair of what it is and its text."""
    if isinstance(value, Decimal):
        return ["decimal", str(value)]
    if isinstance(value, datetime):
        return ["instant", value.astimezone(UTC).isoformat()]
    if isinstance(value, date):
        return ["date", value.isoformat()]
    return value


def _in(value: object) -> Value:
    if not isinstance(value, list):
        return cast("Value", value)
    kind, text = cast("tuple[str, str]", tuple(cast("list[str]", value)))
    if kind == "decimal":
        return Decimal(text)
    return datetime.fromisoformat(text) if kind == "instant" else date.fromisoformat(text)
