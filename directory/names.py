"""The names of LDAP: what a person types made harmless, distinguished names made comparable.

Nothing a person types reaches a filter before `escaped` has been over it. Sources: RFC 4514 for
distinguished names, RFC 4515 for filters.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_ATTRIBUTE = re.compile(r"(?:[A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)+)(?:;[A-Za-z0-9-]+)*")
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?\.?")
_MAX_NAME = 256
_ESCAPED_AS_THEY_ARE = ' "#+,;<=>\\'


class BadName(ValueError):
    """Not a name of the kind asked for; the text says what is wrong with it."""


class ServerName(NamedTuple):
    """Where a server is. `port` 0: the usual one."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}" if self.port else host


def escaped(value: str) -> str:
    """`value` for a filter: matches itself alone, whatever it is made of.

    Every byte that is no ASCII letter or digit is written in hexadecimal, so nothing is left
    to how a parser reads the rest.
    """
    return "".join(
        chr(byte) if byte in _PLAIN else f"\\{byte:02x}" for byte in value.encode("utf-8")
    )


def typed_name(name: str) -> str:
    r"""The name somebody typed, without the domain of `DOMAIN\name`, composed (NFC).

    Raises:
        BadName: Empty, longer than any name, or with a character no name has.
    """
    # Marks of direction come along when a name is copied beside Arabic; they are no part of it.
    seen = "".join(c for c in name if unicodedata.category(c) != "Cf")
    stripped = unicodedata.normalize("NFC", seen.rpartition("\\")[2].strip())
    if not stripped or len(stripped) > _MAX_NAME:
        raise BadName("a name has between 1 and 256 characters")
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in stripped):
        raise BadName("a name has no control characters")
    return stripped


def is_attribute(name: str) -> bool:
    """Whether this can be the name of an attribute."""
    return _ATTRIBUTE.fullmatch(name) is not None


def is_domain(name: str) -> bool:
    """Whether this can be the name of a domain, or of a host in it."""
    return _HOST.fullmatch(name) is not None


def server_name(text: str) -> ServerName:
    """`host`, `host:port`, `[IPv6]:port` or an IPv6 address.

    Raises:
        BadName: Anything else.
    """
    text = text.strip()
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")) or ":" not in host:
            raise BadName(text)
        return ServerName(_ipv6(host), _port(rest[1:]) if rest else 0)
    if text.count(":") > 1:
        return ServerName(_ipv6(text), 0)
    host, colon, port = text.partition(":")
    if not _HOST.fullmatch(host):
        raise BadName(text)
    return ServerName(host, _port(port) if colon else 0)


def _ipv6(text: str) -> str:
    if not re.fullmatch(r"[0-9A-Fa-f:.]+(?:%[A-Za-z0-9]+)?", text):
        raise BadName(text)
    return text


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or not 0 < int(text) < 65536:
        raise BadName(text)
    return int(text)


def canonical(dn: str) -> str:
    """The distinguished name as one spelling of all that mean the same: for comparing alone.

    Letters are folded, spaces that do not count are dropped, escapes are written one way, and the
    parts of a name of several attributes are sorted.

    Raises:
        BadName: This is no distinguished name.
    """
    return ",".join(
        "+".join(sorted(f"{kind}={_rewritten(value)}" for kind, value in parts))
        for parts in _parsed(dn)
    )


def same_or_text(dn: str) -> str:
    """`canonical`, or the text itself where a server's name for an entry cannot be read."""
    try:
        return canonical(dn)
    except BadName:
        return dn


def _rewritten(value: str) -> str:
    folded = unicodedata.normalize("NFC", " ".join(value.split()).casefold())
    special = re.sub(r'[\\,+"<>;=#]', lambda found: "\\" + found.group(), folded)
    return special.replace("\0", "\\00")


def _parsed(dn: str) -> list[list[tuple[str, str]]]:
    names: list[list[tuple[str, str]]] = []
    if not dn.strip():
        return names
    position, parts = 0, list[tuple[str, str]]()
    while True:
        kind, equals, _ = dn[position:].partition("=")
        if not equals or not is_attribute(kind.strip()):
            raise BadName(f"{dn[position:]!r} is no attribute=value")
        value, end = _value(dn, position + len(kind) + 1)
        parts.append((kind.strip().lower(), value))
        if end == len(dn) or dn[end] in ",;":
            names.append(parts)
            parts = []
        if end == len(dn):
            return names
        position = end + 1


def _value(dn: str, start: int) -> tuple[str, int]:
    """The value that starts here, unescaped, and where it ended."""
    length = len(dn)
    while start < length and dn[start] == " ":
        start += 1
    if start < length and dn[start] == '"':
        return _quoted(dn, start + 1)
    found, kept, position = bytearray(), 0, start
    while position < length and dn[position] not in ",+;":
        character = dn[position]
        if character == "\\":
            octets, position = _escape(dn, position)
            found += octets
            kept = len(found)
            continue
        if character in '"<>\0':
            raise BadName(f"{character!r} in a name must be escaped")
        found += character.encode("utf-8")
        position += 1
        if character != " ":
            kept = len(found)
    return _text(found[:kept]), position


def _quoted(dn: str, start: int) -> tuple[str, int]:
    """A value in quotation marks, as RFC 2253's forerunners wrote it."""
    found, position = bytearray(), start
    while position < len(dn) and dn[position] != '"':
        if dn[position] == "\\":
            octets, position = _escape(dn, position)
            found += octets
        else:
            found += dn[position].encode("utf-8")
            position += 1
    end = position + 1
    while end < len(dn) and dn[end] == " ":
        end += 1
    if position == len(dn) or (end < len(dn) and dn[end] not in ",+;"):
        raise BadName("a quotation mark is not closed")
    return _text(found), end


def _escape(dn: str, position: int) -> tuple[bytes, int]:
    pair = dn[position + 1 : position + 3]
    if re.fullmatch("[0-9A-Fa-f]{2}", pair):
        return bytes.fromhex(pair), position + 3
    if not pair or pair[0] not in _ESCAPED_AS_THEY_ARE:
        raise BadName("a backslash stands before nothing it could escape")
    return pair[0].encode(), position + 2


def _text(octets: bytes | bytearray) -> str:
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        raise BadName("not UTF-8") from None
