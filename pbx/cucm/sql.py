"""Putting names and keys into `executeSQLQuery` without letting them become SQL."""

from __future__ import annotations

import re
from collections.abc import Iterable

from telephony.errors import PbxRefused

_UUID = re.compile(r"\{?([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})\}?")


def quoted(text: str) -> str:
    """`text` as an SQL string; its quotes are doubled.

    Raises:
        PbxRefused: It holds control characters, which no name in Cisco UCM does.
    """
    if any(character < " " for character in text):
        raise PbxRefused(f"{text!r} is no name")
    return "'" + text.replace("'", "''") + "'"


def in_list(texts: Iterable[str]) -> str:
    """`('a','b')`, for `in`. Of nothing it makes a list that matches nothing."""
    return "(" + (",".join(quoted(text) for text in texts) or "''") + ")"


def to_uuid(key: str) -> str:
    """A key as AXL writes it: in braces, upper case.

    Raises:
        PbxRefused: It is no UUID.
    """
    match = _UUID.fullmatch(key.strip())
    if match is None:
        raise PbxRefused(f"{key!r} is no line of Cisco UCM")
    return "{" + match[1].upper() + "}"


def to_key(uuid: str) -> str:
    """A key as the database writes it: bare, lower case."""
    return to_uuid(uuid)[1:-1].lower()
