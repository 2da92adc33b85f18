"""The form of a report's options: what it offers, what it shows, what is wrong with it.

A page reads what was sent (`sent_pairs`), makes the form (`report_form`), and shows it with the
macro of `templates/portal/parts/report_options.html`, its buttons inside the call. Where
`form.can_run`, `form.options` are to be run; `form.query` is the shortest address that means them.
The form works without scripts: rows are added (`more`), removed (`remove`) and columns moved
(`up`, `down`) by buttons that send it, after which `form.is_edit` says to show it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import NamedTuple, cast
from urllib.parse import urlencode

from quart import request

from reports.choosable import columns_of, groupings_of, restrictable
from reports.definition import Report
from reports.described import (
    ANSWERS,
    GROUPS,
    PERIODS,
    PLACES,
    TRAFFIC,
    WAYS,
    choice_words,
    countries,
    field_label,
    spoken,
)
from reports.document import Kind
from reports.fields import DESTINATION_TYPES, FIELDS, Field
from reports.option_fields import link, list_text, parse
from reports.option_reading import MOST_GROUPINGS, MOST_RESTRICTIONS, list_of
from reports.options import Options
from reports.periods import today_of
from reports.restricting import OPERATORS, local_text, operators_of, read_local
from reports.zones import zone_choices
from storage.report_choices import ReportChoices, report_choices
from web.context import house, reader, seer
from words.formats import Reader, zone
from words.language import N_

Choices = list[tuple[str, str]]
"""Values with their words."""

EDITS = ("more", "remove", "up", "down")
"""The buttons that change the form and run nothing."""

EXAMPLES: Mapping[Kind, str] = {
    "count": "20",
    "seconds": "20",
    "money": "0.50",
    "decimal": "3.5",
    "percent": "5",
    "instant": "2026-03-31T09:30",
    "date": "2026-03-31",
    "month": "2026-03",
    "hour": "8",
}
"""What a value looks like, by the kind of its field."""

_DEFAULTS = {
    "traffic": "external",
    "period": "this_month",
    "days": "30",
    "group1": "gateway",
    "group2": "extension",
    "way": "outgoing",
    "answer": "answered",
    "place": "type",
    "most": "100",
}
"""What stands in the parts that are not ticked."""


class Row(NamedTuple):
    """A row of restrictions as typed; `number` is its own for ever, so that errors find it."""

    number: int | str
    joined: str = "and"
    field: str = ""
    operator: str = "is"
    value: str = ""


class FieldChoice(NamedTuple):
    """A field to restrict by. `values` is the id of the list of its values, where it has one."""

    name: str
    label: str
    operators: str
    example: str
    values: str


class ColumnChoice(NamedTuple):
    """A column, shown or not."""

    name: str
    label: str
    is_shown: bool


async def sent_pairs() -> list[tuple[str, str]]:
    """What the address and the form of this request say, in their order."""
    pairs = [*request.args.items(multi=True)]
    if request.method == "POST":
        form = await request.form  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - Quart leaves it open
        pairs += cast("Iterable[tuple[str, str]]", form.items(multi=True))  # pyright: ignore[reportUnknownMemberType]
    return pairs


async def report_form(report: Report, pairs: Iterable[tuple[str, str]]) -> ReportForm:
    """The form of a report as it was sent, with what this request's viewer is offered."""
    offered = await house().database.unit_of_work(report_choices, seer())
    return made(report, list(pairs), offered, reader())


def made(
    report: Report, pairs: list[tuple[str, str]], offered: ReportChoices, by: Reader
) -> ReportForm:
    """The same of what is given. Where no options were sent the form shows the report's own."""
    sent = dict(pairs)
    given = pairs if sent.get("options") else link(report.options)
    edits = {name: sent[name].strip() for name in EDITS if sent.get(name)}
    given = _edited(given, edits, report)
    options, wrong = parse(given, report, spoken(by))
    words = {name: by.language.text(one.message, **one.values) for name, one in wrong.items()}
    return ReportForm(report, options, {} if edits else words, offered, by, given, bool(edits))


def _edited(
    pairs: list[tuple[str, str]], edits: Mapping[str, str], report: Report
) -> list[tuple[str, str]]:
    kept = [pair for pair in pairs if pair[0] not in EDITS]
    if "more" in edits:
        rows = _row_numbers(kept)
        kept += [("on", "where"), (f"where.{max(rows, default=0) + 1}.field", "")]
    if row := edits.get("remove"):
        kept = [pair for pair in kept if not pair[0].startswith(f"where.{row}.")]
    for way, step in (("up", -1), ("down", 1)):
        if name := edits.get(way):
            kept = _moved(kept, name, step, report)
    return kept


def _row_numbers(pairs: Iterable[tuple[str, str]]) -> list[int]:
    """The numbers of the rows of restrictions there are, in order, as far as they are shown."""
    parts = (name.split(".") for name, _ in pairs if name.startswith("where."))
    named = {part[1] for part in parts if len(part) == 3 and part[2] == "field"}
    numbers = (int(one) for one in named if one.isascii() and one.isdecimal() and len(one) < 5)
    return sorted(numbers)[: MOST_RESTRICTIONS + 1]


def _moved(
    pairs: list[tuple[str, str]], name: str, step: int, report: Report
) -> list[tuple[str, str]]:
    """The shown columns with one of them moved, and their tick set."""
    shown = [value for key, value in pairs if key == "column"] or [*report.columns]
    if name in shown:
        place = shown.index(name)
        shown.pop(place)
        shown.insert(max(0, place + step), name)
    others = [pair for pair in pairs if pair[0] != "column"]
    return [*others, ("on", "columns"), *(("column", column) for column in shown)]


@dataclass(frozen=True)
class ReportForm:
    """What the template shows. `errors` are words of the reader by the name of the field."""

    report: Report
    options: Options
    errors: dict[str, str]
    offered: ReportChoices
    reader: Reader
    pairs: Sequence[tuple[str, str]]
    is_edit: bool

    @property
    def can_run(self) -> bool:
        """Whether the options are to be run: nothing is wrong and no row was being added."""
        return not self.errors and not self.is_edit

    @property
    def query(self) -> str:
        """The options as the query of a link: ticked parts alone."""
        return urlencode(link(self.options))

    def on(self, part: str) -> bool:
        """Whether a part is ticked."""
        return ("on", part) in self.pairs

    def all(self, name: str) -> list[str]:
        """Every value of a field as it was sent."""
        return [value for key, value in self.pairs if key == name]

    def get(self, name: str) -> str:
        """What stands in a field: what was typed, else what is usual."""
        return next(iter(self.all(name)), self._usual(name))

    def error(self, name: str) -> str:
        """What is wrong with a field, empty where nothing is."""
        return self.errors.get(name, "")

    def words(self, message: str) -> str:
        """A message in the reader's language."""
        return self.reader.language.text(message)

    def _usual(self, name: str) -> str:
        if name in {"from", "until"}:
            today = today_of(self.reader.now, zone(self.reader.zone_name))
            first = today.replace(day=1)
            following = (first + timedelta(days=31)).replace(day=1)
            return f"{first if name == 'from' else following}T00:00"
        return self.reader.zone_name if name == "zone" else _DEFAULTS.get(name, "")

    # What the parts offer ------------------------------------------------------------------------

    def _choices(self, words: Iterable[tuple[str, str]]) -> Choices:
        return [(code, self.words(text)) for code, text in words]

    @property
    def traffic(self) -> Choices:
        """Kinds of traffic."""
        return self._choices(TRAFFIC.items())

    @property
    def periods(self) -> Choices:
        """Relative periods, and the two that need more."""
        more = (("last_days", N_("The last days")), ("between", N_("Between two moments")))
        return self._choices((*PERIODS.items(), *more))

    @property
    def group_kinds(self) -> Choices:
        """What a restricted group is made of."""
        return self._choices(GROUPS.items())

    @property
    def ways(self) -> Choices:
        """Which way a call goes."""
        return self._choices(WAYS.items())

    @property
    def answers(self) -> Choices:
        """Whether it is answered."""
        return self._choices(ANSWERS.items())

    @property
    def place_kinds(self) -> Choices:
        """How a destination is named."""
        return self._choices(PLACES.items())

    @property
    def destination_types(self) -> Choices:
        """Types of destination."""
        return self._choices(DESTINATION_TYPES)

    @property
    def zones(self) -> Choices:
        """Time zones, by their offset."""
        return zone_choices(self.reader.now, self.reader, self.get("zone"))

    @property
    def joins(self) -> Choices:
        """How rows of restrictions are joined."""
        return self._choices((("and", N_("and")), ("or", N_("or"))))

    @property
    def operators(self) -> Choices:
        """Every operator."""
        return self._choices(OPERATORS.items())

    # What stands in them -------------------------------------------------------------------------

    def moment(self, name: str) -> tuple[str, str]:
        """A moment as a field shows it, and the field's type: one for moments, if it is one."""
        read = read_local(self.get(name))
        return (local_text(read), "datetime-local") if read else (self.get(name), "text")

    def number_type(self, name: str) -> str:
        """The type of a field for a number: one for any text, where what was typed is none."""
        return "number" if self.get(name).isdecimal() else "text"

    @property
    def country_list(self) -> str:
        """The countries by the names the reader has for them."""
        known = countries(self.reader)
        return list_text(
            known.get(code.upper(), code) for code in list_of(self.get("place.country"))
        )

    @cached_property
    def rows(self) -> list[Row]:
        """The rows of restrictions, an empty one where there is none."""
        return [self._row(number) for number in _row_numbers(self.pairs)] or [Row(1)]

    def _row(self, number: int) -> Row:
        name = f"where.{number}."
        field, value = self.get(name + "field"), self.get(name + "value")
        if field in FIELDS:
            value = choice_words(FIELDS[field], self.reader).get(value, value)
        joined, operator = self.get(name + "joined"), self.get(name + "operator")
        return Row(number, joined or "and", field, operator or "is", value)

    @property
    def blank_row(self) -> Row:
        """A row as it is added; its number stands for any."""
        return Row("NUMBER")

    @property
    def has_room(self) -> bool:
        """Whether there may be one more row."""
        return len(self.rows) < MOST_RESTRICTIONS

    @property
    def most_rows(self) -> int:
        """How many rows there may be."""
        return MOST_RESTRICTIONS

    @cached_property
    def fields(self) -> list[FieldChoice]:
        """The fields to restrict by."""
        used = {row.field for row in self.rows}
        return [self._field(field) for field in self._named(restrictable(self.report), used)]

    def _field(self, field: Field) -> FieldChoice:
        operators = " ".join(operators_of(field))
        values = f"choices-{field.name}" if field.name in self.lists else ""
        example = EXAMPLES.get(field.kind, "")
        return FieldChoice(field.name, self._restricted_label(field), operators, example, values)

    def _restricted_label(self, field: Field) -> str:
        label = field_label(field, self.reader, self.offered.custom_labels)
        if field.kind != "seconds":
            return label
        return self.reader.language.text(N_("%(field)s (seconds)"), field=label)

    def _named(self, known: Iterable[Field], used: Iterable[str]) -> Iterable[Field]:
        """Fields but for free ones that the company has not named and nobody has chosen."""
        labels = self.offered.custom_labels
        free = {f"custom_{number}" for number, label in enumerate(labels, 1) if label}
        kept = free | {*used}
        return (f for f in known if not f.name.startswith("custom_") or f.name in kept)

    def field_of(self, row: Row) -> FieldChoice | None:
        """The field of a row."""
        return next((field for field in self.fields if field.name == row.field), None)

    @property
    def groupings(self) -> Choices:
        """The fields to group by; none where the report lists calls."""
        known = self._named(groupings_of(self.report), self.by)
        return [("", "–"), *self._labelled(known)]

    @cached_property
    def by(self) -> list[str]:
        """The fields grouped by, with empty ones up to as many as there may be."""
        chosen = [name for name in self.all("by") if name] or [*self.report.by]
        return [*chosen, *[""] * (MOST_GROUPINGS - len(chosen))]

    @cached_property
    def columns(self) -> list[ColumnChoice]:
        """The columns shown, in their order, then the others."""
        known = {field.name: field for field in columns_of(self.report)}
        sent = [name for name in self.all("column") if name in known]
        shown = list(dict.fromkeys(sent or self.report.columns))
        others = (name for name in known if name not in shown)
        names = [name for name in (*shown, *others) if name in known]
        listed = self._labelled(self._named((known[name] for name in names), shown))
        return [ColumnChoice(name, label, name in shown) for name, label in listed]

    def _labelled(self, known: Iterable[Field]) -> Choices:
        labels = self.offered.custom_labels
        return [(field.name, field_label(field, self.reader, labels)) for field in known]

    @cached_property
    def lists(self) -> dict[str, Choices]:
        """What is offered while typing, by what it is: values, and words where they differ."""
        offered = self.offered
        named = {
            "gateway": offered.gateways, "extension": offered.extensions,
            "department": offered.departments, "cost_centre": offered.cost_centres,
            "office": offered.offices, "site": offered.sites, "area": offered.areas,
            **{name: tuple(choice_words(FIELDS[name], self.reader).values()) for name in (
                "type", "answer", "destination_type", "nation", "weekday")},
        }  # fmt: skip
        lists: dict[str, Choices] = {
            name: [(value, "") for value in values] for name, values in named.items()
        }
        return lists | {"login": [*offered.people]}
