"""What was sent of options, read part by part: what cannot be meant is refused beside its field."""

from __future__ import annotations

import csv
import io
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Literal, cast, get_args

from reports.choosable import columns_of, groupings_of, restrictable
from reports.definition import Report
from reports.fields import DESTINATION_TYPES, FIELDS, Field
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
from reports.restricting import (
    COUNTRIES,
    MOST_LETTERS,
    OPERATORS,
    Wrong,
    operators_of,
    problem,
    read_local,
    tidied,
    within_means,
)
from reports.zones import known_zones
from storage.call_rows import CallId
from storage.report_choices import GroupKind
from words.language import N_

Part = Literal[
    "traffic", "period", "group1", "group2", "type", "place", "most", "where", "zone", "by",
    "columns", "like", "within",
]  # fmt: skip
Pairs = Iterable[tuple[str, str]]
"""Names and values as a link has them; `request.args.items(multi=True)`."""

Spoken = Mapping[str, Mapping[str, str]]
"""By a field's name: what people may type, in lower case, for each of its fixed values."""


MOST_RESTRICTIONS = 20
MOST_VALUES = 200
MOST_DAYS = 3660
MOST_CALLS = 100_000
MOST_GROUPINGS = 3
MOST_WITHIN = 2 * MOST_GROUPINGS
"""A group of a group is the smallest there is."""

_CHOOSE = N_("Choose one of the list.")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def list_of(text: str) -> tuple[str, ...]:
    """The values of a list, each once; how lists are written: `reports.option_fields`."""
    lines = io.StringIO(_CONTROL.sub(" ", text))
    try:
        rows = list(csv.reader(lines, delimiter=";", skipinitialspace=True))
    except csv.Error:  # a single value longer than any
        rows = [[text]]
    values = (value.strip() for row in rows for value in row)
    return tuple(dict.fromkeys(value for value in values if value))


class Sent:
    """What was sent, and what is found wrong with it as it is read, by the name of its field."""

    def __init__(self, pairs: Pairs, report: Report, spoken: Spoken) -> None:
        self._values: dict[str, list[str]] = defaultdict(list)
        for name, value in pairs:
            self._values[name].append(value.strip())
        self.report = report
        self.spoken = spoken
        self.errors: dict[str, Wrong] = {}

    def all(self, name: str) -> list[str]:
        """Every value of a name."""
        return self._values.get(name, [])

    def one(self, name: str) -> str:
        """The first value of a name, empty where it has none."""
        return next(iter(self.all(name)), "")

    def refuse(self, name: str, message: str, **values: object) -> None:
        """Say what is wrong with a field; what was found first stands."""
        self.errors.setdefault(name, Wrong(message, values))

    def choice(self, name: str, known: Collection[str]) -> str | None:
        """A value that must be one of those known."""
        value = self.one(name)
        if value in known:
            return value
        self.refuse(name, _CHOOSE)
        return None

    def number(self, name: str, most: int) -> int | None:
        """A whole number from 1."""
        value = self.one(name)
        if value.isascii() and value.isdecimal() and len(value) < 10 and 1 <= int(value) <= most:
            return int(value)
        self.refuse(name, N_("Write a number from %(least)s to %(most)s."), least=1, most=most)
        return None

    def listed(self, name: str) -> tuple[str, ...]:
        """The values of a list; none where something is wrong with it."""
        values = list_of(self.one(name))
        if not values:
            self.refuse(name, N_("Write at least one, with a semicolon between several."))
        elif len(values) > MOST_VALUES:
            self.refuse(name, N_("There may be %(most)s of them at most."), most=MOST_VALUES)
        elif long := next((value for value in values if len(value) > MOST_LETTERS), None):
            self.refuse(
                name, N_("“%(text)s…” has more than %(most)s letters."),
                text=long[:20], most=MOST_LETTERS,
            )  # fmt: skip
        return () if name in self.errors else values

    def said(self, field: str, value: str) -> str:
        """The value that is meant by what somebody calls it."""
        return self.spoken.get(field, {}).get(value.casefold(), value)

    @property
    def rows(self) -> list[int]:
        """The numbers of the rows of restrictions, in order."""
        found = (re.fullmatch(r"where\.([0-9]{1,4})\.(field|value)", name) for name in self._values)
        return sorted({int(match[1]) for match in found if match})


def _traffic(sent: Sent, options: Options) -> Options:
    return replace(options, traffic=cast("Traffic", sent.choice("traffic", get_args(Traffic))))


def _period(sent: Sent, options: Options) -> Options:
    known = (*get_args(RelativePeriod), "last_days", "between")
    chosen = sent.choice("period", known)
    period: Period | None = cast("RelativePeriod", chosen)
    if chosen == "last_days":
        days = sent.number("days", MOST_DAYS)
        period = LastDays(days) if days else None
    elif chosen == "between":
        period = _interval(sent)
    return replace(options, period=period)


def _interval(sent: Sent) -> Interval | None:
    begin, end = read_local(sent.one("from")), read_local(sent.one("until"))
    for name, read in (("from", begin), ("until", end)):
        if read is None:
            sent.refuse(name, N_("Write a date and time like 2026-03-31T09:30."))
    if begin is None or end is None:
        return None
    if end <= begin:
        sent.refuse("until", N_("The end does not lie after the beginning."))
        return None
    return Interval(begin, end)


def _group(number: int) -> Callable[[Sent, Options], Options]:
    def read(sent: Sent, options: Options) -> Options:
        kind = sent.choice(f"group{number}", get_args(GroupKind))
        values = sent.listed(f"group{number}.values")
        group = RestrictedGroup(cast("GroupKind", kind), values) if kind and values else None
        first, second = options.groups
        return replace(options, groups=(group, second) if number == 1 else (first, group))

    return read


def _type(sent: Sent, options: Options) -> Options:
    way, answer = sent.choice("way", get_args(Way)), sent.choice("answer", get_args(Answer))
    if way is None or answer is None:
        return options
    return replace(options, call_type=CallType(cast("Way", way), cast("Answer", answer)))


def _place(sent: Sent, options: Options) -> Options:
    kind = cast("PlaceKind | None", sent.choice("place", get_args(PlaceKind)))
    if kind is None:
        return options
    values = {"type": _types, "country": _countries, "area": _areas}[kind](sent)
    return replace(options, place=Place(kind, values) if values else None)


def _types(sent: Sent) -> tuple[str, ...]:
    values = tuple(dict.fromkeys(sent.all("place.type")))
    if not values:
        sent.refuse("place.type", N_("Choose at least one."))
    elif not {*values} <= {code for code, _ in DESTINATION_TYPES}:
        sent.refuse("place.type", _CHOOSE)
    return () if "place.type" in sent.errors else values


def _countries(sent: Sent) -> tuple[str, ...]:
    values = [sent.said("nation", value) for value in sent.listed("place.country")]
    codes = [value.upper() if value.isascii() else value for value in values]
    for value, code in zip(values, codes, strict=True):
        if code not in COUNTRIES:
            sent.refuse("place.country", N_("There is no country “%(text)s”."), text=value)
    return () if "place.country" in sent.errors else tuple(dict.fromkeys(codes))


def _areas(sent: Sent) -> tuple[str, ...]:
    return sent.listed("place.area")


def _most(sent: Sent, options: Options) -> Options:
    return replace(options, most=sent.number("most", MOST_CALLS))


def _where(sent: Sent, options: Options) -> Options:
    rows = [row for row in sent.rows if sent.one(f"where.{row}.field") or _value(sent, row)]
    if not rows:
        sent.refuse("where", N_("Add a restriction, or remove the tick."))
    elif len(rows) > MOST_RESTRICTIONS:
        sent.refuse("where", N_("There may be %(most)s of them at most."), most=MOST_RESTRICTIONS)
    known = {field.name: field for field in restrictable(sent.report)}
    read = [_row(sent, row, row == rows[0], known) for row in rows[:MOST_RESTRICTIONS]]
    return replace(options, restrictions=tuple(row for row in read if row is not None))


def _value(sent: Sent, row: int) -> str:
    return sent.one(f"where.{row}.value")


def _row(sent: Sent, row: int, first: bool, known: Mapping[str, Field]) -> Restriction | None:
    name = f"where.{row}."
    joined = "and" if first else sent.choice(name + "joined", ("and", "or"))
    chosen = sent.choice(name + "field", known)
    operator = sent.choice(name + "operator", OPERATORS)
    if chosen is None or operator is None or joined is None:
        return None
    field = known[chosen]
    if operator not in operators_of(field):
        sent.refuse(name + "operator", N_("This does not go with the field: choose another."))
    value = sent.said(chosen, _value(sent, row))
    if wrong := problem(field, value):
        sent.errors.setdefault(name + "value", wrong)
        return None
    return Restriction(cast("Literal['and', 'or']", joined), chosen, operator, tidied(field, value))


def _zone(sent: Sent, options: Options) -> Options:
    return replace(options, zone=sent.choice("zone", known_zones()))


def _by(sent: Sent, options: Options) -> Options:
    names = tuple(dict.fromkeys(name for name in sent.all("by") if name))
    if sent.report.is_list:
        sent.refuse("by", N_("This report lists calls: it has no groups."))
    elif not names:
        sent.refuse("by", N_("Choose at least one."))
    elif len(names) > MOST_GROUPINGS:
        sent.refuse("by", N_("There may be %(most)s of them at most."), most=MOST_GROUPINGS)
    return replace(options, by=_names(sent, "by", names, groupings_of(sent.report)))


def _columns(sent: Sent, options: Options) -> Options:
    names = tuple(dict.fromkeys(name for name in sent.all("column") if name))
    if not names:
        sent.refuse("column", N_("Choose at least one."))
    return replace(options, columns=_names(sent, "column", names, columns_of(sent.report)))


def _names(
    sent: Sent, name: str, names: Sequence[str], known: Iterable[Field]
) -> tuple[str, ...] | None:
    if not {*names} <= {field.name for field in known}:
        sent.refuse(name, _CHOOSE)
    return None if name in sent.errors else tuple(names)


def _like(sent: Sent, options: Options) -> Options:
    if CallId.parse(sent.one("like")) is None:
        sent.refuse("like", N_("The call whose number was meant is no longer in your list."))
        return options
    return replace(options, like=sent.one("like"))


def _within(sent: Sent, options: Options) -> Options:
    """The values of one group: `department:Sales`, `date:2026-03-31`, once for each field."""
    pairs = [tuple(text.partition(":")[::2]) for text in sent.all("within")]
    known = {field.name for field in FIELDS.values() if field.role == "dimension"}
    names = [name for name, _ in pairs]
    several = len(set(names)) < len(names) or len(names) > MOST_WITHIN
    if several or not all(name in known and within_means(name, text) for name, text in pairs):
        sent.refuse("within", N_("This group of the report is not known any more."))
        return options
    return replace(options, within=tuple((name, text) for name, text in pairs))


READ: Mapping[Part, Callable[[Sent, Options], Options]] = {
    "traffic": _traffic,
    "period": _period,
    "group1": _group(1),
    "group2": _group(2),
    "type": _type,
    "place": _place,
    "most": _most,
    "where": _where,
    "zone": _zone,
    "by": _by,
    "columns": _columns,
    "like": _like,
    "within": _within,
}
"""How each part is read, in this order."""
