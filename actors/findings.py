"""What was found when something was looked at: well, or what to do. Said later, in any language.

`ringfence doctor` prints findings in English; the portal shows the same ones in the reader's
language. So a finding keeps a message and its values, not a sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple

from telephony.clock import iso_z

NAMED = 3
"""How many of many are named before the rest is counted."""

Verdict = Literal["OK", "TODO", "--"]
"""All is well; something is to be done; not configured, which is no fault."""


class Bytes(int):
    """A size, in bytes."""


class Words(NamedTuple):
    """A message of the catalogues and what fills it in."""

    message: str
    values: Mapping[str, Value] = {}


Value = str | int | datetime | Bytes | Words


def said(message: str, **values: Value) -> Words:
    """A message with its values; the message is marked for the catalogues by `N_`."""
    return Words(message, values)


def plain(value: Value) -> Words:
    """A value that is the whole text: a count, a name, somebody else's words."""
    return Words("%(value)s", {"value": value})


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `text` is how it stands, `todo` what to do, each part by itself.

    `named` are the first few of what it is about, `count` how many there are in all. `link` leads
    to the page where it is seen to; empty where there is none.
    """

    what: Words
    verdict: Verdict
    text: Words
    todo: tuple[Words, ...] = ()
    named: tuple[Words | str, ...] = field(default=())
    count: int = 0
    link: str = ""

    @property
    def key(self) -> str:
        """What the finding is about, the same in every language."""
        return english(self.what)

    @property
    def unnamed(self) -> int:
        """How many of what it is about are not named."""
        return max(0, self.count - len(self.named))

    def __str__(self) -> str:
        return f"{self.verdict:<4}  {english(self.what)}: {self.english()}"

    def english(self) -> str:
        """Everything but the verdict, on one line."""
        names = "; ".join(one if isinstance(one, str) else english(one) for one in self.named)
        if names and self.unnamed:
            names += f"; and {self.unnamed} more"
        told = english(self.text) + (f": {names}" if names else "")
        return "; ".join([told, *(english(words) for words in self.todo)])


def english(words: Words) -> str:
    """The words as they stand in the source, instants in UTC."""
    if not words.values:
        return words.message
    return words.message % {name: _plain(value) for name, value in words.values.items()}


def _plain(value: Value) -> str:
    if isinstance(value, Words):
        return english(value)
    if isinstance(value, Bytes):
        return size_words(value)
    return iso_z(value) if isinstance(value, datetime) else str(value)


def size_words(size: int) -> str:
    """A size to three figures in the unit that goes with it: `12.4 MB`, `1.02 GB`."""
    amount, unit = float(size), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if amount < 1000:
            break
        amount, unit = amount / 1000, larger
    return f"{size} B" if unit == "B" else f"{amount:.3g} {unit}"
