"""A report and its options become a question to `storage.facts`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from zoneinfo import ZoneInfo

from reports.definition import Report
from reports.described import INTERNAL
from reports.document import Value
from reports.fields import FIELDS
from reports.options import CallType, Options, Place, PlaceKind, Restriction
from reports.periods import instant, resolve
from reports.restricting import any_of, operand
from storage.facts.ask import Ask, Condition, Operand, Operator, Order, Subject
from storage.report_choices import GroupKind

Span = tuple[datetime, datetime]

_GROUPS: Mapping[GroupKind, str] = {
    "gateway": "gateway",
    "extension": "extension",
    "department": "department",
    "cost_centre": "cost_centre",
    "office": "office",
    "person": "login",
    "site": "site",
}
_PLACES: Mapping[PlaceKind, str] = {"type": "place_type", "country": "nation", "area": "area"}
_LIST_TOTALS: Mapping[Subject, tuple[str, ...]] = {
    "calls": ("calls", "total_duration", "total_cost"),
    "quality": ("reports",),
}
_OPERATORS: Mapping[str, Operator] = {
    "is": "is", "is_not": "is_not", "begins": "begins", "ends": "ends", "contains": "contains",
    "lacks": "lacks", "more": "more", "at_least": "at_least", "less": "less",
    "at_most": "at_most",
}  # fmt: skip


def span_of(options: Options, zone: str, now: datetime, first_weekday: int) -> Span | None:
    """From when until when calls are meant; None where the period is not ticked."""
    if options.period is None:
        return None
    return resolve(options.period, zone, now, first_weekday)


def ask(report: Report, options: Options, zone: str, span: Span | None) -> Ask:
    """The question. `zone` is the one days and hours are those of: the options' or the reader's.

    Options have been checked when they were read (`reports.option_fields`).
    """
    by = options.by or report.by if report.by else ()
    columns = _columns(report, options, by)
    return Ask(
        subject=report.subject,
        from_at=span[0] if span else None,
        until_at=span[1] if span else None,
        zone=zone,
        where=tuple(_where(report, options)),
        any_of=tuple(
            tuple(_condition(one, ZoneInfo(zone)) for one in alternative)
            for alternative in any_of(options.restrictions)
        ),
        of_group=tuple(_of_group(options)) if report.subject == "calls" else (),
        by=by,
        measures=columns if by else _LIST_TOTALS[report.subject],
        columns=() if by else columns,
        order=_order(report, columns, by),
        most=options.most,
        each_side=counts_each_side(report, by or tuple(name for name, _ in options.within)),
    )


def counts_each_side(report: Report, by: tuple[str, ...]) -> bool:
    """Whether an internal call counts at both extensions: where rows are extensions or people.

    A list of one group's calls counts as the group does.
    """
    if by == report.by:
        return report.each_side
    return bool({"extension", "person"} & set(by))


def _columns(report: Report, options: Options, by: tuple[str, ...]) -> tuple[str, ...]:
    chosen = options.columns or report.columns
    return tuple(name for name in chosen if name not in by)


def _order(report: Report, columns: tuple[str, ...], by: tuple[str, ...]) -> tuple[Order, ...]:
    """The report's own order as far as its columns are there; time in time's order."""
    there = {*columns, *by}
    kept = tuple(one for one in report.order if one.column in there)
    if kept:
        return kept
    if by:
        timely = [name for name in by if FIELDS[name].kind in {"date", "month", "hour", "weekday"}]
        return tuple(Order(name) for name in timely) or (Order(columns[0], falling=True),)
    return ()


def _where(report: Report, options: Options) -> Iterator[Condition]:
    if report.subject == "calls":
        if options.traffic == "external":
            yield Condition("direction", "is_not", "internal")
        elif options.traffic == "internal":
            yield Condition("direction", "is", "internal")
        if options.call_type is not None:
            yield from _call_type(options.call_type)
        if options.place is not None:
            yield _place(options.place)
    for group in options.groups:
        if group is not None:
            yield Condition(_GROUPS[group.kind], "among", group.values)
    if report.subject != "calls":  # what is said of a voice counts once by itself
        for name, text in options.within:
            yield within(name, text)


def _of_group(options: Options) -> Iterator[Condition]:
    """The group a list is of."""
    if options.like is not None:
        yield Condition("like", "is", options.like)
    for name, text in options.within:
        yield within(name, text)


def within(name: str, text: str) -> Condition:
    """The calls of one group; `text` as `value_text` writes the group's value."""
    if name == "gateway" and text == INTERNAL:
        return Condition("direction", "is", "internal")
    if FIELDS[name].kind in {"hour", "weekday"}:
        return Condition(name, "is", int(text))
    if FIELDS[name].kind in {"date", "month"}:
        day = f"{text}-01" if FIELDS[name].kind == "month" else text
        return Condition(name, "is", date.fromisoformat(day))
    return Condition("login" if name == "person" else name, "exactly", text)


def value_text(name: str, value: Value) -> str:
    """The inverse: a group's value as a link carries it."""
    if value is None:
        return INTERNAL if name == "gateway" else ""
    if isinstance(value, date) and FIELDS[name].kind == "month":
        return value.isoformat()[:7]
    return value.isoformat() if isinstance(value, date) else str(value)


def _call_type(chosen: CallType) -> Iterator[Condition]:
    if chosen.way != "any":
        yield Condition("direction", "is", chosen.way)
    if chosen.answer != "any":
        yield Condition("answer", "is", chosen.answer)


def _place(place: Place) -> Condition:
    return Condition(_PLACES[place.kind], "among", place.values)


def _condition(one: Restriction, zone: ZoneInfo) -> Condition:
    value = operand(FIELDS[one.field], one.value)
    if value is None:
        raise ValueError(f"{one.value} means nothing for {one.field}")
    meant: Operand | date = instant(value, zone) if isinstance(value, datetime) else value
    return Condition(one.field, _OPERATORS[one.operator], meant)  # type: ignore[arg-type]
