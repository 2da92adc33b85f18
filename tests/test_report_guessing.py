"""Whoever tries the hidden digits of a number one after the other is stopped."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from reports.guessing import MOST_NUMBERS, WITHIN, Guesses, TooManyNumbers
from storage.facts.ask import Ask, Condition

NOW = datetime(2026, 3, 10, 9, 30, tzinfo=UTC)


def number(*typed: str) -> Ask:
    return Ask(any_of=tuple((Condition("number", "is", one),) for one in typed))


def test_an_offices_few_numbers_are_asked_as_often_as_one_likes() -> None:
    guesses = Guesses()
    for _ in range(100):
        guesses.note(1, number("026677123", "026677124"), NOW)


def test_thousands_are_not() -> None:
    guesses = Guesses()
    for at in range(0, MOST_NUMBERS, 20):
        guesses.note(1, number(*(f"02667712{n:02}" for n in range(at, at + 20))), NOW)
    with pytest.raises(TooManyNumbers):
        guesses.note(1, number("0266771299"), NOW)
    guesses.note(1, number("0266771200"), NOW)
    guesses.note(2, number("0266771299"), NOW)
    guesses.note(1, number("0266771299"), NOW + WITHIN + timedelta(seconds=1))


def test_a_list_of_numbers_counts_each() -> None:
    many = tuple(f"0266{n:04}" for n in range(MOST_NUMBERS + 1))
    with pytest.raises(TooManyNumbers):
        Guesses().note(1, Ask(where=(Condition("number", "among", many),)), NOW)


def test_parts_of_numbers_and_other_fields_count_nothing() -> None:
    guesses = Guesses()
    for n in range(10 * MOST_NUMBERS):
        guesses.note(1, Ask(where=(Condition("number", "begins", f"0{n}"),)), NOW)
        guesses.note(1, Ask(where=(Condition("duration", "is", n),)), NOW)
