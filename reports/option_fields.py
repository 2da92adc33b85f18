"""Options as the fields of a form or link, and as JSON; what is wrong is said field by field.

A link that carries its options has `options=1`; without it a report's own options apply. A part
takes effect where its tick box is sent, `on=` and its name; whatever else is sent of it has none:

    on=traffic      traffic=external|internal|all
    on=period       period=last_month | period=last_days days=7
                    | period=between from=2021-02-01T00:00 until=2021-02-24T00:00
    on=group1       group1=department group1.values=Sales; Marketing     (and so group2)
    on=type         way=outgoing|incoming|internal|any answer=answered|unanswered|any
    on=place        place=type place.type=international (once for each)
                    | place=country place.country=DE; FR | place=area place.area=Milano; Roma
    on=most         most=10
    on=where        where.1.field=number where.1.operator=is where.1.value=006599775544
                    where.2.joined=or where.2.field=duration where.2.operator=at_least ...
    on=zone         zone=Europe/Rome
    on=by           by=department by=extension                           (in this order)
    on=columns      column=started_at column=number                      (in this order)
    on=like         like=the id of a call
    on=within       within=department:Sales within=month:2026-03          (one group of a report)

A list has semicolons between its values; one that holds a semicolon or begins with a quotation
mark stands between quotation marks, and a quotation mark within it is doubled.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import cast, get_args

from reports.definition import Report
from reports.option_reading import READ, Pairs, Part, Sent, Spoken
from reports.options import NO_OPTIONS, Interval, LastDays, Options
from reports.restricting import Wrong, any_of, local_text
from telephony.errors import RingfenceError

__all__ = [
    "PARTS",
    "VERSION",
    "BadOptions",
    "any_of",
    "from_json",
    "link",
    "list_text",
    "parse",
    "to_json",
]

PARTS: tuple[Part, ...] = get_args(Part)
VERSION = 1
"""Of the JSON. Older JSON is to be brought up to date in `from_json`."""


class BadOptions(RingfenceError):
    """The JSON is none that `to_json` writes for this report."""


def list_text(values: Iterable[str]) -> str:
    """The inverse of `list_of`: `211; 729; 731`."""
    return "; ".join(
        '"' + value.replace('"', '""') + '"' if ";" in value or value[:1] == '"' else value
        for value in values
    )


# Out ----------------------------------------------------------------------------------------------


def link(options: Options) -> list[tuple[str, str]]:
    """Options as the query of a link that carries them: ticked parts alone."""
    pairs = [("options", "1")]
    for part, write in _WRITE.items():
        if sent := write(options):
            pairs += [("on", part), *sent]
    return pairs


def to_json(options: Options) -> dict[str, object]:
    """Options as JSON: the names of a link, each with the list of its values, and the version."""
    values: dict[str, list[str]] = defaultdict(list)
    for name, value in link(options)[1:]:
        values[name].append(value)
    return {"version": VERSION, **values}


def _traffic_out(options: Options) -> list[tuple[str, str]]:
    return [("traffic", options.traffic)] if options.traffic else []


def _period_out(options: Options) -> list[tuple[str, str]]:
    period = options.period
    if period is None:
        return []
    if isinstance(period, LastDays):
        return [("period", "last_days"), ("days", str(period.days))]
    if isinstance(period, Interval):
        return [
            ("period", "between"),
            ("from", local_text(period.from_local)),
            ("until", local_text(period.until_local)),
        ]
    return [("period", period)]


def _group_out(number: int) -> Callable[[Options], list[tuple[str, str]]]:
    def write(options: Options) -> list[tuple[str, str]]:
        group = options.groups[number - 1]
        name = f"group{number}"
        return [(name, group.kind), (f"{name}.values", list_text(group.values))] if group else []

    return write


def _type_out(options: Options) -> list[tuple[str, str]]:
    chosen = options.call_type
    return [("way", chosen.way), ("answer", chosen.answer)] if chosen else []


def _place_out(options: Options) -> list[tuple[str, str]]:
    place = options.place
    if place is None:
        return []
    if place.kind == "type":
        return [("place", "type"), *(("place.type", value) for value in place.values)]
    return [("place", place.kind), (f"place.{place.kind}", list_text(place.values))]


def _where_out(options: Options) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for number, row in enumerate(options.restrictions, 1):
        if number > 1:
            pairs.append((f"where.{number}.joined", row.joined))
        pairs.append((f"where.{number}.field", row.field))
        pairs.append((f"where.{number}.operator", row.operator))
        pairs.append((f"where.{number}.value", row.value))
    return pairs


_WRITE: Mapping[Part, Callable[[Options], list[tuple[str, str]]]] = {
    "traffic": _traffic_out,
    "period": _period_out,
    "group1": _group_out(1),
    "group2": _group_out(2),
    "type": _type_out,
    "place": _place_out,
    "most": lambda options: [("most", str(options.most))] if options.most else [],
    "where": _where_out,
    "zone": lambda options: [("zone", options.zone)] if options.zone else [],
    "by": lambda options: [("by", name) for name in options.by or ()],
    "columns": lambda options: [("column", name) for name in options.columns or ()],
    "like": lambda options: [("like", options.like)] if options.like else [],
    "within": lambda options: [("within", f"{name}:{text}") for name, text in options.within],
}


# In -----------------------------------------------------------------------------------------------


def parse(
    pairs: Pairs, report: Report, spoken: Spoken | None = None
) -> tuple[Options, dict[str, Wrong]]:
    """The options that were sent, and what is wrong with them by the name of the field.

    A part with something wrong is left out: nothing may be run while there are errors. Without
    `options=1` the report's own. `spoken` lets people type words where a value has a code.
    """
    sent = Sent(pairs, report, spoken or {})
    if not sent.one("options"):
        return report.options, {}
    options = NO_OPTIONS
    ticked = set(sent.all("on"))
    for part, read in READ.items():
        if part in ticked:
            options = read(sent, options)
    return options, sent.errors


def from_json(value: object, report: Report) -> Options:
    """The inverse of `to_json`. Raises `BadOptions` on anything else, unknown names included."""
    if not isinstance(value, dict) or cast("dict[object, object]", value).get("version") != VERSION:
        raise BadOptions(f'options are an object with "version": {VERSION}')
    given = cast("dict[str, object]", value)
    pairs = [("options", "1")]
    for name, values in given.items():
        if name != "version":
            pairs += [(name, one) for one in _texts(name, values)]
    options, errors = parse(pairs, report)
    for name, wrong in errors.items():
        raise BadOptions(f"{name}: {wrong.message % wrong.values}")
    if to_json(options) != given:
        raise BadOptions("options have a name or a value that means nothing")
    return options


def _texts(name: str, values: object) -> list[str]:
    listed = cast("list[object]", values) if isinstance(values, list) else [None]
    if not all(isinstance(one, str) for one in listed):
        raise BadOptions(f"{name} is no list of texts")
    return cast("list[str]", listed)
