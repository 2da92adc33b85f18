"""Where a number leads: the rows of a price list that speak of it.

A whole number takes the rows of its longest prefix. An emergency number takes rows of type
`emergency` alone, and is free where there are none. A short code takes a row that names it whole,
or a service row (`tollfree premium emergency other`) that is longer than the country code: a
city's prefix often looks like the start of a short code and must not price it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from rating.tariff import SERVICE_TYPES, Rate, TariffVersion
from telephony.numbers import Number

EMERGENCY = "Emergency"
"""The destination of an emergency number that the price list does not name."""


class Candidate(NamedTuple):
    """A prefix of the price list that fits the digits, and why it lost; empty for the winner."""

    prefix: str
    rows: tuple[Rate, ...]
    lost: str


def find(version: TariffVersion, number: Number) -> tuple[Rate, ...] | None:
    """The rows of the prefix that wins for `number`, or None: no rate covers it."""
    if number.kind == "e164":
        return version.longest(number.rated_as)
    return next((rows for rows, lost in _judged(version, number) if not lost), None)


def candidates(version: TariffVersion, number: Number) -> tuple[Candidate, ...]:
    """Every prefix that fits, longest first, the winner among them: for the trace."""
    won = find(version, number)
    return tuple(
        Candidate(rows[0].prefix, rows, "" if rows is won else lost or "a longer prefix wins")
        for rows, lost in _judged(version, number)
    )


def _judged(version: TariffVersion, number: Number) -> Iterator[tuple[tuple[Rate, ...], str]]:
    """Rows of every fitting prefix, longest first, with why they may not price such a number."""
    if number.kind == "emergency" and (rows := version.emergency.get(number.dialled)):
        yield rows, ""
    for rows in version.candidates(number.rated_as):
        yield rows, _barred(rows[0], number)


def _barred(rate: Rate, number: Number) -> str:
    if number.kind == "e164":
        return "emergency rows price emergency numbers alone" if rate.type == "emergency" else ""
    if number.kind == "emergency":
        return "" if rate.type == "emergency" else "no emergency row"
    if rate.prefix == number.rated_as:
        return ""
    if rate.type in SERVICE_TYPES and len(rate.prefix) > len(number.calling_code):
        return ""
    return "prices whole numbers, not short codes"
