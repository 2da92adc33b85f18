"""A report before it is run: invented figures, always the same, made up as real ones are.

What is shown of a report in the list of reports goes through the same documents, charts and tables
as a result, so that a preview cannot differ from what it promises.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from reports.asking import ask as question
from reports.charts import chart_of
from reports.definition import Report
from reports.document import Document, Value
from reports.documents import Made, document
from reports.fields import FIELDS
from reports.options import Options
from storage.completeness import Completeness
from storage.facts.ask import Ask
from storage.facts.kept import Answer, AnswerRow, Cell
from words.formats import Reader
from words.language import N_

ROWS_SHOWN = 4
"""Rows of a preview; its chart is of all there are."""

_WORDS: Mapping[str, tuple[str, ...]] = {
    "department": (
        N_("Purchasing"), N_("Customer service"), N_("Logistics"), N_("Marketing"),
        N_("Production"), N_("Administration"),
    ),
    "custom_1": (N_("North"), N_("South"), N_("East"), N_("West"), N_("North"), N_("South")),
    "custom_2": (
        N_("Project one"), N_("Project two"), N_("Project one"), N_("Project two"),
        N_("Project three"), N_("Project three"),
    ),
}  # fmt: skip
"""Names that each language has words for."""

_PLACES = ("Milano", "Berlin", "Paris", "Madrid", "Warszawa", "London")
_NAMES: Mapping[str, tuple[str, ...]] = {
    "type": ("outgoing", "incoming", "missed", "outgoing", "internal", "incoming"),
    "answer": ("answered", "unanswered"),
    "extension": ("731", "732", "741", "745", "751", "760"),
    "person": (
        "Anna Rossi", "Jan Nowak", "Marie Dupont", "Laila Saleh", "Eva Brandt", "Luis Vega",
    ),
    "cost_centre": ("CC-10", "CC-20", "CC-30", "CC-40", "CC-50", "CC-60"),
    "number": (
        "026677****", "00493012****", "338441****", "0033142****", "065728****", "024540****",
    ),
    "operator": ("Voxline", "Teleriva", "Nordcall", "Alpitel", "Meridio", "Ondavox"),
    "destination_type": (
        "mobile", "international", "national", "local", "premium", "tollfree",
    ),
    "nation": ("IT", "DE", "FR", "ES", "PL", "GB"),
    "hunt_group": ("800", "801", "810", "820", "830", "840"),
    "device": tuple(f"SEP0011223344{number}" for number in range(11, 17)),
    "office": _PLACES, "site": _PLACES, "gateway": _PLACES, "area": _PLACES,
}  # fmt: skip

_FALLING = (48, 36, 27, 20, 12, 7)
"""Calls of each group, the largest first."""

_FACTS: Mapping[str, tuple[int | Decimal, ...]] = {
    "duration": (187, 94, 0, 312, 41, 66),
    "ring": (6, 11, 24, 4, 9, 15),
    "queued": (12, 31, 45, 8, 20, 17),
    "called_back_after": (540, 3_720, 15_480, 960, 7_200, 300),
    "cost": tuple(map(Decimal, ("1.26", "0", "0", "2.08", "0", "0"))),
    "mos": tuple(map(Decimal, ("4.3", "4.1", "3.9", "3.6", "3.2", "4.0"))),
    "jitter": (4, 7, 11, 18, 32, 9),
    "latency": (22, 31, 45, 60, 110, 38),
    "loss": tuple(map(Decimal, ("0", "0.1", "0.3", "0.8", "2.4", "0.2"))),
}


def sample(
    report: Report,
    options: Options,
    reader: Reader,
    currency: str,
    custom_labels: tuple[str, ...] = (),
) -> Document:
    """The report on invented figures: its first rows, and its chart of them all."""
    asked = question(report, options, reader.zone_name, None)
    groups = _groups(asked, reader) if asked.by else _calls(asked, reader)
    totals = _measures(asked, groups.parts, groups.parts) if asked.by else {}
    answer = Answer(
        id=0,
        columns=(*asked.by, *asked.measures) if asked.by else asked.columns,
        rows=len(groups.rows),
        sides=sum(part.calls for part in groups.parts),
        calls=sum(part.calls for part in groups.parts),
        totals=totals,
        version=0,
    )
    complete = Completeness(reader.now, ())
    made = Made(report, options, asked, None, answer, complete, currency, custom_labels, reader.now)
    shown = document(made, groups.rows[:ROWS_SHOWN], reader)
    return replace(shown, chart=chart_of(made, groups.rows, reader) if report.chart else None)


@dataclass(frozen=True, slots=True)
class _Part:
    """What every measure of a group is worked out of."""

    calls: int
    answered: int
    incoming: int
    cost: Decimal
    talk_s: int
    at: datetime


@dataclass(frozen=True, slots=True)
class _Sample:
    rows: Sequence[AnswerRow]
    parts: Sequence[_Part]


def _groups(asked: Ask, reader: Reader) -> _Sample:
    """Groups: in time's order where they are of a time, else the largest first."""
    counts = _over_time(asked.by[0]) or _FALLING
    parts = [_part(asked, index, calls, reader) for index, calls in enumerate(counts)]
    rows: list[AnswerRow] = []
    for index, part in enumerate(parts):
        named = [_named(name, index, reader) for name in asked.by]
        measured = _measures(asked, [part], parts)
        rows.append(AnswerRow((*named, *(measured[name] for name in asked.measures)), "", {}))
    return _Sample(rows, parts)


def _over_time(name: str) -> tuple[int, ...]:
    if name == "hour":
        return (14, 32, 41, 38, 19, 27, 36, 30, 17)
    if name == "weekday":
        return (46, 41, 38, 43, 29)
    if name in {"date", "month"}:
        return tuple(30 + round(9 * math.sin(index / 1.7)) + index for index in range(10))
    return ()


def _part(asked: Ask, index: int, calls: int, reader: Reader) -> _Part:
    directions = {str(one.value) for one in asked.where if one.field == "direction"}
    answers = {str(one.value) for one in asked.where if one.field == "answer"}
    answered = calls - calls // (index % 3 + 4)
    if answers:
        answered = calls if "answered" in answers else 0
    incoming = calls * 2 // 5
    if directions & {"incoming", "outgoing"}:
        incoming = calls if "incoming" in directions else 0
    cost = Decimal((calls - incoming) * (19 + 3 * (index % 2))) / 100
    at = reader.now.replace(minute=0, second=0, microsecond=0) - timedelta(days=index + 1)
    return _Part(calls, answered, incoming, cost, answered * (150 + 11 * (index % 4)), at)


def _measures(asked: Ask, parts: Sequence[_Part], all_parts: Sequence[_Part]) -> dict[str, Cell]:
    """The measures of some groups together; shares are of all of them."""
    calls, whole = sum(one.calls for one in parts), sum(one.calls for one in all_parts)
    answered = sum(one.answered for one in parts)
    incoming = sum(one.incoming for one in parts)
    cost = sum((one.cost for one in parts), start=Decimal(0))
    talk_s = sum(one.talk_s for one in parts)
    missed, busiest = calls - answered, max(parts, key=lambda one: one.calls)
    found: dict[str, Cell] = {
        "calls": calls, "calls_share": _share(calls, whole), "reports": calls,
        "answered": answered, "answered_share": _share(answered, calls), "missed": missed,
        "incoming": incoming, "incoming_share": _share(incoming, calls),
        "outgoing": calls - incoming, "outgoing_share": 100 - _share(incoming, calls),
        "total_cost": cost,
        "cost_share": _share(cost, sum((one.cost for one in all_parts), start=Decimal(0))),
        "average_cost": (cost / calls).quantize(Decimal("0.01")),
        "total_duration": talk_s, "average_duration": talk_s // max(answered, 1),
        "longest": 900, "average_ring": 6 + calls % 7, "longest_ring": 31 + calls % 9,
        "average_queued": 12 + calls % 11, "longest_queued": 75 + calls % 30,
        "called_back": missed * 2 // 3, "not_called_back": missed - missed * 2 // 3,
        "called_back_share": _share(missed * 2 // 3, missed),
        "busy_hour": busiest.at, "busy_hour_calls": busiest.calls // 4,
        "busy_hour_erlang": (Decimal(busiest.talk_s) / 14_400).quantize(Decimal("0.01")),
        "average_mos": Decimal(400 - calls % 60) / 100 + Decimal("0.2"),
        "worst_mos": Decimal("2.9"), "poor_share": Decimal(calls % 6),
        "average_jitter": 5 + calls % 9, "worst_jitter": 40 + calls % 20,
        "average_latency": 30 + calls % 25, "total_loss": Decimal(calls % 8) / 10,
    }  # fmt: skip
    return {name: found[name] for name in asked.measures}


def _share(part: Decimal | int, whole: Decimal | int) -> Decimal:
    if not whole:
        return Decimal(0)
    return (Decimal(part) * 100 / Decimal(whole)).quantize(Decimal("0.1"), ROUND_HALF_UP)


def _calls(asked: Ask, reader: Reader) -> _Sample:
    """A list of calls; its totals are not shown."""
    values = [
        tuple(_fact(asked, name, index, reader) for name in asked.columns)
        for index in range(len(_FALLING))
    ]
    for one in asked.order:
        if one.column in asked.columns:
            at = asked.columns.index(one.column)
            values.sort(key=lambda row: row[at], reverse=one.falling)  # type: ignore[arg-type, return-value]
    return _Sample([AnswerRow(row, "", {}) for row in values], ())


def _fact(asked: Ask, name: str, index: int, reader: Reader) -> Value:
    answers = {str(one.value) for one in asked.where if one.field == "answer"}
    if name == "type" and "unanswered" in answers:
        return "missed"
    if name == "started_at":
        return reader.now - timedelta(hours=2 * index, minutes=7 * index + 3)
    if name in _FACTS:
        # A call that was not answered took no time and cost nothing.
        values = _FACTS[name]
        if name in {"duration", "cost"} and "answered" in answers:
            values = tuple(value for value in values if value) or values
        return values[index % len(values)]
    return _named(name, index, reader)


def _named(name: str, index: int, reader: Reader) -> Value:
    """A value to group by: a name, or a moment of the calendar."""
    today = reader.now.date()
    if name in _WORDS:
        return reader.language.text(_WORDS[name][index % len(_WORDS[name])])
    if name in _NAMES:
        return _NAMES[name][index % len(_NAMES[name])]
    if FIELDS[name].kind in {"hour", "weekday"}:
        return index + 8 if name == "hour" else index
    if name == "date":
        return today - timedelta(days=10 - index)
    if name == "month":
        return _month(today, index - 10)
    return reader.language.text(_WORDS["custom_1"][index % 6])


def _month(day: date, step: int) -> date:
    months = day.year * 12 + day.month - 1 + step
    return date(months // 12, months % 12 + 1, 1)
