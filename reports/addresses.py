"""Mail addresses as people write them in one field: separated by semicolons, commas or lines.

An address goes into the head of a mail and to a mail server, so that nothing passes here that could
be more than an address.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

MOST_ADDRESSES = 50

Trouble = Literal["bad", "letters", "too_many", "none"]
"""What is wrong: no address, letters no mail server takes, more than fifty, none at all."""

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_BETWEEN = re.compile(r"[;,؛،\r\n]+")
_NAMED = re.compile(r"[^<>]*<([^<>]*)>")
_ADDRESS = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*"
)
_MOST_LETTERS, _MOST_BEFORE_AT = 254, 64  # RFC 5321, 4.5.3.1


class WrongAddress(NamedTuple):
    """One that cannot be written to, as typed, and why."""

    typed: str
    trouble: Trouble


class Addresses(NamedTuple):
    """What a field holds: the addresses, each once, and what is wrong."""

    found: tuple[str, ...]
    wrong: tuple[WrongAddress, ...]


def parse_addresses(text: str) -> Addresses:
    """Read `a@b.c; Anna <d@e.f>`; an empty field is wrong too. Capitals make no other address."""
    found: dict[str, str] = {}
    wrong: list[WrongAddress] = []
    for part in _BETWEEN.split(text):
        typed = part.strip()
        named = _NAMED.fullmatch(typed)
        address = named[1].strip() if named else typed
        if not address:
            continue
        if trouble := _trouble(address):
            wrong.append(WrongAddress(typed[:_MOST_LETTERS], trouble))
        else:
            found.setdefault(address.lower(), address)
    if len(found) > MOST_ADDRESSES:
        wrong.append(WrongAddress(str(len(found)), "too_many"))
    if not found and not wrong:
        wrong.append(WrongAddress("", "none"))
    return Addresses(tuple(found.values()), tuple(wrong))


def _trouble(address: str) -> Trouble | None:
    if not address.isascii() and address.isprintable():
        return "letters"
    fits = len(address) <= _MOST_LETTERS and len(address.partition("@")[0]) <= _MOST_BEFORE_AT
    return None if fits and _ADDRESS.fullmatch(address) else "bad"


def can_be_mailed(text: str, *, lines: bool = False) -> bool:
    """Whether a text can stand in a mail: no control signs, several lines only where `lines`."""
    return not _CONTROL.search(text) and (lines or len(text.splitlines()) <= 1)
