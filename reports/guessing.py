"""Keeps hidden digits hidden from whoever tries them one after the other.

A report may be narrowed to a whole number, also one that is shown without its last digits. Asking
for a few is what an office does; asking for thousands is a search for the digits.
"""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta

from storage.facts.ask import Ask
from telephony.errors import RingfenceError

MOST_NUMBERS = 40
"""Different whole numbers one person may ask for within `WITHIN`."""

WITHIN = timedelta(hours=1)
_WHOLE = frozenset({"is", "is_not", "among"})


class TooManyNumbers(RingfenceError):
    """This person has asked for more whole numbers than an office needs; nothing was asked."""


class Guesses:
    """Who asked for which whole numbers of late; lost when the process ends."""

    def __init__(self) -> None:
        self._asked: dict[int, deque[tuple[datetime, str]]] = {}

    def note(self, person_id: int | None, ask: Ask, now: datetime) -> None:
        """Remember the numbers of a question. Raises `TooManyNumbers`."""
        numbers = _numbers(ask)
        if person_id is None or not numbers:
            return
        asked = self._asked.setdefault(person_id, deque())
        while asked and asked[0][0] <= now - WITHIN:
            asked.popleft()
        new = numbers - {number for _, number in asked}
        if len(asked) + len(new) > MOST_NUMBERS:
            raise TooManyNumbers(f"more than {MOST_NUMBERS} whole numbers within an hour")
        asked.extend((now, number) for number in sorted(new))


def _numbers(ask: Ask) -> set[str]:
    conditions = [*ask.where, *(one for all_ in ask.any_of for one in all_)]
    return {
        str(value)
        for one in conditions
        if one.field == "number" and one.operator in _WHOLE
        for value in (one.value if isinstance(one.value, tuple) else (one.value,))
    }
