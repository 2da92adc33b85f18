"""What a report is narrowed to: one part for each tick box of its form, None where unticked.

Options are values. They come from a form or a link (`reports.option_fields`), are kept with saved
and scheduled reports as JSON, and become a question (`reports.asking`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from storage.report_choices import GroupKind

Traffic = Literal["external", "internal", "all"]
RelativePeriod = Literal[
    "today", "yesterday", "this_week", "last_week", "this_month", "last_month", "this_quarter",
    "last_quarter", "this_year", "last_year",
]  # fmt: skip
Way = Literal["outgoing", "incoming", "internal", "any"]
Answer = Literal["answered", "unanswered", "any"]
PlaceKind = Literal["type", "country", "area"]


class LastDays(NamedTuple):
    """The last `days` days: today and those before it, in the report's zone."""

    days: int


class Interval(NamedTuple):
    """From an instant of the report's zone, included, to another, excluded; without offset."""

    from_local: datetime
    until_local: datetime


Period = RelativePeriod | LastDays | Interval


class RestrictedGroup(NamedTuple):
    """One or more gateways, extensions, departments ...: any of `values`.

    Values are names as people read them; people are given by their login.
    """

    kind: GroupKind
    values: tuple[str, ...]


class CallType(NamedTuple):
    """Which way a call went and whether it was answered."""

    way: Way
    answer: Answer


class Place(NamedTuple):
    """Where calls lead or come from.

    `values` are destination types of the price list (`international`), countries (ISO 3166-1), or
    areas (the price list's names of destinations).
    """

    kind: PlaceKind
    values: tuple[str, ...]


class Restriction(NamedTuple):
    """A row of *More restrictions*: how it is joined to those before it, field, operator, value.

    The value is text as typed, checked against its field's kind; seconds for durations, a plain
    decimal for money. AND binds before OR.
    """

    joined: Literal["and", "or"]
    field: str
    operator: str
    value: str


@dataclass(frozen=True, slots=True)
class Options:
    """Everything a report can be narrowed to and arranged by; None has no effect.

    `like` is the id of a call whose number the calls share: how a list behind a group of numbers
    is asked for without naming a masked number. `within` narrows to one group of a report: fields
    and the texts of their exact values, empty where a call has none. `by` are the fields to group
    by where they are not the report's own, `columns` the columns chosen and their order. `zone` is
    an IANA name.
    """

    traffic: Traffic | None = None
    period: Period | None = None
    groups: tuple[RestrictedGroup | None, RestrictedGroup | None] = (None, None)
    call_type: CallType | None = None
    place: Place | None = None
    most: int | None = None
    restrictions: tuple[Restriction, ...] = ()
    zone: str | None = None
    columns: tuple[str, ...] | None = None
    by: tuple[str, ...] | None = None
    like: str | None = None
    within: tuple[tuple[str, str], ...] = ()


NO_OPTIONS = Options()
"""Every call there is."""
