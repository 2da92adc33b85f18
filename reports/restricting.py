"""*More restrictions*: which operators go with a field, which values, and how rows are joined."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Literal, NamedTuple

from phonenumbers import SUPPORTED_REGIONS

from reports.document import Kind
from reports.fields import FIELDS, Field
from reports.options import Restriction
from telephony.clock import EARLIEST_YEAR, LATEST_YEAR
from words.language import N_

Operator = Literal[
    "is", "is_not", "begins", "ends", "contains", "lacks", "more", "at_least", "less", "at_most",
]  # fmt: skip
Operand = str | int | Decimal | date | datetime
"""What a value means: text as it is, a whole number, an exact figure, a day, a local time."""

OPERATORS: Mapping[Operator, str] = {
    "is": N_("is"),
    "is_not": N_("is not"),
    "begins": N_("begins with"),
    "ends": N_("ends with"),
    "contains": N_("contains"),
    "lacks": N_("does not contain"),
    "more": N_("more than"),
    "at_least": N_("at least"),
    "less": N_("less than"),
    "at_most": N_("at most"),
}
"""Every operator with what people read."""

_TEXT: tuple[Operator, ...] = ("is", "is_not", "begins", "ends", "contains", "lacks")
_FIGURE: tuple[Operator, ...] = ("is", "is_not", "more", "at_least", "less", "at_most")
_TIME: tuple[Operator, ...] = ("is", "is_not", "at_least", "at_most")
_CHOICE: tuple[Operator, ...] = ("is", "is_not")
_INSTANT: tuple[Operator, ...] = ("at_least", "at_most", "more", "less")
_OF_KIND: Mapping[Kind, tuple[Operator, ...]] = {
    "text": _TEXT,
    "phone": _TEXT,
    "count": _FIGURE,
    "seconds": _FIGURE,
    "money": _FIGURE,
    "decimal": _FIGURE,
    "percent": _FIGURE,
    "instant": _INSTANT,
    "date": _TIME,
    "month": _TIME,
    "hour": _TIME,
    "weekday": _TIME,
}

COUNTRIES = frozenset(SUPPORTED_REGIONS)
"""Codes of the countries and territories numbers can lead to (ISO 3166-1, XK for Kosovo)."""

MOST_LETTERS = 200
_WHOLE = re.compile(r"[0-9]{1,9}")
_FIGURES = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6}|,[0-9]{1,2})?")
_CLOCK = re.compile(r"([0-9]{1,4}):([0-5][0-9]):([0-5][0-9])")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Wrong(NamedTuple):
    """What is wrong with a field: an English text of the catalogues and the values it names."""

    message: str
    values: Mapping[str, object] = {}


def operators_of(field: Field) -> tuple[Operator, ...]:
    """The operators that go with a field."""
    return _CHOICE if choices_of(field) else _OF_KIND[field.kind]


def choices_of(field: Field) -> frozenset[str]:
    """The only values a field has, where they are few and fixed; nations by ISO 3166-1 code."""
    if field.name == "nation":
        return COUNTRIES
    return frozenset(code for code, _ in field.choices)


def operand(field: Field, value: str) -> Operand | None:
    """What a restriction's value means for a field, None where it means nothing.

    Seconds and other whole numbers as int, 0 to 6 for a weekday; money and other figures exact;
    a day, the first day of a month; a time of day as a local datetime without zone.
    """
    if choices_of(field):
        return value if value in choices_of(field) else None
    return _READ[field.kind](value)


def within_means(name: str, text: str) -> bool:
    """Whether `text` can be the value of a group of a field; an empty one is *not given*."""
    field = FIELDS[name]
    if len(text) > MOST_LETTERS or _CONTROL.search(text):
        return False
    return (
        field.kind not in {"hour", "weekday", "date", "month"} or operand(field, text) is not None
    )


def tidied(field: Field, value: str) -> str:
    """A value as it is kept: a decimal comma (`0,50`) becomes a point, `2026-10-01 09:30` a `T`."""
    if field.kind in {"money", "decimal", "percent"}:
        return value.replace(",", ".")
    meant = operand(field, value) if field.kind == "instant" else None
    return local_text(meant) if isinstance(meant, datetime) else value


def problem(field: Field, value: str) -> Wrong | None:
    """What is wrong with a value for a field."""
    if not value:
        return Wrong(N_("Write a value."))
    if len(value) > MOST_LETTERS:
        return Wrong(N_("It may have %(most)s letters at most."), {"most": MOST_LETTERS})
    if operand(field, value) is not None:
        return None
    if choices_of(field):
        return Wrong(N_("Choose one of the list."))
    return Wrong(_EXAMPLES[field.kind])


def any_of(restrictions: tuple[Restriction, ...]) -> tuple[tuple[Restriction, ...], ...]:
    """Restrictions as alternatives, of each of which everything holds: AND binds before OR."""
    alternatives: list[list[Restriction]] = []
    for restriction in restrictions:
        if not alternatives or restriction.joined == "or":
            alternatives.append([])
        alternatives[-1].append(restriction)
    return tuple(tuple(alternative) for alternative in alternatives)


# Values -------------------------------------------------------------------------------------------


def read_local(text: str) -> datetime | None:
    """A local time without offset, to the second, of `2026-10-01T09:30` or `2026-10-01`."""
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        return None
    whole = read.tzinfo is None and not read.microsecond and _is_near(read)
    return read if whole else None


def local_text(at: datetime) -> str:
    """A local time as links and forms write it: `2026-10-01T09:30`, with seconds if it has any."""
    return at.isoformat(timespec="seconds" if at.second else "minutes")


def _is_near(day: date) -> bool:
    return EARLIEST_YEAR <= day.year <= LATEST_YEAR


def _text(text: str) -> str | None:
    return None if _CONTROL.search(text) else text


def _whole(text: str) -> int | None:
    return int(text) if _WHOLE.fullmatch(text) else None


def _seconds(text: str) -> int | None:
    """Seconds, or a duration as tables write it: `00:10:00`."""
    if (clock := _CLOCK.fullmatch(text)) is None:
        return _whole(text)
    hours, minutes, seconds = map(int, clock.groups())
    return hours * 3600 + minutes * 60 + seconds


def _figure(text: str) -> Decimal | None:
    return Decimal(text.replace(",", ".")) if _FIGURES.fullmatch(text) else None


def _below(limit: int) -> Callable[[str], int | None]:
    def read(text: str) -> int | None:
        number = _whole(text)
        return number if number is not None and number < limit else None

    return read


def _day(text: str) -> date | None:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if _is_near(day) else None


def _month(text: str) -> date | None:
    return _day(f"{text}-01")


_READ: Mapping[Kind, Callable[[str], Operand | None]] = {
    "text": _text,
    "phone": _text,
    "count": _whole,
    "seconds": _seconds,
    "money": _figure,
    "decimal": _figure,
    "percent": _figure,
    "instant": read_local,
    "date": _day,
    "month": _month,
    "hour": _below(24),
    "weekday": _below(7),
}
_CANNOT_BE_SHOWN = N_("It has a letter that cannot be shown. Type it anew.")
_FIGURE_LIKE = N_("Write a number like 20 or 0.50.")
_EXAMPLES: Mapping[Kind, str] = {
    "text": _CANNOT_BE_SHOWN,
    "phone": _CANNOT_BE_SHOWN,
    "count": N_("Write a whole number."),
    "seconds": N_("Write seconds, like 20, or a duration like 00:10:00."),
    "money": _FIGURE_LIKE,
    "decimal": _FIGURE_LIKE,
    "percent": _FIGURE_LIKE,
    "instant": N_("Write a date and time like 2026-03-31T09:30."),
    "date": N_("Write a day like 2026-03-31."),
    "month": N_("Write a month like 2026-03."),
    "hour": N_("Write an hour from 0 to 23."),
    "weekday": N_("Choose one of the list."),
}
"""What to write instead, by the kind of the field."""
