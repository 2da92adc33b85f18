"""What was asked of a report, in the reader's words: for its head, for mails, for the history."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import cast

from babel.dates import format_date, get_day_names

from reports.definition import Report
from reports.fields import DESTINATION_TYPES, FIELDS, Field
from reports.lists import joined
from reports.options import (
    Answer,
    CallType,
    Interval,
    LastDays,
    Options,
    Period,
    Place,
    PlaceKind,
    RelativePeriod,
    RestrictedGroup,
    Restriction,
    Traffic,
    Way,
)
from reports.restricting import COUNTRIES, OPERATORS, Operator, any_of, choices_of, operand
from reports.zones import zone_label
from storage.report_choices import GroupKind
from words.formats import Reader, last_instant, zone
from words.language import N_, alphabetical

Fact = tuple[str, str]
"""A label and its value."""

Span = tuple[datetime, datetime]

TRAFFIC: Mapping[Traffic, str] = {
    "external": N_("External calls"),
    "internal": N_("Internal calls"),
    "all": N_("External and internal calls"),
}
PERIODS: Mapping[RelativePeriod, str] = {
    "today": N_("Today"),
    "yesterday": N_("Yesterday"),
    "this_week": N_("This week"),
    "last_week": N_("Last week"),
    "this_month": N_("This month"),
    "last_month": N_("Last month"),
    "this_quarter": N_("This quarter"),
    "last_quarter": N_("Last quarter"),
    "this_year": N_("This year"),
    "last_year": N_("Last year"),
}
GROUPS: Mapping[GroupKind, str] = {
    "gateway": N_("Gateways"),
    "extension": N_("Extensions"),
    "department": N_("Departments"),
    "cost_centre": N_("Cost centres"),
    "office": N_("Offices"),
    "person": N_("People"),
    "site": N_("Sites"),
}
WAYS: Mapping[Way, str] = {
    "outgoing": N_("Outgoing calls"),
    "incoming": N_("Incoming calls"),
    "internal": N_("Internal calls"),
    "any": N_("Any direction"),
}
ANSWERS: Mapping[Answer, str] = {
    "answered": N_("Answered"),
    "unanswered": N_("Not answered"),
    "any": N_("Answered or not"),
}
PLACES: Mapping[PlaceKind, str] = {
    "type": N_("Types of destination"),
    "country": N_("Countries"),
    "area": N_("Areas"),
}
PART_LABELS = {
    "traffic": N_("Traffic"),
    "period": N_("Period"),
    "type": N_("Call type"),
    "place": N_("Destination or origin"),
    "most": N_("At most"),
    "where": N_("Restrictions"),
    "zone": N_("Time zone"),
    "by": N_("Grouped by"),
    "like": N_("Number"),
}

INTERNAL = "internal"
"""What stands for the gateway of calls that went over none."""
NOT_GIVEN = N_("Not given")
_WEEKDAYS = range(7)


def facts(
    _report: Report,
    options: Options,
    span: Span | None,
    reader: Reader,
    custom_labels: tuple[str, ...] = (),
) -> tuple[Fact, ...]:
    """What was asked, a label and a value for each part that narrows; nothing for the rest.

    `span` are the instants the period came to, `custom_labels` the names of the free fields. Days
    are those of the options' zone, else of the reader's.
    """
    words = _Words(reader, custom_labels, options.zone or reader.zone_name)
    return tuple(_facts(options, span, words))


def sentence(asked: Iterable[Fact]) -> str:
    """Facts as lines of plain text, for a mail."""
    return "\n".join(f"{label}: {value}" for label, value in asked)


def field_label(field: Field, reader: Reader, custom_labels: tuple[str, ...] = ()) -> str:
    """What the reader calls a field; a free one by the company's name, else by its number."""
    if not field.name.startswith("custom_"):
        return reader.language.text(field.label)
    number = int(field.name.removeprefix("custom_"))
    named = custom_labels[number - 1] if number <= len(custom_labels) else ""
    return named or reader.language.text(N_("Free field %(number)s"), number=number)


def choice_words(field: Field, reader: Reader) -> dict[str, str]:
    """The words of a field's fixed values by their codes, in order; empty where it has none."""
    if field.name == "nation":
        return countries(reader)
    if field.kind == "weekday":
        return weekdays(reader)
    return {code: reader.language.text(words) for code, words in field.choices}


def countries(reader: Reader) -> dict[str, str]:
    """The names of countries by their codes, in the order of the alphabet."""
    names = cast("Mapping[str, str]", reader.language.locale.territories)
    known = ((code, names.get(code, code)) for code in COUNTRIES)
    return dict(sorted(known, key=lambda pair: alphabetical(pair[1])))


def weekdays(reader: Reader) -> dict[str, str]:
    """The names of the days of the week by their numbers, the reader's first day first."""
    names = cast("Mapping[int, str]", get_day_names("wide", "stand-alone", reader.language.locale))
    days = ((day + reader.first_weekday) % 7 for day in _WEEKDAYS)
    return {str(day): names[day] for day in days}


def spoken(reader: Reader) -> dict[str, dict[str, str]]:
    """By field: the code of each word the reader's language has for a fixed value."""
    named = {field.name: choice_words(field, reader) for field in FIELDS.values()}
    return {
        name: {text.casefold(): code for code, text in words.items()}
        for name, words in named.items()
        if words
    }


class _Words:
    """The reader's words for what options hold; times are local ones of `zone_name`."""

    def __init__(self, reader: Reader, custom_labels: tuple[str, ...], zone_name: str) -> None:
        self.reader = reader
        self.custom_labels = custom_labels
        self.zone_name = zone_name
        self.text = reader.language.text

    def joined(self, words: Iterable[str]) -> str:
        return joined(words, self.reader.language.locale)

    def day(self, at: datetime) -> str:
        local = at.astimezone(zone(self.zone_name)).date()
        return format_date(local, "long", locale=self.reader.language.locale)

    def local(self, at: datetime) -> str:
        """A local time, said as it is: the clocks of no zone are asked."""
        here = Reader(self.reader.language, "UTC", self.reader.now, self.reader.time_format)
        utc = at.replace(tzinfo=zone("UTC"))
        day = format_date(at.date(), "long", locale=self.reader.language.locale)
        return f"{day} {here.clock_seconds(utc) if at.second else here.clock(utc)}"

    def number(self, text: str) -> str:
        """A telephone number or such in its own direction, from left to right."""
        return f"\N{LEFT-TO-RIGHT ISOLATE}{text}\N{POP DIRECTIONAL ISOLATE}" if self._rtl else text

    @property
    def _rtl(self) -> bool:
        return self.reader.language.direction == "rtl"

    def field(self, name: str) -> str:
        return field_label(FIELDS[name], self.reader, self.custom_labels)


def _facts(options: Options, span: Span | None, words: _Words) -> Iterator[Fact]:
    text = words.text
    if options.traffic:
        yield text(PART_LABELS["traffic"]), text(TRAFFIC[options.traffic])
    if options.period:
        yield text(PART_LABELS["period"]), _period(options.period, span, words)
    for group in options.groups:
        if group:
            yield text(GROUPS[group.kind]), _group(group, words)
    if options.call_type:
        yield text(PART_LABELS["type"]), _call_type(options.call_type, words)
    if options.place:
        yield text(PART_LABELS["place"]), _place(options.place, words)
    for name, value in options.within:
        yield words.field(name), _group_value(name, value, words)
    if options.like:
        yield text(PART_LABELS["like"]), text(N_("that of one chosen call"))
    if options.most:
        yield text(PART_LABELS["most"]), words.reader.number(options.most)
    if options.restrictions:
        yield text(PART_LABELS["where"]), _restrictions(options.restrictions, words)
    if options.zone:
        yield text(PART_LABELS["zone"]), zone_label(options.zone, words.reader.now, words.reader)
    if options.by:
        yield text(PART_LABELS["by"]), words.joined(words.field(name) for name in options.by)


def _period(period: Period, span: Span | None, words: _Words) -> str:
    if isinstance(period, Interval):
        return _between(words.local(period.from_local), words.local(period.until_local), words)
    named = period_words(period, words.reader)
    if span is None:
        return named
    first, last = words.day(span[0]), words.day(max(span[0], last_instant(span[1])))
    days = first if first == last else _between(first, last, words)
    return words.text(N_("%(days)s (%(name)s)"), days=days, name=_lower(named, words))


def period_words(period: RelativePeriod | LastDays, reader: Reader) -> str:
    """What a relative period is called: `Last month`, `Last 7 days`."""
    if not isinstance(period, LastDays):
        return reader.language.text(PERIODS[period])
    return reader.language.plural("Last %(num)d day", "Last %(num)d days", period.days)


def _between(first: str, last: str, words: _Words) -> str:
    return words.text(N_("%(first)s – %(last)s"), first=first, last=last)


def _lower(named: str, words: _Words) -> str:
    """Words within a sentence; in German they stay as they are."""
    return named if words.reader.language.code == "de" else named[:1].lower() + named[1:]


def _group(group: RestrictedGroup, words: _Words) -> str:
    is_number = group.kind == "extension"
    return words.joined(words.number(v) if is_number else v for v in group.values)


def _call_type(chosen: CallType, words: _Words) -> str:
    way = words.text(WAYS[chosen.way])
    answer = words.text(ANSWERS[chosen.answer])
    return words.joined([way, answer[:1].lower() + answer[1:]])


def _place(place: Place, words: _Words) -> str:
    known: Mapping[str, str] = {}
    if place.kind == "type":
        known = {code: words.text(name) for code, name in DESTINATION_TYPES}
    elif place.kind == "country":
        known = countries(words.reader)
    return words.joined(known.get(value, value) for value in place.values)


def _restrictions(restrictions: tuple[Restriction, ...], words: _Words) -> str:
    alternatives = any_of(restrictions)
    both = words.text(N_("and"))
    mixed = len(alternatives) > 1
    said = [
        _one_of([_restriction(one, words) for one in alternative], both, brackets=mixed)
        for alternative in alternatives
    ]
    return f" {words.text(N_('or'))} ".join(said)


def _one_of(said: list[str], both: str, *, brackets: bool) -> str:
    whole = f" {both} ".join(said)
    return f"({whole})" if brackets and len(said) > 1 else whole


def _restriction(one: Restriction, words: _Words) -> str:
    field = FIELDS[one.field]
    return words.text(
        N_("%(field)s %(operator)s %(value)s"),
        field=words.field(one.field),
        operator=words.text(OPERATORS[cast("Operator", one.operator)]),
        value=_value(field, one.value, words),
    )


def _value(field: Field, value: str, words: _Words) -> str:
    """A restriction's value; a number somebody typed is shown as they typed it."""
    if choices_of(field) or field.kind == "weekday":
        return choice_words(field, words.reader).get(value, value)
    if field.kind == "seconds":
        return words.text(N_("%(seconds)s s"), seconds=value)
    if field.kind == "percent":
        return words.text(N_("%(number)s %%"), number=value)
    meant = operand(field, value)
    if isinstance(meant, datetime):
        return words.local(meant)
    if isinstance(meant, date):
        return _day_or_month(field, meant, words)
    return words.number(value) if field.kind == "phone" or isinstance(meant, Decimal) else value


def _group_value(name: str, text: str, words: _Words) -> str:
    """The value of one group, as the report itself names it."""
    field = FIELDS[name]
    if not text:
        return words.text(NOT_GIVEN)
    if name == "gateway" and text == INTERNAL:
        return words.text(N_("Internal calls"))
    if field.kind == "hour":
        return words.reader.hour(int(text))
    meant = operand(field, text)
    if isinstance(meant, date):
        return _day_or_month(field, meant, words)
    return choice_words(field, words.reader).get(
        text, words.number(text) if field.kind == "phone" else text
    )


def _day_or_month(field: Field, day: date, words: _Words) -> str:
    locale = words.reader.language.locale
    if field.kind == "month":
        return format_date(day, "MMMM y", locale=locale)
    return format_date(day, "long", locale=locale)
